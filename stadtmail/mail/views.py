"""Reads for mail programs: the state of a folder, what changed in it since a modseq, and messages opened many at a time.

Numbers (uid, modseq, flags, size) are read as they lie. Contents open through queries.Opened only, key asked for anew at each
read: from an erasure's claim on nothing here answers.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Sum

from stadtmail.kit import errors
from stadtmail.mail import bodies, envelope, sealing
from stadtmail.mail.envelope import Envelope
from stadtmail.mail.folders import DELETED, INBOX, SEEN
from stadtmail.mail.models import Body, Expunged, Folder, Mailbox, Message
from stadtmail.mail.queries import Opened, _pairs, _privates, folder_name
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING
from stadtmail.wire import imapenvelope, imapthread, preview

CHUNK = 400  # uids in one statement
TRIES = 5  # to read a folder that is busy as it is at one moment
Change = tuple[int, int, int]  # uid, flags, modseq


class NoSuchFolder(errors.NotFound):
    """The mailbox has no such folder."""


@dataclass(frozen=True)
class State:
    """A folder at one moment. `id` is its identity for as long as it exists; the name is for its holder only."""

    id: UUID
    number: int
    role: str
    uidvalidity: int
    uidnext: int
    modseq: int
    forgotten: int
    subscribed: bool
    use: str
    name: str = field(repr=False)

    @property
    def special(self) -> str:
        """What it is for (RFC 6154): its role, or what its holder made it for."""
        return self.role or self.use


@dataclass(frozen=True)
class Counts:
    """What is in a folder."""

    total: int = 0
    seen: int = 0
    deleted: int = 0
    size_bytes: int = 0
    deleted_bytes: int = 0


@dataclass(frozen=True)
class News:
    """What happened in a folder up to a modseq. Not `is_exact`: some of it may have happened later."""

    modseq: int
    changes: list[Change]
    gone: set[int]
    is_exact: bool


class Mail:
    """One message, opened as far as it is asked for: numbers, then its envelope, then its bytes."""

    def __init__(self, columns: Sequence[Any], record: sealing.Record, body: bytes | None) -> None:
        self.id, _, self.uid, self.flags, self.modseq, self.size_bytes, _, self._sealed, self.blob = columns
        self._record, self._body = record, body

    @cached_property
    def envelope(self) -> Envelope:
        """Its summary and tree. Raises vault.seal.Unreadable."""
        return self._record.envelope(bytes(self._sealed))

    @cached_property
    def for_imap(self) -> tuple[bytes, bytes]:
        """ENVELOPE and BODYSTRUCTURE."""
        kept = self.envelope.imap.encode("latin-1")
        if not kept:
            return envelope.for_imap(self.content)
        first, _, second = kept.partition(b"\0")
        return first, second

    @property
    def email_id(self) -> str:
        """What stays the same when it is moved or copied (RFC 8474 5.1)."""
        return self.envelope.email_id or f"M{self.id.hex}"

    @property
    def thread_id(self) -> str:
        """The same for all messages that go back to one message, as far as their headers know it (RFC 8474 5.2)."""
        one = self.envelope
        root = imapthread.root_id(one.message_id, one.references, one.in_reply_to)
        return f"T{hashlib.sha256(self._record.tenant.bytes + (root or self.email_id).encode()).hexdigest()[:32]}"

    @cached_property
    def preview(self) -> str:
        """Its first words (RFC 8970)."""
        kept = self.envelope.preview
        return preview.preview(self.content, self.envelope.root) if kept is None else kept

    def first_address(self, of: str) -> imapenvelope.Address:
        """Display name, mailbox and host of the first address in "from", "to" or "cc"."""
        return imapenvelope.first_address(self.for_imap[0], of)

    @cached_property
    def content(self) -> bytes:
        """All its bytes at once: for what needs them, one message at a time."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Its bytes as they were received, in pieces. Raises units.Gone where it was deleted meanwhile."""
        if self.blob is not None:
            return self._record.blob(self.blob)
        if self._body is None:
            sealed = Body.objects.filter(message=self.id).values_list("sealed", flat=True).first()
            if sealed is None:
                raise units.Gone
            self._body = bytes(sealed)
        return iter([self._record.body(self._body)])

    def between(self, start: int, end: int) -> Iterator[bytes]:
        """Its bytes from `start` to before `end`."""
        return bodies.between(self.pieces(), start, end)


def states(o: Opened) -> list[State]:
    """All folders, the inbox first. Raises units.Gone."""
    unit = next(iter(_pairs(o).values())).unit
    return [_state(row, _name(o, unit, row)) for row in Folder.objects.filter(mailbox=o.mailbox).order_by("number")]


def named(o: Opened, name: str) -> State:
    """The folder with this name; INBOX in any case. Raises NoSuchFolder, units.Gone."""
    wanted = canonical(name)
    found = next((one for one in states(o) if one.name == wanted), None)
    if found is None:
        raise NoSuchFolder
    return found


def canonical(name: str) -> str:
    """The one way to write a name: INBOX in capitals, also as the first of several levels (RFC 9051 5.1)."""
    first, slash, rest = name.partition("/")
    return f"INBOX{slash}{rest}" if first.upper() == "INBOX" else name


def marks(ids: Sequence[UUID]) -> dict[UUID, int]:
    """folder -> modseq, for those that still exist: what a door asks once a second for all that wait."""
    return {
        folder: modseq
        for at in range(0, len(ids), CHUNK)
        for folder, modseq in Folder.objects.filter(id__in=ids[at : at + CHUNK]).values_list("id", "modseq")
    }


