"""Reads for mail programs: the state of a folder, what changed in it since a modseq, and messages opened many at a time.

Numbers (uid, modseq, flags, size) are read as they lie. Contents open through queries.Opened only, key asked for anew at each
read: from an erasure's claim on nothing here answers.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils.asyncio import async_unsafe

from stadtmail.kit import errors, store
from stadtmail.mail import bodies, envelope, sealing
from stadtmail.mail.envelope import Envelope
from stadtmail.mail.folders import DELETED, INBOX, SEEN
from stadtmail.mail.models import Body, Folder, Mailbox, Subscription
from stadtmail.mail.queries import Opened, folder_name, pairs_of, privates
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING, Unit
from stadtmail.wire import imapenvelope, imapthread, preview

CHUNK = 400  # uids in one statement
_FOLDERS = """
    SELECT id, number, role, uidvalidity, uidnext, modseq, forgotten, subscribed, recent, "use", name
    FROM mail_folder WHERE mailbox_id = %s"""
_COUNTS = "SELECT flags & %s AS marks, count(*), sum(size_bytes) FROM mail_message WHERE folder_id = %s GROUP BY marks"
_RECENT = "SELECT count(*) FROM mail_message WHERE folder_id = %s AND uid >= %s"
_COLUMNS = """
    SELECT one.id, one.pair_id, one.uid, one.flags, one.modseq, one.size_bytes, one.record_key, one.envelope, one.blob, """
_MAILS = _COLUMNS + "NULL FROM mail_message one WHERE one.folder_id = %s AND {where} ORDER BY one.uid"
_MAILS_WITH_BODIES = _COLUMNS + """body.sealed FROM mail_message one LEFT JOIN mail_body body ON body.message_id = one.id
    WHERE one.folder_id = %s AND {where} ORDER BY one.uid"""
MOST_AT_ONCE = 200  # changes that an event loop may read
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
    recent: int
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
    recent: int = 0


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
        self._front: tuple[bytes, tuple[datetime, bytes, bytes]] | None = None

    def _opened(self) -> tuple[bytes, tuple[datetime, bytes, bytes]]:
        """What its envelope says, and what stands in front of it. (By hand: lists ask it thrice of each message.)"""
        if self._front is None:
            plain = self._record.plain_envelope(bytes(self._sealed))
            self._front = plain, envelope.front(plain)
        return self._front

    @cached_property
    def envelope(self) -> Envelope:
        """Its summary and tree. Raises vault.seal.Unreadable."""
        return envelope.unpacked(self._opened()[0])

    @property
    def received_at(self) -> datetime:
        """When it arrived, without opening its whole envelope."""
        return self._opened()[1][0]

    @property
    def for_imap(self) -> tuple[bytes, bytes]:
        """ENVELOPE and BODYSTRUCTURE."""
        plain, (received, first, second) = self._opened()
        if not first:
            first, second = envelope.for_imap(self.content)
            self._front = plain, (received, first, second)
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
            return _from_disk(self._record, self.blob)
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
    """All folders, the inbox first; a guest is shown none. Raises units.Gone."""
    if o.guest is not None:
        return []
    unit = next(iter(pairs_of(o).values())).unit
    return [_state(o, unit, row) for row in store.select(f"{_FOLDERS} ORDER BY number", [o.mailbox.id])]


def named(o: Opened, name: str) -> State:
    """The folder with this name; INBOX in any case. Raises NoSuchFolder, units.Gone."""
    wanted = canonical(name)
    if wanted == "INBOX" and o.guest is None:
        unit = next(iter(pairs_of(o).values())).unit
        return _state(o, unit, store.select(f"{_FOLDERS} AND role = %s", [o.mailbox.id, INBOX])[0])
    found = next((one for one in states(o) if one.name == wanted), None)
    if found is None:
        raise NoSuchFolder
    return found


def subscriptions(o: Opened) -> dict[UUID, str]:
    """Subscribed names of which there is no folder any more. Raises units.Gone."""
    rows = list(Subscription.objects.filter(mailbox=o.mailbox).order_by("id").values_list("id", "name"))
    unit = next(iter(pairs_of(o).values())).unit if rows else None
    return {row: units.text(unit, f"subscription {row}", bytes(name)) for row, name in rows if unit is not None}


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
    """Which of these mailboxes are there and not being erased, and belong to nobody whose contract has ended (C-2.8)."""
    found: set[UUID] = set()
    for at in range(0, len(mailboxes), CHUNK):
        rows = Mailbox.objects.filter(id__in=mailboxes[at : at + CHUNK]).exclude(unit__state=ERASING).exclude(contract__state="ended")
        found.update(rows.values_list("id", flat=True))
    return found


@async_unsafe("A whole folder is read in a thread.")
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
        changed = changes(folder, since=since, most=MOST_AT_ONCE)
        if len(changed) == MOST_AT_ONCE:
            changed = _many_changes(folder, since)
        if forgotten > since:
            gone = set(known) - set(_all_uids(folder))
        else:
            gone = {uid for first, last in expunged(folder, since=since) for uid in range(first, last + 1)}
        is_exact = position(folder)[0] == modseq
        if is_exact:
            break
    return News(modseq, changed, gone, is_exact)


def position(folder: UUID) -> tuple[int, int, int]:
    """(modseq, uidnext, forgotten) of a folder now. Raises NoSuchFolder."""
    found = store.select("SELECT modseq, uidnext, forgotten FROM mail_folder WHERE id = %s", [folder])
    if not found:
        raise NoSuchFolder
    return found[0]


def changes(folder: UUID, *, since: int, most: int = 2**31) -> list[Change]:
    """Messages that came or changed after a modseq, oldest uid first, `most` of them."""
    if since:
        sql = "SELECT uid, flags, modseq FROM mail_message WHERE folder_id = %s AND modseq > %s ORDER BY uid LIMIT %s"
        return store.select(sql, [folder, since, most])
    return store.select("SELECT uid, flags, modseq FROM mail_message WHERE folder_id = %s ORDER BY uid", [folder])


@async_unsafe("Many messages are read in a thread.")
def _many_changes(folder: UUID, since: int) -> list[Change]:
    return changes(folder, since=since)


@async_unsafe("A whole folder is read in a thread.")
def _all_uids(folder: UUID) -> "array[int]":
    return array("I", [uid for (uid,) in store.select("SELECT uid FROM mail_message WHERE folder_id = %s ORDER BY uid", [folder])])


def expunged(folder: UUID, *, since: int) -> list[tuple[int, int]]:
    """Ranges of uids that left after a modseq. Before State.forgotten they are not known any more: whoever asks compares uids."""
    sql = "SELECT first, last FROM mail_expunged WHERE folder_id = %s AND modseq > %s ORDER BY first"
    return store.select(sql, [folder, since])


def flags_in_use(folder: UUID) -> int:
    """All bits that the flags of some message of a folder have."""
    found = 0
    for (flags,) in store.select("SELECT DISTINCT flags FROM mail_message WHERE folder_id = %s", [folder]):
        found |= flags
    return found


def counts(folder: UUID, *, recent: int = 0) -> Counts:
    """Totals of one folder, in one walk over its numbers. `recent`: the first uid that counts as such; 0: none does."""
    groups = [(int(marks), n, int(size)) for marks, n, size in store.select(_COUNTS, [SEEN | DELETED, folder])]
    return Counts(
        total=sum(n for _, n, _ in groups),
        seen=sum(n for marks, n, _ in groups if marks & SEEN),
        deleted=sum(n for marks, n, _ in groups if marks & DELETED),
        size_bytes=sum(size for *_, size in groups),
        deleted_bytes=sum(size for marks, _, size in groups if marks & DELETED),
        recent=store.select(_RECENT, [folder, recent])[0][0] if recent else 0,
    )


def numbers(folder: UUID, wanted: Sequence[int]) -> dict[int, tuple[int, date]]:
    """uid -> (size, day of arrival), without opening anything."""
    found: dict[int, tuple[int, date]] = {}
    for where, values in of_uids(wanted):
        sql = f"SELECT uid, size_bytes, arrived_on FROM mail_message WHERE folder_id = %s AND {where}"  # noqa: S608 - our own words
        for uid, size, day in store.select(sql, [folder, *values]):
            found[uid] = (size, day if isinstance(day, date) else date.fromisoformat(day))
    return found


def sizes(folder: UUID, wanted: Sequence[int]) -> dict[int, int]:
    """uid -> size."""
    found: dict[int, int] = {}
    for where, values in of_uids(wanted):
        sql = f"SELECT uid, size_bytes FROM mail_message WHERE folder_id = %s AND {where}"  # noqa: S608 - our own words
        found.update(store.select(sql, [folder, *values]))
    return found


def mails(o: Opened, folder: UUID, wanted: Sequence[int], *, with_bodies: bool = False) -> list[Mail]:
    """Those of these messages that are there, by uid. Raises units.Gone."""
    halves = privates(o)
    if o.guest is not None:
        o.guest.check(folder)
    sql = _MAILS_WITH_BODIES if with_bodies else _MAILS
    found, seen, private = [], None, None
    for where, values in of_uids(wanted):
        for message, pair, *columns, body in store.select(sql.format(where=where), [folder, *values]):
            if pair != seen:  # nearly all are under one pair
                seen, private = pair, halves.get(store.as_id(pair))
            if private is None:
                continue
            row = [store.as_id(message), None, *columns]
            row[8] = row[8] and store.as_id(row[8])
            found.append(Mail(row, _record(o, private, row[6], row[0]), None if body is None else bytes(body)))
    return found


def of_uids(wanted: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """Conditions that mean these uids, in portions; neighbours as one range."""
    ordered = sorted(set(wanted))
    if ordered and ordered[-1] - ordered[0] + 1 == len(ordered):
        yield "uid BETWEEN %s AND %s", [ordered[0], ordered[-1]]
        return
    for at in range(0, len(ordered), CHUNK):
        part = ordered[at : at + CHUNK]
        yield f"uid IN ({store.marks(part)})", part


@async_unsafe("A large message is opened in a thread.")
def _from_disk(record: sealing.Record, blob: UUID) -> Iterator[bytes]:
    return record.blob(blob)


def quota(o: Opened) -> tuple[int, int]:
    """(bytes used, bytes allowed)."""
    return Mailbox.objects.filter(id=o.mailbox.id).values_list("used_bytes", "quota_bytes").first() or (0, 0)


def _record(o: Opened, private: sealing.Private, box: bytes, message: UUID) -> sealing.Record:
    return sealing.record(private, bytes(box), tenant=o.mailbox.tenant_id, mailbox=o.mailbox.id, role=o.mailbox.role, message=message)


def guest_state(o: Opened, row: Sequence[Any]) -> State:
    """A folder of somebody else as its columns say it (guests.rows), by its holder's name. Raises units.Gone, guests.NotShared."""
    return _state(o, next(iter(pairs_of(o).values())).unit, row)


def _state(o: Opened, unit: Unit, row: Sequence[Any]) -> State:
    folder, number, role, uidvalidity, uidnext, modseq, forgotten, subscribed, recent, use, sealed = row
    found = Folder(id=store.as_id(folder), role=role, name=bytes(sealed))
    name = "INBOX" if role == INBOX else folder_name(o.mailbox, unit, found)
    return State(found.id, number, role, uidvalidity, uidnext, modseq, forgotten, bool(subscribed), recent, use, name)
