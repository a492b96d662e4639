"""The clauses of the notice, in its order: 62 sentences that the program executes, proves, or honestly does not have yet.

`built` says whether this version of the program does what the clause demands; the notice of such a clause says what holds
today. `data` are the categories that the clause speaks of.
"""

from dataclasses import dataclass

from stadtmail.privacy.periods import Period
from stadtmail.privacy.policy.model import Words

EXECUTABLE, INFORMATIONAL = "executable", "informational"


@dataclass(frozen=True)
class Clause:
    """One clause: its anchor on the page, and how old the newest figure behind it may be."""

    id: str
    title: Words
    kind: str
    data: tuple[str, ...]
    built: bool
    interval: Period

    @property
    def section(self) -> int:
        """Section of the notice, 1 to 6."""
        return int(self.id[2])


def _clause(id: str, de: str, en: str, *, data: str, informational: bool = False, built: bool = True, interval: str = "P1D") -> Clause:  # noqa: A002
    kind = INFORMATIONAL if informational else EXECUTABLE
    return Clause(id, Words(de, en), kind, tuple(data.split()), built, Period.parse(interval))


CLAUSES: tuple[Clause, ...] = (
    _clause("C-1.1", "Ein Verantwortlicher für alles", "One controller for everything", data=""),
    _clause("C-1.2", "Speicherung nur beim Dienstleister", "Stored only at the operator", data=""),
    _clause("C-1.3", "Information statt unterstellter Einwilligung", "Information, not implied consent", data="CONS"),
    _clause("C-1.4", "Angebote des Dienstleisters", "Offers of the operator", data="BD INV ND", built=False),
    _clause("C-1.5", "Datenschutzbeauftragte Stelle", "Data-protection officer", data="DSR"),
    _clause("C-1.6", "Vertrauliche Post", "Confidential letters", data="DSR", built=False),
    _clause("C-2.1", "Nur was erforderlich ist", "Only what is needed", data="BD ND VD AD"),
    _clause("C-2.2", "Bestandsdaten", "Inventory data", data="BD BD-ID BD-PAY BD-CRED ALI"),
    _clause("C-2.3", "Erhebung im Bestellformular", "Collected in the order form", data="BD"),
    _clause("C-2.4", "Zweck der Nutzungs- und Verkehrsdaten", "Purpose of usage and traffic data", data="ND VD"),
    _clause("C-2.5", "Umfang der Nutzungs- und Verkehrsdaten", "Extent of usage and traffic data", data="ND VD"),
    _clause("C-2.6", "Freiwillige Angaben", "Voluntary details", data="BD-OPT"),
    _clause("C-2.7", "Keine Übermittlung ohne Einwilligung", "No transfer without consent", data="", built=False),
    _clause("C-2.8", "Rechtsgrundlage ist der Vertrag", "The contract is the legal basis", data="BD ND VD INH IMPORT"),
    _clause("C-3.1", "Nur Sitzungscookies", "Session cookies only", data="COOK"),
    _clause("C-3.2", "Wiedererkennung in einer Sitzung", "Recognition within one session", data="COOK"),
    _clause("C-3.3", "Ende mit dem Schließen des Browsers", "Ends when the browser closes", data="COOK"),
    _clause("C-3.4", "Das Cookie benennt niemanden", "The cookie identifies nobody", data="COOK"),
    _clause("C-3.5", "Zählung der Nutzung", "Counting of use", data="STAT COOK", built=False),
    _clause("C-3.6", "Kein Rückschluss auf Einzelne", "No conclusion about a person", data="STAT", built=False),
    _clause("C-3.7", "Keine personenbezogenen Daten im Cookie", "No personal data in the cookie", data="COOK"),
    _clause("C-3.8", "Nutzung ohne Cookies", "Use without cookies", data="COOK"),
    _clause("C-3.9", "Hinweis zum Cookie", "A hint about the cookie", data="", informational=True),
    _clause("C-3.10", "Ablehnung im Browser gilt", "Refusal in the browser counts", data="COOK"),
    _clause("C-3.11", "Rechtsgrundlage des Cookies", "Legal basis of the cookie", data="COOK"),
    _clause("C-4.1", "Löschung der Bestandsdaten", "Erasure of inventory data", data="BD BD-ID BD-PAY BD-CRED ALI"),
    _clause("C-4.2", "Löschung der Nutzungs- und Verkehrsdaten", "Erasure of usage and traffic data", data="ND VD TRANSIT"),
    _clause("C-4.3a", "Abrechnungsdaten: Frist", "Billing data: period", data="AD", built=False),
    _clause("C-4.3b", "Abrechnungsdaten: Einwendungen", "Billing data: objections", data="AD INV", built=False),
    _clause("C-4.3c", "Abrechnungsdaten: offene Rechnung", "Billing data: unpaid invoice", data="INV AD", built=False),
    _clause("C-4.3d", "Abrechnungsdaten: Gesetz", "Billing data: statutes", data="INV BOOK", built=False),
    _clause("C-4.4", "Übermittlung von Abrechnungsdaten", "Transfer of billing data", data="AD", built=False),
    _clause("C-4.5", "Einzug durch Dritte", "Collection by others", data="INV BD-PAY AD", built=False),
    _clause("C-4.6", "Statistik nur anonym", "Statistics only anonymous", data="STAT", built=False),
    _clause("C-4.7", "Niemand liest Ihre Inhalte", "Nobody reads your contents", data="INH IMPORT"),
    _clause("C-4.8", "Auskunft an Strafverfolgungsbehörden", "Disclosure to prosecutors", data="BD BD-ID VD ND INH LEA", built=False),
    _clause("C-4.9a", "Wechsel des Dienstleisters: Weitergabe", "Change of operator: hand-over", data="", built=False),
    _clause("C-4.9b", "Wechsel des Dienstleisters: Löschung", "Change of operator: erasure", data="", built=False),
    _clause("C-4.10", "Störungen und Fehler", "Faults and errors", data="VD-FAULT BD", built=False),
    _clause("C-4.11", "Missbrauch", "Abuse", data="VD-FAULT", built=False),
    _clause("C-5.1", "Webanalyse", "Web analytics", data="ANA", built=False),
    _clause("C-5.2", "Cookies der Webanalyse", "Cookies of web analytics", data="ANA COOK CONS", built=False),
    _clause("C-5.3", "Gekürzte IP-Adresse", "Shortened IP address", data="ANA", built=False),
    _clause("C-5.4", "Wem die Webanalyse dient", "Whom web analytics serves", data="ANA", built=False),
    _clause("C-5.5", "Sofortige Anonymisierung", "Anonymised at once", data="ANA", built=False),
    _clause("C-5.6", "Keine Weitergabe", "No disclosure", data="ANA", built=False),
    _clause("C-5.7", "Abschalten im Browser", "Switching off in the browser", data="ANA", built=False),
    _clause("C-5.8", "Schutz der Formulare", "Protection of forms", data="CAPT CONT", built=False),
    _clause("C-5.9", "Mensch oder Maschine", "Human or machine", data="CAPT", built=False),
    _clause("C-5.10", "Nichts an Google", "Nothing to Google", data="CAPT"),
    _clause("C-5.11", "Keine fremden Datenschutzbestimmungen", "No foreign privacy policy", data="CAPT", built=False),
    _clause("C-5.12", "Kein Verweis auf Google", "No link to Google", data="", informational=True),
    _clause("C-6.1", "Auskunft", "Access", data="DSR EXP", built=False),
    _clause("C-6.2a", "Löschung auf Wunsch", "Erasure on request", data="", built=False),
    _clause("C-6.2b", "Berichtigung", "Rectification", data="BD INV"),
    _clause("C-6.2c", "Einschränkung", "Restriction", data="BD BD-ID BD-PAY"),
    _clause("C-6.2d", "Datenübertragung", "Portability", data="BD BD-ID BD-OPT INH CONS ND", built=False),
    _clause("C-6.2e", "Widerruf und Widerspruch", "Withdrawal and objection", data="CONS ANA BD-OPT"),
    _clause("C-6.3", "Beschwerderecht", "Right to complain", data="", informational=True),
    _clause("C-6.4", "Zuständige Aufsichtsbehörden", "Competent authorities", data="", informational=True),
    _clause("C-6.5", "Anschriften der Aufsichtsbehörden", "Addresses of the authorities", data="", informational=True, interval="P12M"),
    _clause("C-6.6", "Fragen zum Datenschutz", "Questions about data protection", data="DSR", built=False),
)
BY_ID: dict[str, Clause] = {clause.id: clause for clause in CLAUSES}


def clause(id: str) -> Clause:  # noqa: A002
    """The clause with this id. Raises KeyError."""
    return BY_ID[id]
