"""What is stored about somebody, in words: labels for the keys of the access file, dates and codes as people read them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from babel.dates import format_date, format_datetime
from babel.lists import format_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stadtmail.doors.web.labels import colours
from stadtmail.people.actions import restriction
from stadtmail.privacy.policy import Policy

_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
MOST = 20  # records of one category that the page spells out; the download has all of them
NOT_OF_A_CONTRACT = frozenset({"ORD", "CONT", "STAFF"})  # before it, or of somebody else
MOMENTS = frozenset(  # keys whose values are days and moments
    {"birth_date", "until", "concluded", "ended", "given_at", "withdrawn_at", "at", "accepted_at", "received", "began_at", "seen_at",
     "reset_from", "reset_until", "made_on", "planned_for"}
)  # fmt: skip
CORRECTABLE = ("name", "street", "postcode", "town")


@dataclass(frozen=True)
class Line:
    """One stored value with its label."""

    label: str
    value: str


@dataclass(frozen=True)
class Voluntary:
    """A voluntary detail, which can be withdrawn alone."""

    field: str
    label: str
    value: str


@dataclass(frozen=True)
class Shown:
    """A category as the page shows it."""

    part: Any
    records: tuple[tuple[Line, ...], ...]
    more: int
    voluntary: tuple[Voluntary, ...] = ()
    is_short: bool = False  # a list of few words: term and value side by side on a phone too


@dataclass(frozen=True)
class Part:
    """A category as the desk sees it."""

    name: str
    records: tuple[tuple[Line, ...], ...]


def section(part: Any, *, policy: Policy, lang: str) -> Shown:
    """One section of the overview with readable records."""
    records = list(part.records)
    if part.category == "BD-OPT":
        return Shown(part, (), 0, details(records))
    places = [record for record in records if "folder" in record]
    if places:
        others = tuple(tuple(lines(record, policy=policy, lang=lang)) for record in records if "folder" not in record)
        return Shown(part, (*_folders(places), *others[:MOST]), max(0, len(others) - MOST), is_short=not others)
    shown = tuple(tuple(lines(record, policy=policy, lang=lang)) for record in records[:MOST])
    return Shown(part, tuple(one for one in shown if one), max(0, len(records) - MOST))


def parts(records: Mapping[str, Iterable[Mapping[str, Any]]], *, policy: Policy, lang: str) -> list[Part]:
    """What a look at the desk opened: the categories by name, their records in words."""
    return [
        Part(policy.categories[code].name[lang], tuple(tuple(lines(record, policy=policy, lang=lang)) for record in found))
        for code, found in sorted(records.items())
    ]


def correctable(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The present name and address, to be put right in a form."""
    for record in records:
        return {"name": str(record.get("name", "")), **{name: str(value) for name, value in record.get("address", {}).items()}}
    return {}


def lines(record: Mapping[str, Any], *, policy: Policy, lang: str) -> Iterable[Line]:
    """Label and value of everything in a record; nested values (address, dates) become lines of their own."""
    labels = _labels()
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from lines(value, policy=policy, lang=lang)
        elif callable(value) or value in (None, ""):
            continue  # bytes of a message: in the download
        elif key == "colour":
            yield Line(labels[key], colours().get(value, value))
        else:
            yield Line(labels.get(key, key), _readable(key, value, policy=policy, lang=lang))


def access(seen: Mapping[str, Any], *, policy: Policy, lang: str) -> dict[str, str]:
    """One look of the staff at this person's data."""
    categories = [policy.categories[code].name[lang] for code in seen["categories"] if code in policy.categories]
    return {
        "at": _readable("at", seen["at"], policy=policy, lang=lang),
        "role": roles().get(seen["role"], seen["role"]),
        "purpose": purposes().get(seen["purpose"], seen["purpose"]) + (f": {seen['case']}" if seen.get("case") else ""),
        "what": ", ".join(categories),
    }


