"""What a filter sends out: messages that are passed on, replies, and the note to a sender whose message was refused.

Everything goes through a function that is handed in (actions.outgoing.enqueue): durable when it returns. What cannot go out
is kept. Bounded in number, and nothing is ever sent to a sender that may be forged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from typing import Protocol
from uuid import UUID, uuid4

from stadtmail.kit import errors, log
from stadtmail.mail import filtering, replies
from stadtmail.mail.actions import remembering, repeats, signing
from stadtmail.mail.deciding import Decision, Place, inbox_too
from stadtmail.mail.models import DeliveryKey
from stadtmail.mail.sealing import Target
from stadtmail.mail.verdicts import Verdict
from stadtmail.mail.wording import refused
from stadtmail.tenants import queries as tenants
from stadtmail.tenants.models import Tenant
from stadtmail.usage import limits
from stadtmail.wire.sieveactions import Redirect

DAY = 86_400
PASSED_SECONDS = int(repeats.KEPT.total_seconds())  # a message that comes again in this time is neither passed on nor refused again
MOST_PASSED, MOST_REPLIES = 1_000, 200  # of one mailbox in a day
MOST_QUOTED = 16 * 1024  # bytes of the headers of what was refused


class Enqueue(Protocol):
    """Hands a message to the outgoing queue; it is durable when this returns."""

    def __call__(
        self, tenant: Tenant, *, sender: str, recipients: Sequence[str], raw: bytes, now: datetime, origin: UUID | None, sign: bool
    ) -> object:
        """`sender` empty: what cannot be delivered is told to nobody; `sign`: we wrote it ourselves. Raises a StadtmailError."""


def carry_out(decision: Decision, target: Target, raw: bytes, verdict: Verdict | None, *, sender: str, enqueue: Enqueue | None,
              now: datetime) -> Decision:  # fmt: skip
    """Send what a decision wants sent. Returns it with the inbox added where something could not go out."""
    if not decision.redirects and decision.reply is None:
        return decision
    assert decision.key is not None
    if enqueue is None:
        return inbox_too(decision) if any(one.keeps for one in decision.redirects) else decision
    post = _Post(decision.key, target, tenants.city(target.tenant), enqueue, now, verdict or Verdict())
    for one in decision.redirects:
        if not post.passed(one, raw, sender) and one.keeps:
            decision = inbox_too(decision)
    if decision.reply is not None:
        post.reply(decision.reply)
    return decision


def refuse(decision: Decision, target: Target, raw: bytes, verdict: Verdict | None, *, sender: str, enqueue: Enqueue | None,
           now: datetime) -> Decision:  # fmt: skip
    """Tell the sender by a message, because others got it and the conversation cannot say no any more (RFC 5429 2.1).

    Where the sender may be forged nobody is told, and the message is kept: rather one too many than one lost.
    """
    told, key = Decision((), marks=decision.marks, key=decision.key), decision.key
    is_verified = verdict is None or "pass" in (verdict.spf, verdict.dmarc)
    if not sender or not is_verified or enqueue is None:
        return Decision((Place(),), marks=decision.marks, key=decision.key)
    mark = f"{sender}\0{_identity(raw)}"
    try:
        if key is not None and filtering.is_remembered(key, "refused", mark, now=now):
            return told  # somebody else's mailbox could not take it, so it comes again
        note = _note(decision.reject or "", target, raw, sender, now)
        enqueue(tenants.city(target.tenant), sender="", recipients=[sender], raw=note, now=now, origin=target.mailbox, sign=True)
        if key is not None:
            remembering.remember(key, "refused", mark, seconds=PASSED_SECONDS, now=now)
    except Exception as error:  # noqa: BLE001 - it is kept instead
        _noted(error)
        return Decision((Place(),), marks=decision.marks, key=decision.key)
    return told


@dataclass(frozen=True)
class _Post:
    """What goes out on behalf of one mailbox."""

    key: DeliveryKey
    target: Target
    tenant: Tenant
    enqueue: Enqueue
    now: datetime
    verdict: Verdict

    def passed(self, one: Redirect, raw: bytes, sender: str) -> bool:
        """Pass a message on, once. What goes out comes from the person: a failure comes back to them, not to a stranger."""
        mark = f"{one.address.lower()}\0{_identity(raw)}"
        try:
            if filtering.is_remembered(self.key, "passed", mark, now=self.now):
                return True  # its delivery failed after this, and it comes again
            if not self._may("filter.passed", MOST_PASSED):
                return False
            self._send(self.target.address if sender else "", one.address, self._vouched(replies.passed_on(raw, self.key)), sign=False)
            remembering.remember(self.key, "passed", mark, seconds=PASSED_SECONDS, now=self.now)
        except Exception as error:  # noqa: BLE001 - it is kept instead
            _noted(error)
            return False
        return True

    def reply(self, one: replies.Answer) -> None:
        """Answer a sender, if they were not answered lately. Remembered first: rather none than two."""
        try:
            if filtering.is_remembered(self.key, "reply", one.handle, now=self.now) or not self._may("filter.reply", MOST_REPLIES):
                return
            remembering.remember(self.key, "reply", one.handle, seconds=one.seconds, now=self.now)
            self._send("", one.to, replies.written(one, now=self.now), sign=True)
        except Exception as error:  # noqa: BLE001 - the message itself goes its way
            _noted(error)

    def _vouched(self, raw: bytes) -> bytes:
        """Behind our word for what we found: whoever gets it from us cannot see where it came from (RFC 8617)."""
        results = self.verdict.vouched(self.tenant.domain)
        return signing.vouched(self.tenant, raw, results=results, status=self.verdict.arc, now=self.now)

    def _may(self, scope: str, most: int) -> bool:
        return limits.allow(scope, self.target.mailbox.hex, limit=most, per_seconds=DAY, now=self.now)

    def _send(self, sender: str, to: str, raw: bytes, *, sign: bool) -> None:
        self.enqueue(self.tenant, sender=sender, recipients=[to], raw=raw, now=self.now, origin=self.target.mailbox, sign=sign)


def _identity(raw: bytes) -> str:
    """What a message is known by when it comes again: everything below the lines that each delivery writes anew."""
    headers, _, body = raw.partition(b"\r\n\r\n")
    at = headers.lower().find(b"\r\nmessage-id:")
    return sha256(headers[at : at + 500] + b"\0" + body).hexdigest() if at >= 0 else sha256(body).hexdigest()


def _note(reason: str, target: Target, raw: bytes, sender: str, now: datetime) -> bytes:
    """A delivery report (RFC 3464): the person's words, what happened to whom, and the headers of what was refused."""
    domain, boundary = target.address.rpartition("@")[2], uuid4().hex
    words = MIMEText(reason.rstrip() + "\r\n", "plain", "utf-8")
    words.replace_header("Content-Transfer-Encoding", "base64")
    head = {
        "From": f"postmaster@{domain}", "To": sender, "Subject": refused(target.address), "Date": format_datetime(now),
        "Message-ID": f"<{uuid4()}@{domain}>", "Auto-Submitted": "auto-replied (rejected)", "MIME-Version": "1.0",
        "Content-Type": f'multipart/report; report-type=delivery-status; boundary="{boundary}"',
    }  # fmt: skip
    report = (
        f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {domain}\r\n\r\n"
        f"Final-Recipient: rfc822; {target.address}\r\nAction: failed\r\nStatus: 5.7.1\r\n"
    )
    lines = "".join(f"{name}: {value if value.isascii() else Header(value).encode()}\r\n" for name, value in head.items())
    original = raw.partition(b"\r\n\r\n")[0][:MOST_QUOTED]
    parts = [words.as_bytes(policy=SMTP), report.encode(), b"Content-Type: text/rfc822-headers\r\n\r\n" + original + b"\r\n"]
    mark = b"\r\n--" + boundary.encode()
    return lines.encode() + b"".join(mark + b"\r\n" + part for part in parts) + mark + b"--\r\n"


def _noted(error: Exception) -> None:
    if not isinstance(error, errors.StadtmailError):
        log.bug(error, role="delivery")
