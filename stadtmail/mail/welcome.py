"""The first message in a new mailbox, in the resident's language. It says what the city does with mail, and where the proof is."""

from datetime import datetime

from stadtmail.mail.letter import letter
from stadtmail.people.orders import OrderForm
from stadtmail.privacy.policy import Policy

_SUBJECT = {"de": "Willkommen bei {service}", "en": "Welcome to {service}"}
_TEXT = {
    "de": """Guten Tag {name},

Ihr Postfach {address} ist eingerichtet.

Nachrichten liegen verschlüsselt. Sie werden nur für Sie geöffnet; die Stadt liest keine Inhalte.
Was über Sie gespeichert ist, warum und bis wann, sehen Sie im Portal unter „Meine Daten“. Dort können Sie auch alles herunterladen.
Die Datenschutzerklärung nennt jede Frist; auf der Seite „Nachweis“ steht, ob sie eingehalten wird.

Bewahren Sie den Wiederherstellungscode auf, den Sie bei der Bestellung bekommen haben: Ohne Passwort und ohne diesen Code kann
niemand den Zugang wiederherstellen.

Fragen zum Datenschutz: {officer}

{city}
""",
    "en": """Dear {name},

Your mailbox {address} is ready.

Messages are stored encrypted. They are opened for you only; the city does not read contents.
The portal shows under “My data” what is stored about you, why and until when. You can download all of it there.
The privacy notice states every period; the page “Proof” says whether it is kept.

Keep the recovery code that you were shown with your order: without your password and without this code nobody can restore access.

Questions about privacy: {officer}

{city}
""",
}


def message(form: OrderForm, *, policy: Policy, now: datetime) -> bytes:
    """The welcome message as it lies in the mailbox."""
    lang = "en" if form.language == "en" else "de"
    address = f"{form.localpart}@{policy.domain}"
    words = {
        "name": form.name.strip(), "address": address, "service": policy.service, "officer": policy.parties.dpo.email,
        "city": policy.parties.controller.name,
    }  # fmt: skip
    return letter(_SUBJECT[lang].format(**words), _TEXT[lang].format(**words), to=address, policy=policy, now=now)
