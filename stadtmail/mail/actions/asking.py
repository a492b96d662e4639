"""What somebody writes to the city by a form becomes a message in a role's mailbox (category CONT): sealed, erased month by month, and
kept nowhere else."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import uuid4

from stadtmail.kit import errors, store
from stadtmail.mail import envelope, sealing
from stadtmail.mail.actions import delivery, storing
from stadtmail.privacy import policy
from stadtmail.tenants.models import Tenant
from stadtmail.wire import sievecheck

POSTMASTER = "postmaster"


class NotTaken(errors.TryLater):
    """The role's mailbox is full or closed: nothing of the message remains."""


def ask(tenant: Tenant, subject: str, text: str, *, reply_to: str = "", now: datetime) -> None:
    """Place it for the city's officer, who passes it on; where their mailbox is elsewhere, for postmaster. Raises NotTaken."""
    rules = policy.current(tenant)
    officer = rules.parties.dpo.email
    to = officer if officer.rpartition("@")[2].lower() == tenant.domain else f"{POSTMASTER}@{tenant.domain}"
    try:
        target = delivery.recipient(to, now=now, size_bytes=len(text))
    except (delivery.NoSuchMailbox, delivery.MailboxClosed, delivery.MailboxFull) as error:
        raise NotTaken from error
    raw = _message(subject, text, to=to, reply_to=reply_to, domain=tenant.domain, now=now)
    sealed = sealing.sealed(raw, target, envelope.packed(envelope.summary(raw, now=now)), now=now)
    with store.writing():
        if storing.place([sealed]) != [None]:
            raise NotTaken


def _message(subject: str, text: str, *, to: str, reply_to: str, domain: str, now: datetime) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"{POSTMASTER}@{domain}"
    mail["To"] = to
    if reply_to and sievecheck.is_address(reply_to):
        mail["Reply-To"] = reply_to
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{uuid4()}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail.as_bytes()
