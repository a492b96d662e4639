"""Replies of filters: whether a sender may be answered by a machine (RFC 5230 4.5 to 4.7, RFC 3834), and what they are sent.

Never to lists, bounces, other machines or oneself; never with a word of the message but its subject and id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime
from uuid import uuid4

from stadtmail.mail import filtering
from stadtmail.mail.models import DeliveryKey, Route
from stadtmail.mail.sealing import Target
from stadtmail.people import queries as people
from stadtmail.tenants.models import Tenant
from stadtmail.wire.sieveactions import Reply
from stadtmail.wire.sievecheck import is_address
from stadtmail.wire.sievemail import Mail

PASSED = "X-Stadtmail-Passed"
MOST_SUBJECT, MOST_REASON, MOST_NAMED = 200, 64_000, 100
_OF_LISTS = ("list-id", "list-help", "list-post", "list-subscribe", "list-unsubscribe", "list-owner", "list-archive",
             "feedback-id", "x-mailing-list")  # fmt: skip
_MACHINES = frozenset(["mailer-daemon", "listserv", "majordomo", "noreply", "no-reply", "donotreply", "do-not-reply", "postmaster"])
_NAMED_IN = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc")


@dataclass(frozen=True)
class Answer:
    """A reply that may be sent: to whom, from which of the person's addresses, and what it says."""

    to: str = field(repr=False)
    sender: str = field(repr=False)
    subject: str = field(repr=False)
    reason: str = field(repr=False)
    is_mime: bool
    message_id: str = field(repr=False)
    references: str = field(repr=False)
    handle: str = field(repr=False)
    seconds: int


def answer(reply: Reply, mail: Mail, *, sender: str, target: Target, tenant: Tenant) -> Answer | None:
    """The reply to a message, or None where nobody is to be told."""
    if not _may_be_told(sender, mail) or _is_own(sender, target, tenant) or not _is_meant(reply, mail, target, tenant):
        return None
    own = reply.sender if reply.sender and _is_own(reply.sender, target, tenant) else _plain(target.address)
    subject = reply.subject or f"Auto: {next(iter(mail.header('subject')), '')}"
    ids = [one for one in mail.header("message-id")[:1] if one.isascii() and len(one) < 500 and " " not in one]
    before = next(iter(mail.header("references")), "")
    references = " ".join([*before.split()[-10:], *ids]) if before.isascii() else "".join(ids)
    return Answer(sender, own, " ".join(subject.split())[:MOST_SUBJECT], reply.reason[:MOST_REASON], reply.is_mime, "".join(ids),
                  references[-900:], f"{reply.handle}\0{sender.lower()}", reply.seconds)  # fmt: skip


def written(one: Answer, *, now: datetime) -> bytes:
    """The reply as it is sent (RFC 5230 5)."""
    mail = _entity(one)
    mail["From"], mail["To"], mail["Subject"] = one.sender, one.to, one.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{uuid4()}@{one.sender.rpartition('@')[2]}>"
    if one.message_id:
        mail["In-Reply-To"] = one.message_id
    if one.references:
        mail["References"] = one.references
    mail["Auto-Submitted"] = "auto-replied (vacation)"
    return mail.as_bytes()


def passed_on(raw: bytes, key: DeliveryKey) -> bytes:
    """A message as it is passed on: without our Return-Path, with a mark that ends circles."""
    rest = raw.partition(b"\r\n")[2] if raw[:12].lower() == b"return-path:" else raw
    return f"{PASSED}: {passed_mark(key)}\r\n".encode() + rest


def passed_mark(key: DeliveryKey) -> str:
    """What a message that this mailbox passed on is known by, to this mailbox alone."""
    return filtering.mark(key, "passed", "").hex()[:32]


def _entity(one: Answer) -> EmailMessage:
    """The body. Of a MIME entity that a person wrote only headers of contents are taken: nobody writes a header of ours."""
    mail = EmailMessage(policy=SMTP)
    if one.is_mime:
        given = message_from_bytes(one.reason.encode("utf-8", "replace"), policy=default.clone(max_line_length=None))
        try:
            mail.set_payload(given.get_payload())
            for name, value in given.items():
                if name.lower().startswith("content-"):
                    mail[name] = " ".join(str(value).split())
            mail["MIME-Version"] = "1.0"
            mail.as_bytes()
        except Exception:  # noqa: BLE001 - whatever the standard library cannot write is sent as text
            mail = EmailMessage(policy=SMTP)
        else:
            return mail
    mail.set_content(one.reason, charset="utf-8", cte="quoted-printable")
    return mail


def _may_be_told(sender: str, mail: Mail) -> bool:
    local = sender.rpartition("@")[0].lower()
    if not is_address(sender) or local in _MACHINES or local.startswith("owner-") or local.endswith(("-request", "-owner", "-bounces")):
        return False
    if any(value.lower().partition(";")[0].partition("(")[0].strip() != "no" for value in mail.header("auto-submitted")):
        return False
    if any(value.lower().strip() in ("bulk", "list", "junk") for value in mail.header("precedence")):
        return False
    if any("oof" in value.lower() or "all" in value.lower() for value in mail.header("x-auto-response-suppress")):
        return False
    return not any(mail.header(name) for name in (*_OF_LISTS, PASSED))


def _is_meant(reply: Reply, mail: Mail, target: Target, tenant: Tenant) -> bool:
    """Is one of the person's addresses named in the message (RFC 5230 4.5)? What came by a blind copy or a list is not answered."""
    named = [one.lower() for name in _NAMED_IN for listed in mail.addresses(name) for one in listed][:MOST_NAMED]
    own = {target.address.lower(), _plain(target.address).lower(), *(one.lower() for one in reply.addresses)}
    return any(one in own for one in named) or _are_own(named, target, tenant)


def _is_own(address: str, target: Target, tenant: Tenant) -> bool:
    return _are_own([address], target, tenant)


def _are_own(named: Sequence[str], target: Target, tenant: Tenant) -> bool:
    here = [_plain(one).rpartition("@")[0] for one in named if one.lower().endswith(f"@{tenant.domain}")]
    digests = [people.address_digest(tenant, local) for local in here]
    return bool(digests) and Route.objects.filter(mailbox=target.mailbox, address__tenant=tenant, address__blind__in=digests).exists()


def _plain(address: str) -> str:
    """The address without what stands after its plus."""
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"
