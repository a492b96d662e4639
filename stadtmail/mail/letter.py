"""How the city's own messages to a resident look: from postmaster, marked as written by a program (RFC 3834)."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import uuid4

from stadtmail.privacy.policy import Policy


def letter(subject: str, text: str, *, to: str, policy: Policy, now: datetime) -> bytes:
    """The message as it lies in the mailbox."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"postmaster@{policy.domain}"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{uuid4()}@{policy.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail.as_bytes()


def day(moment: datetime, *, lang: str, policy: Policy) -> str:
    """A day as the message writes it, in the city's time zone."""
    return moment.astimezone(policy.tz).strftime("%d.%m.%Y" if lang == "de" else "%Y-%m-%d")
