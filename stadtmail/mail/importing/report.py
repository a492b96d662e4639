"""What came of an import, as a message in the mailbox: it stays where its holder reads, and nowhere else."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import uuid4

from stadtmail.kit import errors, log
from stadtmail.mail import views
from stadtmail.mail.actions import filing
from stadtmail.mail.folders import INBOX
from stadtmail.mail.models import Import
from stadtmail.mail.queries import Opened

_SUBJECT = {"de": "Ihre Übernahme von Nachrichten", "en": "Your import of messages"}
_REASONS = {
    "done": ("Die Übernahme ist fertig.", "The import is finished."),
    "full": ("Die Übernahme wurde abgebrochen: Ihr Postfach ist voll. Was schon da ist, bleibt.",
             "The import was stopped: your mailbox is full. What has come stays."),
    "refused": ("Der andere Anbieter hat Benutzername oder Passwort nicht angenommen. Manche verlangen ein App-Passwort.",
                "The other provider did not accept user name or password. Some ask for an app password."),
    "unreachable": ("Der Server des anderen Anbieters hat nicht geantwortet, oder sein Zertifikat stimmt nicht.",
                    "The other provider's server did not answer, or its certificate is not right."),
    "not_public": ("Zu dieser Adresse verbinden wir nicht: Sie liegt nicht im Internet.",
                   "We do not connect to this address: it is not on the internet."),
    "no_server": ("Einen Server mit diesem Namen gibt es nicht.", "There is no server of this name."),
    "not_mail": ("Die Datei war bis zu dieser Stelle lesbar und danach keine Mail mehr.",
                 "The file was readable up to here and no mail after that."),
}  # fmt: skip
_TEXT = {
    "de": "{reason}\n\nÜbernommen: {taken}\nSchon vorhanden: {known}\n"
    "Ausgelassen, weil zu groß, verschlüsselt oder nicht lesbar: {left_out}\n\n"
    "Zugangsdaten und Datei, die Sie uns dafür gegeben haben, sind vernichtet.\n",
    "en": "{reason}\n\nTaken in: {taken}\nAlready here: {known}\nLeft out, because too large, encrypted or not readable: {left_out}\n\n"
    "The credentials and the file that you gave us for this have been destroyed.\n",
}


def tell(o: Opened, row: Import, reason: str, *, lang: str, now: datetime) -> None:
    """Put it into the inbox. A full mailbox is told nothing: its page says that it is full."""
    raw = _message(o.mailbox.tenant.domain, row, reason, lang, now)
    inbox = next(one for one in views.states(o) if one.role == INBOX)
    try:
        filing.append(o, inbox.id, [filing.New(raw, 0, now)], now=now)
    except errors.StadtmailError as error:
        log.event("import_untold", error=type(error).__name__)


def _message(domain: str, row: Import, reason: str, lang: str, now: datetime) -> bytes:
    words = _REASONS[reason][1 if lang == "en" else 0]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"postmaster@{domain}"
    mail["Subject"] = _SUBJECT[lang]
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{uuid4()}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_TEXT[lang].format(reason=words, taken=row.taken, known=row.known, left_out=row.left_out))
    return mail.as_bytes()
