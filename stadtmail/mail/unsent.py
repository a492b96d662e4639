"""The message to somebody whose own message was not sent although they had left it to be sent: why, and that nothing is lost."""

from datetime import datetime

from stadtmail.mail.letter import letter
from stadtmail.people.queries import Holder
from stadtmail.privacy.policy import Policy

RESTORED = "restored"
_SUBJECT = {"de": "Eine Nachricht von Ihnen wurde nicht gesendet", "en": "A message of yours was not sent"}
_WAITS = {"de": "Eine Nachricht von Ihnen wartet auf Sie", "en": "A message of yours waits for you"}
_REASONS = {
    "recipient": {
        "de": "Mindestens eine der Adressen nimmt keine Nachrichten an: Es gibt sie nicht mehr, oder das Postfach ist voll.",
        "en": "At least one of the addresses takes no messages: it does not exist any more, or its mailbox is full.",
    },
    "restricted": {
        "de": "Sie haben die Verarbeitung Ihrer Daten einschränken lassen. Solange das gilt, senden wir nichts ohne Ihr Zutun.",
        "en": "You had the processing of your data restricted. While that stands we send nothing without you.",
    },
    "later": {
        "de": "Einen Tag lang war das Senden nicht möglich, weil Sie sehr viel gesendet haben oder ein Dienst fehlte.",
        "en": "For a day it could not be sent, because you had sent very much or a service was missing.",
    },
    "restored": {
        "de": "Nach einem Schaden haben wir eine Sicherungskopie zurückgespielt. Vielleicht ist die Nachricht seit der Kopie schon "
        "gesendet worden, oder Sie hatten das Senden gestoppt. Fragen Sie bitte im Zweifel, ob sie angekommen ist.",
        "en": "After damage we have put back a backup copy. Since that copy the message may have been sent already, or you may have "
        "stopped it. If in doubt please ask whether it has arrived.",
    },
    "refused": {
        "de": "Sie kann so nicht gesendet werden, zum Beispiel weil die Absenderadresse nicht mehr Ihre ist.",
        "en": "It cannot be sent like this, for instance because the sender's address is not yours any more.",
    },
}
_WHAT = {
    "de": "eine Nachricht, die Sie zum Senden gegeben haben, wurde nicht gesendet, an niemanden.",
    "en": "a message that you had left to be sent was not sent, to nobody.",
}
_UNSURE = {
    "de": "eine Nachricht, die Sie zum Senden gegeben haben, senden wir nicht von selbst.",
    "en": "a message that you had left to be sent we do not send by ourselves.",
}
_TEXT = {
    "de": """Guten Tag,

{what}
{reason}

Die Nachricht ist nicht verloren: Sie liegt in Ihrem Ordner „Entwürfe“. Öffnen Sie sie dort und senden Sie sie noch einmal.

{city}
""",
    "en": """Hello,

{what}
{reason}

The message is not lost: it lies in your folder "Drafts". Open it there and send it again.

{city}
""",
}


def message(reason: str, *, to: Holder, policy: Policy, now: datetime) -> bytes:
    """The message as it lies in the mailbox. `reason`: recipient | restricted | later | restored | refused."""
    lang = "en" if to.language == "en" else "de"
    what, subject = (_UNSURE, _WAITS) if reason == RESTORED else (_WHAT, _SUBJECT)
    text = _TEXT[lang].format(what=what[lang], reason=_REASONS[reason][lang], city=policy.parties.controller.name)
    return letter(subject[lang], text, to=to.address, policy=policy, now=now)
