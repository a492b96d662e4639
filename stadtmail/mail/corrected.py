"""The message about a correction that the desk made (Art. 14 GDPR, C-2.3): which kinds of data, never what they say."""

from collections.abc import Iterable
from datetime import datetime

from stadtmail.mail.letter import day, letter
from stadtmail.privacy.policy import Policy

_SUBJECT = {"de": "Ihre Angaben wurden berichtigt", "en": "Your details were corrected"}
_KINDS = {
    "name": ("Name", "name"), "street": ("Anschrift", "address"), "postcode": ("Anschrift", "address"), "town": ("Anschrift", "address"),
    "birth_date": ("Geburtsdatum", "date of birth"), "kind": ("Art des Vertrags", "kind of contract"), "language": ("Sprache", "language"),
    "phone": ("Telefonnummer", "telephone number"), "iban": ("Bankverbindung", "bank details"),
    "account_holder": ("Bankverbindung", "bank details"),
}  # fmt: skip
_TEXT = {
    "de": """Guten Tag,

der Schreibtisch der Stadt hat am {day} Angaben zu Ihrem Vertrag berichtigt: {kinds}.

Was jetzt gespeichert ist, sehen Sie im Portal unter „Meine Daten“, ebenso, wer wann und wozu zugegriffen hat. Die alten Angaben
sind überschrieben. Stimmt etwas nicht, ändern Sie es dort oder schreiben Sie an: {officer}

{city}
""",
    "en": """Hello,

on {day} the city’s desk corrected details of your contract: {kinds}.

The portal shows under “My data” what is stored now, and who had access when and what for. The former details are overwritten.
If something is wrong, change it there or write to: {officer}

{city}
""",
}


def message(fields: Iterable[str], *, to: str, lang: str, policy: Policy, now: datetime) -> bytes:
    """The message as it lies in the mailbox. `fields`: those of the order form that changed."""
    lang = "en" if lang == "en" else "de"
    kinds = dict.fromkeys(_KINDS[name][lang == "en"] for name in fields)
    words = {
        "day": day(now, lang=lang, policy=policy), "kinds": ", ".join(kinds), "officer": policy.parties.dpo.email,
        "city": policy.parties.controller.name,
    }  # fmt: skip
    return letter(_SUBJECT[lang], _TEXT[lang].format(**words), to=to, policy=policy, now=now)
