"""The words of the download: its readme and what the keys in daten.json mean, in German and English."""

from stadtmail.privacy.policy import Policy

_LABELS = {
    "name": ("Name", "name"),
    "address": ("Anschrift", "postal address"),
    "street": ("Straße und Hausnummer", "street and number"),
    "postcode": ("Postleitzahl", "postcode"),
    "town": ("Ort", "town"),
    "birth_date": ("Geburtsdatum", "birth date"),
    "mail_address": ("E-Mail-Adresse", "mail address"),
    "further_address": ("weitere Adresse", "further address"),
    "until": ("endet am; fehlt: bis Sie sie aufgeben", "ends at; missing: until you give it up"),
    "contract_dates": ("Beginn und Ende des Vertrags", "begin and end of the contract"),
    "display_name": ("Anzeigename", "display name"),
    "salutation": ("Vertrag mit: Person oder Organisation", "contract with: person or organisation"),
    "language": ("Sprache", "language"),
    "phone": ("Telefonnummer", "telephone number"),
    "iban": ("IBAN", "IBAN"),
    "account_holder": ("Kontoinhaber", "account holder"),
    "mail_login": ("Mailprogramme dürfen das Login-Passwort benutzen", "mail programs may use the login password"),
    "app_password": ("App-Passwort: Ihr Name dafür", "app password: what you called it"),
    "reset_from": ("Brief für ein neues Passwort: gilt ab", "letter for a new password: good from"),
    "reset_until": ("Brief für ein neues Passwort: gilt bis", "letter for a new password: good until"),
    "case": ("Vorgang, den der Schreibtisch genannt hat", "case that the desk named"),
    "second_factor": ("zweiter Faktor: app = Code-App, passkey = Passkey", "second factor: app = code app, passkey = passkey"),
    "passkey": ("Passkey: Ihr Name dafür", "passkey: what you called it"),
    "passwordless": ("ein Passkey genügt ohne Passwort", "a passkey is enough without the password"),
    "spare_codes": ("Zahl der unbenutzten Ersatzcodes", "number of unused spare codes"),
    "scopes": ("wofür: imap = lesen, submission = senden, sieve = Filter",
               "what for: imap = reading, submission = sending, sieve = filters"),
    "made_on": ("seit", "since"),
    "field": ("freiwilliges Feld", "voluntary field"),
    "value": ("Ihr Eintrag", "your entry"),
    "consent": ("Einwilligung: Zweck, Text, Zeitpunkte", "consent: purpose, text, times"),
    "source": ("Herkunft: order_form = Bestellformular, clerk = Schreibtisch der Stadt, import = Übernahme",
               "source: order_form = order form, clerk = the city's desk, import = taken over"),
    "at": ("Zeitpunkt (UTC)", "time (UTC)"),
    "role": ("Rolle: desk = Schreibtisch, officer = Datenschutzbeauftragte Stelle",
             "role: desk = the city's desk, officer = data-protection officer"),
    "purpose": ("Zweck", "purpose"),
    "categories": ("Datenarten", "categories"),
    "sender": ("Absender", "sender"),
    "to": ("Empfänger", "recipients"),
    "accepted_at": ("Übergeben am", "accepted at"),
    "answers": ("Antworten der empfangenden Server", "answers of the receiving servers"),
    "folder": ("Ordner", "folder"),
    "messages": ("Zahl der Nachrichten", "number of messages"),
    "sealed": ("versiegelt: öffnet sich nur mit etwas, das allein Sie haben", "sealed: opens only with something that you alone have"),
    "uid": ("Nummer der Nachricht", "number of the message"),
    "flags": ("Markierungen", "flags"),
    "received": ("Eingegangen", "received"),
    "found": ("was bei der Zustellung über den Absender festgestellt wurde (RFC 8601); own: hier aufgegeben; leer: nichts",
              "what was found about the sender at delivery (RFC 8601); own: handed over here; empty: nothing"),
    "keyword": ("Etikett oder Schlagwort im Postfach", "label or keyword in the mailbox"),
    "colour": ("Farbe des Etiketts", "colour of the label"),
    "shared_folder": ("geteilter Ordner", "shared folder"),
    "shared_with": ("geteilt mit", "shared with"),
    "shared_by": ("geteilt von", "shared by"),
    "shared_rights": ("Rechte (RFC 4314)", "rights (RFC 4314)"),
    "subscribed_name": ("abonnierter Name eines Ordners, den es nicht mehr gibt", "subscribed name of a folder that is gone"),
    "usual_sender": ("neue Nachrichten schreiben Sie von dort", "you write new messages from it"),
    "learned_spam": ("aus so vielen Spam-Nachrichten hat Ihr Filter gelernt", "your filter has learned from so many spam messages"),
    "learned_good": ("aus so vielen guten Nachrichten hat Ihr Filter gelernt", "your filter has learned from so many good messages"),
    "script": ("Name eines Filters", "name of a filter"),
    "sieve": ("der Filter in der Sprache Sieve (RFC 5228): jeder Anbieter mit Sieve kann ihn übernehmen",
              "the filter in the language Sieve (RFC 5228): every provider with Sieve can take it over"),
    "active": ("der Filter läuft bei der Zustellung", "the filter runs at delivery"),
    "forward_to": ("Adresse, an die Filter weiterleiten", "address that filters pass mail on to"),
    "signature": ("Text unter Ihren Nachrichten", "text under your messages"),
    "pictures_from": ("Bilder dieses Absenders werden immer angezeigt", "pictures of this sender are always shown"),
    "read_receipts": ("nach Lesebestätigungen wird nie gefragt", "read receipts are never asked about"),
    "planned_for": ("wann eine Nachricht aus den Entwürfen gesendet wird (UTC)", "when a message in the drafts is sent (UTC)"),
    "confirmed": ("die Adresse hat zugestimmt", "the address has agreed"),
    "erased_by": ("gelöscht spätestens; leer: die Frist hat noch nicht begonnen", "erased by; empty: no period has begun"),
    "holds": ("was die Löschung zurzeit aufhält", "what stops the erasure at present"),
    "recipients": ("wer Daten bekommen hat; leer: niemand", "who got data; empty: nobody"),
}  # fmt: skip

