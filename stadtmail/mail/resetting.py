"""The message about a letter with which a new password can be set: it lies in the mailbox before the letter can be used (law 4)."""

from datetime import datetime

from stadtmail.mail.letter import day, letter
from stadtmail.privacy.policy import Policy

_SUBJECT = {"de": "Ein Brief zum Zurücksetzen Ihres Passworts ist unterwegs", "en": "A letter to reset your password is on its way"}
_TEXT = {
    "de": """Guten Tag,

zwei Personen am Schreibtisch der Stadt haben am {day} einen Brief an Ihre Anschrift gemacht. Mit dem Code darin lässt sich ab dem
{opens} ein neues Passwort setzen. Vorgang: {case}

Haben Sie das nicht gewünscht? Dann stoppen Sie es vorher: im Portal unter „Meine Daten“, oder indem Sie Ihr Passwort ändern. Dort
steht auch, wer wann zugegriffen hat. Ihr zweiter Faktor, wenn Sie einen haben, bleibt. Fragen beantwortet: {officer}

{city}
""",
    "en": """Hello,

on {day} two people at the city’s desk made a letter to your postal address. With the code in it a new password can be set from
{opens} on. Case: {case}

You did not ask for that? Then stop it before: in the portal under “My data”, or by changing your password. It also says who had
access when. Your second factor, if you have one, stays. Questions are answered by: {officer}

{city}
""",
}


def message(*, case: str, opens_at: datetime, to: str, lang: str, policy: Policy, now: datetime) -> bytes:
    """The message as it lies in the mailbox."""
    lang = "en" if lang == "en" else "de"
    words = {
        "day": day(now, lang=lang, policy=policy), "opens": day(opens_at, lang=lang, policy=policy), "case": case,
        "officer": policy.parties.dpo.email, "city": policy.parties.controller.name,
    }  # fmt: skip
    return letter(_SUBJECT[lang], _TEXT[lang].format(**words), to=to, policy=policy, now=now)