def roles() -> dict[str, str]:
    """Roles of the staff."""
    return {"desk": _("Schreibtisch der Stadt"), "officer": _("Datenschutzbeauftragte Stelle")}


def purposes() -> dict[str, str]:
    """Why somebody of the staff may look: the room's closed list, in words."""
    return {
        "order_check": _("Prüfung der Bestellung"),
        "support_with_person": _("Hilfe, während die Person dabei ist"),
        "correction": _("Berichtigung auf Wunsch der Person"),
        "dsr": _("Antrag auf Auskunft oder ein anderes Datenschutzrecht"),
        "login_reset": _("Brief für ein neues Passwort, von zwei Personen"),
        "claim": _("Rechtsansprüche oder Rechte anderer, mit Löschstopp von zwei Personen"),
    }


def locked(why: Exception) -> str:
    """Why somebody at the desk does not see a contract for the purpose that they gave."""
    if isinstance(why, restriction.NoClaim):
        return _("Für Rechtsansprüche öffnet sich der Vertrag erst, wenn zwei Personen einen Löschstopp dafür gesetzt haben.")
    return _(
        "Die Person hat diese Daten einschränken lassen (Art. 18 DSGVO). Zu diesem Zweck öffnen sie sich erst, wenn sie das aufhebt."
    )


def restriction_reasons(policy: Policy) -> list[Line]:
    """For what the law lets a person restrict (Art. 18(1) GDPR), as far as the city's policy knows it: code and words."""
    words = {
        "accuracy_contested": _("Ich bestreite, dass die Daten richtig sind."),
        "needed_for_claim": _("Ich brauche die Daten, um Ansprüche geltend zu machen."),
        "objection_pending": _("Über meinen Widerspruch ist noch nicht entschieden."),
    }
    kind = policy.hold_types.get("restriction")
    return [Line(code, words[code]) for code in (kind.reasons if kind else ()) if code in words]


def restrictable(policy: Policy, *, lang: str) -> tuple[str, str]:
    """What a restriction keeps from being erased, and what goes at its time all the same, by the names of the categories."""
    stored = [category for category in policy.categories.values() if category.rule and category.store == "default"]
    mine = [category for category in stored if category.code not in NOT_OF_A_CONTRACT]
    names = ([c.name[lang] for c in mine if ("restriction" in c.holds) == held] for held in (True, False))
    stays, goes = (format_list(found, locale=lang) for found in names)
    return stays, goes


def done(word: str) -> str:
    """What the last click did, from a closed list: the address line carries no text."""
    return {
        "angegeben": _("Die Angabe ist gespeichert, mit Ihrer Einwilligung."),
        "widerrufen": _("Die Angabe ist gelöscht."),
        "berichtigt": _("Ihre Angaben sind berichtigt. Die alten sind überschrieben."),
        "eingeschraenkt": _("Die Einschränkung gilt. Was davon betroffen ist und was nicht, steht unten unter „Einschränkung“."),
        "aufgehoben": _("Die Einschränkung ist aufgehoben. Was inzwischen fällig war, ist gelöscht."),
        "bleibt": _("Die Kündigung ist zurückgenommen. Abholcode und Quittungscode gelten nicht mehr."),
        "passwort": _("Ihr Passwort ist geändert. Alle anderen Sitzungen sind beendet."),
        "app-widerrufen": _("Das App-Passwort ist gelöscht. Seine Verbindungen sind beendet."),
        "entsiegelt": _("Die Versiegelung ist aufgehoben. Ihr Postfach ist ein gewöhnliches."),
        "leer": _("Ihr Postfach beginnt neu und ist leer. Der Schlüssel der alten Nachrichten ist vernichtet."),
        "mail-login-an": _("Mailprogramme dürfen Ihr Passwort für das Portal jetzt benutzen."),
        "mail-login-aus": _("Mailprogramme dürfen Ihr Passwort für das Portal nicht mehr benutzen."),
        "brief-gestoppt": _("Der Code im Brief gilt nicht mehr."),
        "sitzung-beendet": _("Diese Sitzung ist beendet."),
        "faktor-app": _("Die Code-App gilt ab jetzt bei jeder Anmeldung."),
        "faktor-passkey": _("Der Passkey gilt ab jetzt bei jeder Anmeldung."),
        "ohne-passwort": _("Zum Anmelden genügt ab jetzt dieser Passkey. Ihr Passwort bleibt daneben gültig."),
        "faktor-aus": _("Das ist abgeschaltet und gelöscht."),
    }.get(word, "")