_README = {
    "de": """{service}: Ihre Daten

daten.json        alles, was zu Ihrem Vertrag gespeichert ist: Datenart, Zweck, Rechtsgrundlage, Löschtermin, Herkunft,
                  Zugriffe; was die Schlüssel bedeuten, steht am Ende unter "words"
mail/             Ihre Nachrichten, ein Ordner je Postfachordner, als EML (öffnet jedes Mailprogramm)
mbox/             dieselben Nachrichten, eine Datei je Ordner mit Markierungen (nur wenn Sie es gewählt haben)
filter/           Ihre Filter in der Sprache Sieve
nachrichten.json  Ordner, Nummer und Markierungen jeder Nachricht
manifest.json     Liste aller Dateien mit SHA-256
manifest.sig      Unterschrift der Stadt unter manifest.json (Ed25519)
public_key.pem    der Schlüssel dazu; derselbe steht im Portal unter /datenschutz/nachweis/log.json

Prüfen: openssl pkeyutl -verify -pubin -inkey public_key.pem -rawin -in manifest.json -sigfile manifest.sig

Passwort und Codes fehlen, weil wir nur ihre Prüfwerte haben. Verantwortlich: {controller}.
Fragen: {officer}
""",
    "en": """{service}: your data

daten.json        everything stored about your contract: category, purpose, legal basis, date of erasure, source, accesses;
                  what the keys mean is explained at its end under "words"
mail/             your messages, one folder for each folder of the mailbox, as EML (every mail program opens them)
mbox/             the same messages, one file a folder with its flags (only if you chose it)
filter/           your filters in the language Sieve
nachrichten.json  folder, number and flags of each message
manifest.json     list of all files with SHA-256
manifest.sig      the city's signature under manifest.json (Ed25519)
public_key.pem    the key for it; the same is on the portal at /datenschutz/nachweis/log.json

To check: openssl pkeyutl -verify -pubin -inkey public_key.pem -rawin -in manifest.json -sigfile manifest.sig

Password and codes are missing because we only have their check values. Controller: {controller}.
Questions: {officer}
""",
}


def readme(policy: Policy, lang: str) -> tuple[str, str]:
    """(file name, text) of the readme."""
    text = _README[lang].format(
        service=policy.service, controller=policy.parties.controller.name, officer=policy.parties.dpo.email
    )
    return ("readme.txt" if lang == "en" else "liesmich.txt"), text


def labels(lang: str) -> dict[str, str]:
    """What the keys of daten.json mean."""
    return {key: english if lang == "en" else german for key, (german, english) in _LABELS.items()}
