"""What lint and compiler say about a policy file: a code, a severity, the place, and a sentence in both languages."""

from dataclasses import dataclass

from stadtmail.privacy.policy.model import Words

# code -> sentence; {where} is the place in the file. The codes are the contract with tests and documentation (docs/policy.md).
TEXTS: dict[str, Words] = {
    "unreadable": Words("Die Datei ist kein gültiges TOML: {where}.", "The file is not valid TOML: {where}."),
    "no_file": Words("Für diese Stadt gibt es keine Datei {where}.", "There is no file {where} for this city."),
    "unknown_key": Words("Der Eintrag {where} ist unbekannt.", "The key {where} is unknown."),
    "missing_key": Words("Der Eintrag {where} fehlt.", "The key {where} is missing."),
    "wrong_type": Words("Der Eintrag {where} hat die falsche Art von Wert.", "The key {where} has the wrong kind of value."),
    "empty_text": Words("Der Text {where} ist leer.", "The text {where} is empty."),
    "bad_period": Words("Die Frist {where} lässt sich so nicht zählen.", "The period {where} cannot be counted like this."),
    "unknown_value": Words("Der Wert von {where} steht in keiner Liste.", "The value of {where} is in no list."),
    "not_a_colour": Words("{where} ist keine Farbe wie #1d4f91.", "{where} is not a colour like #1d4f91."),
    "unknown_time_zone": Words("Die Zeitzone {where} gibt es nicht.", "There is no time zone {where}."),
    "slug_differs": Words("Die Datei nennt eine andere Stadt: {where}.", "The file names another city: {where}."),
    "unknown_reference": Words("{where} nennt etwas, das die Datei nicht kennt.", "{where} names something that the file does not know."),
    "missing_decision": Words(
        "Der Widerspruch {where} ist nicht entschieden (Entscheider, Datum, Begründung, Textänderung).",
        "Conflict {where} has no recorded decision (decider, date, reason, change of text).",
    ),
    "keep_beyond_gone": Words(
        "{where}: Die Pflicht zum Aufbewahren dauert länger als das Versprechen zu löschen (K1). Trennen Sie die Daten.",
        "{where}: the duty to keep outlasts the promise to erase (K1). Put the data into a partition of their own.",
    ),
    "identity_not_partitioned": Words(
        "§ 172 TKG verlangt die Identitätsdaten bis zum Ende des folgenden Kalenderjahres, eigens getrennt in BD-ID (K1): {where}.",
        "§ 172 TKG demands identity data until the end of the following calendar year, apart in BD-ID (K1): {where}.",
    ),
    "identity_too_long": Words(
        "{where}: Die Aufbewahrung endet mit dem Kalenderjahr nach dem Vertragsende, länger trägt sie kein Gesetz (§ 172 Abs. 6 TKG, K1).",
        "{where} may be kept until the end of the calendar year after the end of the contract, and no longer (§ 172(6) TKG, K1).",
    ),
    "quarantine_too_long": Words(
        "Eine Adresse bleibt höchstens so lange gesperrt ({where}) wie die Bestandsdaten aufbewahrt werden (K21).",
        "An address stays in quarantine ({where}) for as long as inventory data at most (K21).",
    ),
    "quarantine_without_start": Words(
        "Die Sperre einer Adresse ({where}) muss mit dem Ende des Vertrags und mit dem Ende einer weiteren Adresse beginnen (K21).",
        "The quarantine of an address ({where}) must start with the end of the contract and with the end of a further address (K21).",
    ),
    "alias_differs": Words(
        "Eine weitere Adresse ({where}) muss sofort enden, wenn sie aufgegeben wird, und nach dem Vertragsende zusammen mit den Inhalten.",
        "A further address ({where}) must end at once when it is given up, and together with the contents after the end of the contract.",
    ),
    "collection_differs": Words(
        "Der Abholcode ({where}) muss mit den Inhalten enden, die er öffnet (C-4.7, K20).",
        "The collection code ({where}) must end together with the contents that it opens (C-4.7, K20).",
    ),
    "transit_without_end": Words(
        "Die Regel von {where} muss sekundengenau mit transit_end und mit transit_begin beginnen (C-4.2).",
        "The rule of {where} must start, to the second, with transit_end and with transit_begin (C-4.2).",
    ),
    "transit_too_long": Words(
        "Eine Nachricht auf dem Weg ({where}) endet sofort mit ihrer Zustellung und nach einem bis fünf Tagen (C-4.2).",
        "A message in transit ({where}) ends at once with its delivery, and after one to five days (C-4.2).",
    ),
    "limit_too_long": Words(
        "Die Grenze {where} ist länger, als das Programm verspricht.",
        "Limit {where} is longer than the program promises.",
    ),
    "limit_differs": Words(
        "Die Grenze {where} ist eine andere als die, nach der das Programm Kopien der Schlüssel vernichtet (C-4.1).",
        "Limit {where} is not the one by which the program destroys copies of keys (C-4.1).",
    ),
    "third_country": Words(
        "{where} liegt außerhalb des Europäischen Wirtschaftsraums; die Erklärung schließt das aus (Art. 44 DSGVO, C-1.2).",
        "{where} lies outside the European Economic Area; the notice rules that out (Art. 44 GDPR, C-1.2).",
    ),
    "no_place": Words(
        "Es fehlt der Ort, an dem gespeichert wird: {where} (C-1.2).",
        "The place where data are stored is missing: {where} (C-1.2).",
    ),
    "officer_elsewhere": Words(
        "Die datenschutzbeauftragte Stelle braucht ein Postfach der Stadt: {where} (C-1.5, K18).",
        "The data-protection officer needs a mailbox of the city: {where} (C-1.5, K18).",
    ),
    "role_not_reserved": Words(
        "Die Adresse einer Aufgabe könnte bestellt werden: {where}.", "The address of a role could be ordered: {where}."
    ),
    "not_approved": Words(
        "Die Unterschrift {where} unter dieser Fassung fehlt (Art. 28 DSGVO).",
        "Signature {where} under this version is missing (Art. 28 GDPR).",
    ),
    "decided_too_late": Words(
        "{where} ist jünger als der Tag, ab dem die Fassung gilt.", "{where} is younger than the day from which this version is in force."
    ),
    "disclosure_narrower_than_law": Words(
        "{where}: „Strafverfolgung“ ist enger als das Gesetz, das auch Gefahrenabwehr und Nachrichtendienste kennt (C-4.8).",
        "{where}: “prosecution” is narrower than the law, which also knows averting dangers and intelligence services (C-4.8).",
    ),
    "egress_for_other_purpose": Words(
        "{where} dient einem anderen Zweck als der Empfänger, zu dem es führt (C-2.7, K11).",
        "{where} serves another purpose than the recipient that it leads to (C-2.7, K11).",
    ),
    "recipient_without_fields": Words(
        "Beim Empfänger {where} steht nicht, welche Angaben er bekommt (C-2.7, K11).",
        "It is not stated which fields recipient {where} gets (C-2.7, K11).",
    ),
    "analytics_passed_on": Words(
        "Der Empfänger {where} bekäme Daten der Webanalyse; das schließt C-5.6 aus.",
        "Recipient {where} would get data of web analytics; C-5.6 rules that out.",
    ),
    "cookie_without_basis": Words(
        "Das Cookie {where} ist nicht unbedingt erforderlich: ein berechtigtes Interesse trägt es nicht (§ 25 TDDDG, K5).",
        "Cookie {where} is not strictly necessary: a legitimate interest cannot carry it (§ 25 TDDDG, K5).",
    ),
    "cookie_not_session": Words(
        "Das Cookie {where} soll länger leben als die Sitzung (C-3.3).", "Cookie {where} would outlive the session (C-3.3)."
    ),
    "authority_basis_f": Words(
        "{where}: Ein berechtigtes Interesse (Art. 6 Abs. 1 Buchst. f DSGVO) gilt für Behörden bei ihren Aufgaben nicht (K5).",
        "{where}: authorities cannot rely on a legitimate interest (Art. 6(1)(f) GDPR) in their tasks (K5).",
    ),
    "operator_decides": Words(
        "Der Zweck {where} gehört dem Dienstleister, ohne Vereinbarung über gemeinsame Verantwortung (C-5.4, K8).",
        "Purpose {where} belongs to the operator without a joint-controller agreement (C-5.4, K8).",
    ),
    "marketing_without_consent": Words(
        "Der Zweck {where} braucht eine Art der Einwilligung (§ 9 Abs. 2 TDDDG, K6).",
        "Purpose {where} needs a type of consent (§ 9(2) TDDDG, K6).",
    ),
    "captcha_without_consent": Words(
        "Der Spamschutz {where} sendet Daten an Dritte und braucht vorher eine Einwilligung (K9).",
        "Form protection {where} sends data to a third party and needs consent first (K9).",
    ),
    "recipient_not_listed": Words(
        "{where} nennt einen Empfänger, der nicht in der Liste steht (C-2.7, K11).",
        "{where} names a recipient that is not in the list (C-2.7, K11).",
    ),
    "destination_not_listed": Words(
        "Die Einstellung {where} führt zu einem Ziel, das die Datei nicht nennt (C-1.2).",
        "Setting {where} leads to a destination that the file does not list (C-1.2).",
    ),
    "contract_expired": Words(
        "Der Vertrag zur Auftragsverarbeitung {where} ist abgelaufen (C-1.2).", "Processing contract {where} has expired (C-1.2)."
    ),
    "contract_not_begun": Words(
        "Der Vertrag zur Auftragsverarbeitung {where} ist noch nicht geschlossen (C-1.2).",
        "Processing contract {where} has not been signed yet (C-1.2).",
    ),
    "contract_expires_soon": Words(
        "Der Vertrag zur Auftragsverarbeitung {where} endet in weniger als 90 Tagen.",
        "Processing contract {where} ends in less than 90 days.",
    ),
    "unknown_hold": Words("{where}: Diese Art von Löschstopp gibt es nicht.", "{where}: there is no such type of hold."),
    "hold_not_in_matrix": Words(
        "{where}: Dieser Löschstopp kann diese Daten nicht halten.", "{where}: this type of hold cannot stop the erasure of these data."
    ),
    "category_missing": Words(
        "Das Programm speichert Daten der Art {where}, die Datei kennt sie nicht.",
        "The program stores data of category {where}, which the file does not know.",
    ),
    "category_without_rule": Words("Die Datenart {where} hat keine Löschregel.", "Category {where} has no rule of erasure."),
    "contents_without_period": Words(
        "Für Inhalte ({where}) ist keine Frist bestimmt (C-4.7, K20).", "Contents ({where}) have no period (C-4.7, K20)."
    ),
    "rule_without_clause": Words("Die Datenart {where} steht in keiner Klausel.", "Category {where} is in no clause of the notice."),
    "unknown_clause": Words("{where} nennt eine Klausel, die es nicht gibt.", "{where} names a clause that does not exist."),
    "clause_without_rule": Words(
        "Zu der Klausel {where} gibt es keine Datenart mit Regel.", "No category with a rule stands behind clause {where}."
    ),
    "authority_missing": Words(
        "Die Aufsichtsbehörde fehlt oder ist die falsche: {where} (C-6.4, K7).",
        "The supervisory authority is missing or the wrong one: {where} (C-6.4, K7).",
    ),
    "authority_not_reviewed": Words(
        "Die Anschrift der Aufsichtsbehörde {where} ist länger als zwölf Monate nicht geprüft (C-6.5).",
        "The address of authority {where} has not been reviewed for more than twelve months (C-6.5).",
    ),
    "data_not_needed": Words(
        "{where}: Der Tarif verlangt Bankdaten, obwohl er nichts kostet (C-2.1, C-2.2).",
        "{where}: the tariff asks for bank details although it costs nothing (C-2.1, C-2.2).",
    ),
    "not_built": Words(
        "{where}: Das kann dieses Programm noch nicht; die Erklärung darf es nicht versprechen.",
        "{where}: this program cannot do that yet; the notice must not promise it.",
    ),
    "not_in_force": Words("Die Datei gilt erst ab {where}.", "The file is in force from {where} only."),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong ("error": the policy is refused) or soon will be ("warning")."""

    code: str
    severity: str
    where: str

    @property
    def text(self) -> str:
        """The sentence in German and in English."""
        return f"{self.words.de} / {self.words.en}"

    @property
    def words(self) -> Words:
        """The sentence in each language."""
        found = TEXTS[self.code]
        return Words(found.de.format(where=self.where), found.en.format(where=self.where))


Findings = list[Finding]
