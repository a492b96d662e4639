"""What lists and readers need of a message without its body: made once at delivery, sealed beside the body.

It names people and subjects, so it leaves this module only as sealed bytes or to the mailbox's holder.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any

from stadtmail.wire import imapwrite, mime, mimewords, preview

MOST_SUBJECT = 1000  # signs
MOST_IMAP = 32 * 1024  # bytes
MOST_REFERENCES = 8000  # signs: the first ids say which thread it is, the last ones where in it
OWN = "own"  # of a message that was handed over on this instance, by whom it says, or that the city wrote itself
Addresses = list[tuple[str, str]]
_FRONT = Struct(">qII")  # microseconds of the arrival, lengths of ENVELOPE and BODYSTRUCTURE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BARE = mime.Part("")  # nobody may change it
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Envelope:
    """Summary of the headers, the exact moment of arrival, and the tree of parts with its offsets."""

    subject: str
    sender: Addresses
    to: Addresses
    cc: Addresses
    reply_to: Addresses
    date: datetime | None  # what the sender says
    message_id: str
    in_reply_to: str
    references: str
    received_at: datetime
    has_attachments: bool
    root: mime.Part
    preview: str | None = None  # RFC 8970; None: not looked for
    email_id: str = ""  # of a copy: the id of the message that it was made from (RFC 8474)
    found: str = ""  # what our own door found out about the sender (RFC 8601), or OWN; empty: nothing
    imap: tuple[bytes, bytes] = (b"", b"")  # ENVELOPE and BODYSTRUCTURE as IMAP says them; empty: too long to keep


def summary(raw: bytes, *, now: datetime, found: str = "") -> Envelope:
    """Read a message that arrives. Never raises."""
    mail = mime.parse(raw)
    first = mail.first
    return Envelope(
        subject=mimewords.text(first(b"subject"))[:MOST_SUBJECT],
        sender=mimewords.addresses(first(b"from")),
        to=mimewords.addresses(first(b"to")),
        cc=mimewords.addresses(first(b"cc")),
        reply_to=mimewords.addresses(first(b"reply-to")),
        date=mimewords.moment(first(b"date")),
        message_id=mimewords.text(first(b"message-id"))[:MOST_SUBJECT],
        in_reply_to=mimewords.text(first(b"in-reply-to"))[:MOST_SUBJECT],
        references=_ends(mimewords.text(first(b"references"))),
        received_at=now,
        has_attachments=bool(mime.shown(mail.root).attachments),
        root=mail.root,
        preview=preview.preview(raw, mail.root),
        found=found,
        imap=_imap(raw, mail),
    )


def for_imap(raw: bytes) -> tuple[bytes, bytes]:
    """ENVELOPE and BODYSTRUCTURE of a message whose envelope does not have them."""
    mail = mime.parse(raw)
    return imapwrite.envelope(mail.headers), imapwrite.structure(raw, mail.root)


def _ends(references: str) -> str:
    half = MOST_REFERENCES // 2
    return references if len(references) <= MOST_REFERENCES else f"{references[:half]} {references[-half:]}"


def _imap(raw: bytes, mail: mime.Mail) -> tuple[bytes, bytes]:
    both = imapwrite.envelope(mail.headers), imapwrite.structure(raw, mail.root)
    return both if len(both[0]) + len(both[1]) <= MOST_IMAP else (b"", b"")


def packed(envelope: Envelope) -> bytes:
    """The envelope as bytes, to be sealed: what lists of a mail program need stands in front, so that they open nothing else."""
    values = {name: getattr(envelope, name) for name in Envelope.__dataclass_fields__ if name not in ("imap", "received_at")}
    values["date"] = envelope.date.isoformat() if envelope.date else None
    values["root"] = envelope.root.packed()
    first, second = envelope.imap
    received = (envelope.received_at - _EPOCH) // timedelta(microseconds=1)
    rest = _WRITER.encode(values).encode("utf-8", "replace")
    return _FRONT.pack(received, len(first), len(second)) + first + second + rest


def front(plain: bytes) -> tuple[datetime, bytes, bytes]:
    """(arrival, ENVELOPE, BODYSTRUCTURE) of what `packed` wrote."""
    received, first, second = _FRONT.unpack_from(plain)
    at = _FRONT.size
    return _EPOCH + timedelta(microseconds=received), plain[at : at + first], plain[at + first : at + first + second]


def listed(plain: bytes) -> Envelope:
    """The same without its tree and what IMAP says of it: what lists need, in a third of the time."""
    received, first, second = _FRONT.unpack_from(plain)
    values: dict[str, Any] = json.loads(plain[_FRONT.size + first + second :].decode())
    del values["root"]
    for name in ("sender", "to", "cc", "reply_to"):
        values[name] = [(one[0], one[1]) for one in values[name]]
    values["date"] = datetime.fromisoformat(values["date"]) if values["date"] else None
    return Envelope(root=_BARE, received_at=_EPOCH + timedelta(microseconds=received), **values)


def unpacked(plain: bytes) -> Envelope:
    """The envelope that `packed` wrote."""
    received, first, second = front(plain)
    values: dict[str, Any] = json.loads(plain[_FRONT.size + len(first) + len(second) :])
    pairs: Callable[[str], Addresses] = lambda name: [(one[0], one[1]) for one in values[name]]  # noqa: E731
    return Envelope(
        **{
            **values,
            **{name: pairs(name) for name in ("sender", "to", "cc", "reply_to")},
            "date": datetime.fromisoformat(values["date"]) if values["date"] else None,
            "received_at": received,
            "root": mime.Part.unpacked(values["root"]),
            "imap": (first, second),
        }
    )