def desk_done(word: str) -> str:
    """What the last click at the desk did, from a closed list."""
    return {
        "freigegeben": _("Die Bestellung ist freigegeben; das Postfach ist offen."),
        "abgelehnt": _("Die Bestellung ist abgelehnt und gelöscht."),
        "berichtigt": _(
            "Die Angaben sind berichtigt, die alten sind überschrieben. Die Person hat eine Nachricht darüber in ihrem Postfach."
        ),
        "berichtigt-brief": _(
            "Die Angaben sind berichtigt, die alten sind überschrieben. Das Postfach nahm keine Nachricht darüber an: "
            "Bitte sagen Sie es der Person per Brief."
        ),
        "unveraendert": _("Es gab nichts zu ändern."),
    }.get(word, "")


def _folders(records: Iterable[Mapping[str, Any]]) -> tuple[tuple[Line, ...], ...]:
    """The folders of a mailbox as one list: the name, and how many messages lie in it; the empty ones last."""
    counts = sorted(((str(one["folder"]), int(one.get("messages", 0))) for one in records), key=lambda one: one[1] == 0)
    said = (Line(name, ngettext("%(n)s Nachricht", "%(n)s Nachrichten", n) % {"n": n} if n else _("leer")) for name, n in counts)
    return (tuple(said),)


def details(records: Iterable[Mapping[str, Any]]) -> tuple[Voluntary, ...]:
    """Voluntary details, each with its name."""
    return tuple(_voluntary(one) for one in records)


def _voluntary(record: Mapping[str, Any]) -> Voluntary:
    field = str(record.get("field", ""))
    return Voluntary(field, codewords("field").get(field, field), str(record.get("value", "")))