def living(mailboxes: Sequence[UUID]) -> set[UUID]:
    """Which of these mailboxes are there and not being erased."""
    found: set[UUID] = set()
    for at in range(0, len(mailboxes), CHUNK):
        rows = Mailbox.objects.filter(id__in=mailboxes[at : at + CHUNK]).exclude(unit__state=ERASING)
        found.update(rows.values_list("id", flat=True))
    return found


def snapshot(folder: UUID) -> tuple[int, int, list[Change]]:
    """(modseq, uidnext, all messages) of a folder, as they were at one moment. Raises NoSuchFolder."""
    for _ in range(TRIES):
        modseq, uidnext, _ = position(folder)
        rows = changes(folder, since=0)
        if position(folder)[0] == modseq:
            break
    return modseq, uidnext, rows


def news(folder: UUID, *, since: int, known: Iterable[int]) -> News | None:
    """What happened after a modseq to somebody who knows these uids; None for nothing. Raises NoSuchFolder.

    Read without a transaction: where the folder moved on meanwhile it is read again.
    """
    for _ in range(TRIES):
        modseq, _, forgotten = position(folder)
        if modseq == since:
            return None
        changed = changes(folder, since=since)
        if forgotten > since:
            gone = set(known) - set(uids(folder))
        else:
            gone = {uid for first, last in expunged(folder, since=since) for uid in range(first, last + 1)}
        is_exact = position(folder)[0] == modseq
        if is_exact:
            break
    return News(modseq, changed, gone, is_exact)


def position(folder: UUID) -> tuple[int, int, int]:
    """(modseq, uidnext, forgotten) of a folder now. Raises NoSuchFolder."""
    found = Folder.objects.filter(id=folder).values_list("modseq", "uidnext", "forgotten").first()
    if found is None:
        raise NoSuchFolder
    return found


def changes(folder: UUID, *, since: int) -> list[Change]:
    """Messages that came or changed after a modseq, oldest uid first."""
    rows = Message.objects.filter(folder=folder)
    if since:
        rows = rows.filter(modseq__gt=since)
    return list(rows.order_by("uid").values_list("uid", "flags", "modseq"))


def uids(folder: UUID) -> "array[int]":
    """All uids of a folder, in order."""
    return array("I", Message.objects.filter(folder=folder).order_by("uid").values_list("uid", flat=True).iterator(chunk_size=10_000))


def expunged(folder: UUID, *, since: int) -> list[tuple[int, int]]:
    """Ranges of uids that left after a modseq. Before State.forgotten they are not known any more: whoever asks compares uids."""
    return list(Expunged.objects.filter(folder=folder, modseq__gt=since).order_by("first").values_list("first", "last"))


def counts(folder: UUID) -> Counts:
    """Totals of one folder, in one walk over it."""
    marked = {bit: F("flags").bitand(bit) for bit in (SEEN, DELETED)}
    rows = Message.objects.filter(folder=folder).annotate(is_seen=marked[SEEN], is_deleted=marked[DELETED]).order_by()
    found = rows.values_list("is_seen", "is_deleted").annotate(n=Count("id"), size=Sum("size_bytes"))
    groups = [(seen, deleted, n, size or 0) for seen, deleted, n, size in found]
    return Counts(
        total=sum(n for _, _, n, _ in groups),
        seen=sum(n for seen, _, n, _ in groups if seen),
        deleted=sum(n for _, deleted, n, _ in groups if deleted),
        size_bytes=sum(size for *_, size in groups),
        deleted_bytes=sum(size for _, deleted, _, size in groups if deleted),
    )


def numbers(folder: UUID, wanted: Sequence[int]) -> dict[int, tuple[int, date]]:
    """uid -> (size, day of arrival), without opening anything."""
    return {
        uid: (size, day)
        for at in range(0, len(wanted), CHUNK)
        for uid, size, day in Message.objects.filter(folder=folder, uid__in=wanted[at : at + CHUNK]).values_list(
            "uid", "size_bytes", "arrived_on"
        )
    }


def mails(o: Opened, folder: UUID, wanted: Sequence[int], *, with_bodies: bool = False) -> list[Mail]:
    """Those of these messages that are there, by uid. Raises units.Gone."""
    privates = _privates(o)
    columns = ("id", "pair_id", "uid", "flags", "modseq", "size_bytes", "record_key", "envelope", "blob")
    found = []
    for at in range(0, len(wanted), CHUNK):
        rows = Message.objects.filter(folder=folder, uid__in=wanted[at : at + CHUNK], pair__in=list(privates)).order_by("uid")
        part = list(rows.values_list(*columns))
        small = [row[0] for row in part if row[8] is None] if with_bodies else []
        opened = Body.objects.filter(message__in=small).values_list("message_id", "sealed") if small else ()
        sealed = {message: bytes(body) for message, body in opened}
        found += [Mail(row, _record(o, privates[row[1]], row[6], row[0]), sealed.get(row[0])) for row in part]
    return found


def quota(o: Opened) -> tuple[int, int]:
    """(bytes used, bytes allowed)."""
    return Mailbox.objects.filter(id=o.mailbox.id).values_list("used_bytes", "quota_bytes").first() or (0, 0)


def _record(o: Opened, private: bytes, box: bytes, message: UUID) -> sealing.Record:
    return sealing.record(private, bytes(box), tenant=o.mailbox.tenant_id, mailbox=o.mailbox.id, role=o.mailbox.role, message=message)


def _name(o: Opened, unit: Any, row: Folder) -> str:
    return "INBOX" if row.role == INBOX else folder_name(o.mailbox, unit, row)


def _state(row: Folder, name: str) -> State:
    return State(row.id, row.number, row.role, row.uidvalidity, row.uidnext, row.modseq, row.forgotten, row.subscribed, row.use, name)
