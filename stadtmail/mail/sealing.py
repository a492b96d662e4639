"""How one message lies in the store: a random record key sealed to the mailbox's pair; envelope and body sealed under it.

What the holder appends or copies has a folded record key instead: wrapped under a key that follows from the pair's private half.

City, category, mailbox and message are bound in, so that no row can be moved to another place. Bodies over 64 KiB are
blobs, durable before any row names them.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from uuid import UUID, uuid4

from stadtmail.mail import envelope as envelopes
from stadtmail.vault import blobs, boxes
from stadtmail.vault.seal import Opener, derived, open_sealed, seal

RESIDENT, ROLE = "INH", "CONT"
MOST_IN_ROW = 64 * 1024
_PIECE = 1024 * 1024
_FOLDED = b"\x02"  # a box begins with 1
Step = Callable[[int], None]


@dataclass(frozen=True)
class Target:
    """Where a message goes: a mailbox and the pair that it is sealed to."""

    tenant: UUID
    mailbox: UUID
    role: str
    pair: UUID
    public: bytes = field(repr=False)
    address: str = field(default="", repr=False)  # as the sender wrote it
    script: UUID | None = None  # the filter that decides where it goes
    filter: UUID | None = None  # the delivery key of its filter for spam, where that has learned anything

    @property
    def category(self) -> str:
        """Category of what arrives: a resident's contents, or an enquiry to the city."""
        return ROLE if self.role else RESIDENT


@dataclass(frozen=True)
class Sealed:
    """A message of which nothing can be read any more. `body` or `blob` is set."""

    id: UUID
    target: Target
    size_bytes: int
    arrived_at: datetime
    record_key: bytes = field(repr=False)
    envelope: bytes = field(repr=False)
    body: bytes | None = field(repr=False)
    blob: UUID | None
    folder: UUID | None = None  # None: the inbox
    flags: int = 0
    delivery: UUID | None = None  # copies of one delivery are stored all, or none


class Private:
    """The private half of a pair while somebody reads, and what follows from it: what opens boxes, the key of the folded record keys."""

    __slots__ = ("_fold", "_holder", "_opener", "half")

    def __init__(self, half: bytes) -> None:
        self.half = half
        self._fold = b""
        self._holder: boxes.Holder | None = None
        self._opener: tuple[tuple[UUID, str], Opener] | None = None

    @property
    def holder(self) -> boxes.Holder:
        """What opens boxes that were sealed to this pair."""
        if self._holder is None:
            self._holder = boxes.Holder(self.half)
        return self._holder

    @property
    def fold(self) -> bytes:
        """Key under which the holder's own record keys are wrapped: opens far faster than a box."""
        if not self._fold:
            self._fold = derived(self.half, b"stadtmail record keys 1")
        return self._fold

    def opener(self, tenant: UUID, category: str) -> Opener:
        """What opens folded record keys of this city and category."""
        if self._opener is None or self._opener[0] != (tenant, category):
            self._opener = (tenant, category), Opener(self.fold, tenant=tenant, category=category)
        return self._opener[1]


@dataclass(frozen=True)
class Record:
    """A message's opened record key, and where it belongs."""

    id: UUID
    tenant: UUID
    category: str
    key: bytes = field(repr=False)

    def envelope(self, sealed: bytes) -> envelopes.Envelope:
        """Open the envelope. Raises Unreadable."""
        return envelopes.unpacked(self.plain_envelope(sealed))

    def plain_envelope(self, sealed: bytes) -> bytes:
        """Open the envelope and leave it packed. Raises Unreadable."""
        return open_sealed(self.key, sealed, tenant=self.tenant, category=self.category, object=f"{self.id}/envelope")

    def body(self, sealed: bytes) -> bytes:
        """Open a body that lies in a row. Raises Unreadable."""
        return open_sealed(self.key, sealed, tenant=self.tenant, category=self.category, object=f"{self.id}/body")

    def blob(self, blob: UUID) -> Iterator[bytes]:
        """Open a body that lies in a blob, piece by piece. Raises BlobGone, Unreadable."""
        return blobs.get(blob, key=self.key, tenant=self.tenant, category=self.category)


def sealed(
    raw: bytes, target: Target, plain_envelope: bytes, *, private: Private | None = None, now: datetime, folder: UUID | None = None,
    flags: int = 0, delivery: UUID | None = None, message: UUID | None = None, step: Step = lambda _: None,
) -> Sealed:  # fmt: skip
    """Seal a message for one mailbox; its holder, who has the `private` half, makes a folded record key.

    Step 1: sealed; step 2: its blob, if it has one, is durable.
    """
    message, key = message or uuid4(), os.urandom(32)
    if private is None:
        box = boxes.seal_to(target.public, key, context=context(target.tenant, target.mailbox, message))
    else:
        box = folded(private, key, tenant=target.tenant, mailbox=target.mailbox, role=target.role, message=message)
    where = {"tenant": target.tenant, "category": target.category}
    envelope = seal(key, plain_envelope, object=f"{message}/envelope", **where)  # type: ignore[arg-type]
    is_small = len(raw) <= MOST_IN_ROW
    body = seal(key, raw, object=f"{message}/body", **where) if is_small else None  # type: ignore[arg-type]
    step(1)
    blob = None
    if not is_small:
        blob = blobs.put(_pieces(raw), key=key, tenant=target.tenant, category=target.category)
        step(2)
    return Sealed(message, target, len(raw), now, box, envelope, body, blob, folder, flags, delivery)


def record(private: Private, box: bytes, *, tenant: UUID, mailbox: UUID, role: str, message: UUID) -> Record:
    """Open a message's record key with the private half of its pair. Raises Unreadable."""
    category = ROLE if role else RESIDENT
    if is_folded(box):
        key = private.opener(tenant, category).opened(box[1:], object=f"{_digits(mailbox)}/{message}/record")
    else:
        key = private.holder.opened(box, context=context(tenant, mailbox, message))
    return Record(message, tenant, category, key)


def folded(private: Private, key: bytes, *, tenant: UUID, mailbox: UUID, role: str, message: UUID) -> bytes:
    """A record key wrapped under a key that only the private half gives: dies with the pair, as a box does."""
    return _FOLDED + seal(private.fold, key, tenant=tenant, category=ROLE if role else RESIDENT, object=f"{mailbox}/{message}/record")


def is_folded(box: bytes) -> bool:
    """Is the record key wrapped and not boxed?"""
    return box[:1] == _FOLDED


def context(tenant: UUID, mailbox: UUID, message: UUID) -> bytes:
    """What the box of a message's record key is bound to."""
    return b"message" + tenant.bytes + mailbox.bytes + message.bytes


@lru_cache(maxsize=1024)
def _digits(mailbox: UUID) -> str:
    return str(mailbox)


def _pieces(raw: bytes) -> Iterator[bytes]:
    return (raw[at : at + _PIECE] for at in range(0, len(raw), _PIECE))