def _readable(key: str, value: Any, *, policy: Policy, lang: str) -> str:
    """A value as people read it. What it is follows from its key: a person's own text stays as it is, whatever it looks like."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_readable(key, one, policy=policy, lang=lang) for one in value)
    if isinstance(value, bool):
        return _("ja") if value else _("nein")
    at = _at(value) if key in MOMENTS or not isinstance(value, str) else None
    if isinstance(at, datetime):
        return str(format_datetime(at.astimezone(policy.tz), "medium", tzinfo=policy.tz, locale=lang))
    if at is not None:
        return str(format_date(at, "long", locale=lang))
    return codewords(key).get(str(value), str(value))


def _at(value: Any) -> datetime | date | None:
    """The moment or day that a stored value names."""
    try:
        if isinstance(value, str) and _DAY.match(value):
            return date.fromisoformat(value)
        if isinstance(value, str) and _MOMENT.match(value):
            return datetime.fromisoformat(value)
    except ValueError:
        return None
    return value if isinstance(value, (datetime, date)) else None


def codewords(key: str) -> dict[str, str]:
    """The codes that can stand under a key, in words; nothing for a key whose values are no codes."""
    kinds = {"person": _("Person"), "organisation": _("Organisation")}
    fields = {"nickname": _("Anrede"), "contact_mail": _("Andere E-Mail-Adresse")}
    return {
        "salutation": kinds,
        "kind": {**kinds, "cookie": _("Browser mit Cookie"), "url": _("Browser ohne Cookie")},
        "language": {"de": _("Deutsch"), "en": _("Englisch")},
        "field": fields,
        "purpose": fields,  # of a consent: the detail that it is for
        "source": {
            "order_form": _("Bestellformular"),
            "clerk": _("Schreibtisch der Stadt"),
            "import": _("Übernahme aus dem früheren System"),
        },
        "second_factor": {"app": _("Code-App"), "passkey": _("Passkey")},
        "scopes": {
            "imap": _("E-Mail lesen und ordnen (IMAP)"),
            "submission": _("E-Mail senden (SMTP)"),
            "sieve": _("Filter bearbeiten (ManageSieve)"),
        },
    }.get(key, {})


def _labels() -> dict[str, str]:
    return {
        "name": _("Name"),
        "street": _("Straße und Hausnummer"),
        "postcode": _("Postleitzahl"),
        "town": _("Ort"),
        "birth_date": _("Geburtsdatum"),
        "mail_address": _("E-Mail-Adresse"),
        "further_address": _("Weitere Adresse"),
        "until": _("Bis"),
        "concluded": _("Vertragsbeginn"),
        "ended": _("Vertragsende"),
        "display_name": _("Anzeigename"),
        "salutation": _("Vertrag mit"),
        "language": _("Sprache"),
        "phone": _("Telefonnummer"),
        "iban": _("IBAN"),
        "account_holder": _("Kontoinhaberin oder Kontoinhaber"),
        "purpose": _("Zweck"),
        "text": _("Gezeigter Text"),
        "given_at": _("Eingewilligt am"),
        "withdrawn_at": _("Widerrufen am"),
        "at": _("Zeitpunkt"),
        "role": _("Wer"),
        "categories": _("Datenarten"),
        "folder": _("Ordner"),
        "folders": _("Ordner"),
        "messages": _("Nachrichten"),
        "sender": _("Absender"),
        "to": _("Empfänger"),
        "accepted_at": _("Übergeben am"),
        "answers": _("Antworten der Server"),
        "received": _("Eingegangen"),
        "flags": _("Markierungen"),
        "uid": _("Nummer"),
        "kind": _("Art"),
        "began_at": _("Seit"),
        "seen_at": _("Zuletzt benutzt"),
        "mail_login": _("Mailprogramme dürfen das Passwort benutzen"),
        "app_password": _("App-Passwort"),
        "second_factor": _("Zweiter Faktor"),
        "reset_from": _("Brief für ein neues Passwort, gilt ab"),
        "reset_until": _("Brief für ein neues Passwort, gilt bis"),
        "case": _("Vorgang"),
        "passkey": _("Passkey"),
        "passwordless": _("Ein Passkey genügt ohne Passwort"),
        "spare_codes": _("Unbenutzte Ersatzcodes"),
        "scopes": _("Wofür"),
        "made_on": _("Seit"),
        "source": _("Herkunft"),
        "keyword": _("Etikett oder Schlagwort"),
        "colour": _("Farbe"),
        "shared_folder": _("Geteilter Ordner"),
        "shared_with": _("Geteilt mit"),
        "shared_by": _("Geteilt von"),
        "shared_rights": _("Rechte (RFC 4314)"),
        "subscribed_name": _("Abonnierter Name eines gelöschten Ordners"),
        "usual_sender": _("Absender neuer Nachrichten"),
        "learned_spam": _("Gelernt aus Spam-Nachrichten"),
        "learned_good": _("Gelernt aus guten Nachrichten"),
        "script": _("Filter"),
        "sieve": _("Text des Filters (Sieve)"),
        "active": _("Läuft"),
        "forward_to": _("Weiterleitung an"),
        "signature": _("Signatur"),
        "pictures_from": _("Bilder immer anzeigen von"),
        "planned_for": _("Wird gesendet am"),
        "read_receipts": _("Lesebestätigungen"),
        "confirmed": _("Bestätigt"),
    }
