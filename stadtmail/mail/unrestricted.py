"""The message that the city will end a person's restriction (Art. 18(3) GDPR, C-6.2c): when, and what they can do about it."""

from datetime import datetime

from stadtmail.mail.letter import day, letter
from stadtmail.privacy.policy import Policy

_SUBJECT = {"de": "Ihre Einschränkung endet am {day}", "en": "Your restriction ends on {day}"}
_TEXT = {
    "de": """Guten Tag,

Sie haben die Verarbeitung Ihrer Daten einschränken lassen (Art. 18 DSGVO). Der Grund dafür besteht nach unserer Prüfung nicht mehr.
Darum heben wir die Einschränkung am {day} auf. Bis dahin ändert sich nichts.

Von da an benutzen wir die Daten wieder wie vorher, und was inzwischen fällig war, wird gelöscht. Sind Sie nicht einverstanden,
schreiben Sie vorher an: {officer}
Sie können sich auch bei einer Aufsichtsbehörde beschweren; die Anschriften stehen in der Datenschutzerklärung.

{city}
""",
    "en": """Hello,

you had the processing of your data restricted (Art. 18 GDPR). We have examined the reason, and it no longer exists. We therefore
end the restriction on {day}. Until then nothing changes.

From then on we use the data as before, and what has fallen due meanwhile is erased. If you do not agree, write before that to:
{officer}
You can also complain to a supervisory authority; the addresses are in the privacy notice.

{city}
""",
}


def message(ends: datetime, *, to: str, lang: str, policy: Policy, now: datetime) -> bytes:
    """The message as it lies in the mailbox."""
    lang = "en" if lang == "en" else "de"
    words = {"day": day(ends, lang=lang, policy=policy), "officer": policy.parties.dpo.email, "city": policy.parties.controller.name}
    return letter(_SUBJECT[lang].format(**words), _TEXT[lang].format(**words), to=to, policy=policy, now=now)
