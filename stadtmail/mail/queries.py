"""All reads of mail. Contents open for a holder, or for nobody (C-4.7): everything goes through the unit's key at every read.

From an erasure's claim on the unit's key does not open any more, so nothing here answers. Lists cost the same number of
queries however long they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.mail import bodies, counting, labels, sealing
from stadtmail.mail import envelope as envelopes
from stadtmail.mail.bodies import Attachment
from stadtmail.mail.envelope import Addresses, Envelope
from stadtmail.mail.folders import SEEN, flag_names, standard_name
from stadtmail.mail.guests import Guest
from stadtmail.mail.models import Folder, Mailbox, Message
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING, Unit
from stadtmail.tenants.models import Tenant
from stadtmail.vault import keys

MOST_IN_PAGE = 500
_PAIRS = """
    SELECT pair.unit_id, unit.key, unit.category, unit.state, unit.tenant_id, pair.private, pair.current
    FROM mail_mailboxkey pair JOIN privacy_unit unit ON unit.id = pair.unit_id
    WHERE pair.mailbox_id = %s AND unit.state <> %s
    ORDER BY pair.current DESC"""
_LISTED = """
    SELECT message.id, message.pair_id, message.uid, message.flags, message.size_bytes, message.record_key, message.envelope
    FROM mail_message message JOIN mail_folder folder ON folder.id = message.folder_id WHERE {reach} AND {where}"""
_brought: ContextVar[Mapping[UUID, bytes]] = ContextVar("brought", default={})  # noqa: B039 - never changed


class Locked(units.Gone):
    """The mailbox is sealed, and whoever asks has not brought what opens it: here there is nothing to read."""


class NoSuchMailbox(errors.NotFound):
    """There is no such mailbox in this city."""


class NoSuchMessage(errors.NotFound):
    """The mailbox has no such folder, message or part."""


class NotTheHolder(errors.NotAllowed):
    """The mailbox belongs to somebody else."""


@dataclass(frozen=True)
class Opened:
    """The right to read a mailbox, made for its holder. Each read asks for the unit's key anew.

    `halves`: pair -> private half, of a sealed mailbox only: what its holder brought, in the memory of session or connection.
    `guest`: it was made for somebody with whom one folder is shared; that is asked anew at each read as well.
    """

    mailbox: Mailbox
    halves: Mapping[UUID, bytes] = field(default_factory=dict, compare=False, repr=False)
    guest: Guest | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"<opened mailbox {self.mailbox.id}>"


@dataclass(frozen=True)
class FolderRow:
    """A folder in the list. `name` as the holder called it; standard folders also say their role."""

    number: int
    role: str
    name: str = field(repr=False)
    total: int
    unread: int
    id: UUID
    uidvalidity: int
    uidnext: int
    modseq: int


@dataclass(frozen=True, repr=False)
class MessageRow:
    """A message in the list. `bits` are its flags as they lie, keywords included; `envelope` is without its tree."""

    uid: int
    seen: bool
    flags: list[str]
    subject: str
    sender_name: str
    sender_address: str
    date: datetime
    size_bytes: int
    has_attachments: bool
    bits: int
    envelope: Envelope


@dataclass(frozen=True, repr=False)
class MessageView:
    """A message as it is read. `html` is a stranger's: it is cleaned before it is shown. `pictures`: cid -> (type, bytes).

    `found` is what our own door found out about its sender; `head` the beginning of its header, a stranger's words.
    """

    subject: str
    sender: Addresses
    to: Addresses
    cc: Addresses
    reply_to: Addresses
    date: datetime | None
    received_at: datetime
    text: str | None
    html: str | None
    pictures: dict[str, tuple[str, bytes]]
    parts: list[Attachment]
    id: UUID
    bits: int
    found: str
    head: bytes


def mailbox_of(tenant: Tenant, contract_id: UUID) -> Mailbox:
    """The mailbox of a contract. Raises NoSuchMailbox."""
    return _mailbox(next(iter(store.rows_of(Mailbox, "tenant_id = %s AND contract_id = %s", [tenant.id, contract_id])), None))


def role_mailbox(tenant: Tenant, role: str) -> Mailbox:
    """A role's mailbox: postmaster, abuse, officer. Raises NoSuchMailbox."""
    return _mailbox(Mailbox.objects.filter(tenant=tenant, role=role).first() if role else None)


def opened(mailbox: Mailbox, *, holder: UUID, halves: Mapping[UUID, bytes] | None = None) -> Opened:
    """Open a resident's mailbox for its holder (the id of the contract). Raises NotTheHolder, Locked, units.Gone."""
    if mailbox.contract_id is None or mailbox.contract_id != holder:
        raise NotTheHolder
    o = Opened(mailbox, halves or {})
    pairs, found = _opening(o)
    if any(pair.current and not pair.private and unit not in found for unit, pair in pairs.items()):
        raise Locked
    return o


def outside(mailbox: Mailbox, *, holder: UUID, halves: Mapping[UUID, bytes] | None = None) -> Opened:
    """The right to what is about a mailbox without being in it (folders, filters, an import), for its holder: a sealed one opens
    no message with it, but what `halves` open. Raises NotTheHolder, units.Gone."""
    if mailbox.contract_id is None or mailbox.contract_id != holder:
        raise NotTheHolder
    o = Opened(mailbox, halves or {})
    pairs_of(o)
    return o


def opens(o: Opened, pair: UUID) -> bool:
    """Do messages under this pair open here? Raises units.Gone where the pair is being erased."""
    try:
        return pair in privates(o)
    except Locked:
        return False


def is_sealed(mailbox: Mailbox) -> bool:
    """Does the mailbox open with its holder's secrets only?"""
    return any(pair.current and not pair.private for pair in pairs_of(Opened(mailbox)).values())


@contextmanager
def bringing(halves: Mapping[UUID, bytes]) -> Iterator[None]:
    """Inside, this thread's reads that know nothing of a session (exports) open what these halves open."""
    mark = _brought.set(halves)
    try:
        yield
    finally:
        _brought.reset(mark)


def brought(halves: Mapping[UUID, bytes], pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, each made as inside of `bringing`: for answers that are made while they are sent."""
    context = copy_context()
    context.run(_brought.set, halves)
    while (piece := context.run(next, pieces, None)) is not None:
        yield piece


def opened_role(mailbox: Mailbox, *, role: str) -> Opened:
    """Open a role's mailbox for whoever has exactly this role; the desk has none. Raises NotTheHolder, units.Gone."""
    if not mailbox.role or mailbox.role != role:
        raise NotTheHolder
    o = Opened(mailbox)
    privates(o)
    return o


def folders(o: Opened) -> list[FolderRow]:
    """All folders with their counts; a guest is shown none. Raises units.Gone."""
    pairs = pairs_of(o)
    unit = next(iter(pairs.values())).unit
    rows = store.rows_of(Folder, "mailbox_id = %s ORDER BY number", [o.mailbox.id]) if o.guest is None else []
    counts = counting.counts([(row.id, row.modseq) for row in rows], pairs, is_whole=not o.mailbox.role)
    found = []
    for row in rows:
        total, seen = counts[row.id]
        name = folder_name(o.mailbox, unit, row)
        found.append(FolderRow(row.number, row.role, name, total, total - seen, row.id, row.uidvalidity, row.uidnext, row.modseq))
    return found


def page(o: Opened, folder: int, *, before: int | None = None, count: int = 50) -> list[MessageRow]:
    """The newest messages of a folder, or those older than uid `before`. Raises units.Gone."""
    halves = privates(o)
    where = f"folder.number = %s AND message.uid < %s AND message.pair_id IN ({store.marks([*halves])}) ORDER BY message.uid DESC LIMIT %s"
    return shown(o, halves, where, [folder, 2**32 if before is None else before, *halves, max(0, min(count, MOST_IN_PAGE))])


def some(o: Opened, folder: int, uids: Sequence[int]) -> list[MessageRow]:
    """These messages of a folder (at most a page of them), those that are there. Raises units.Gone."""
    chosen = uids[:MOST_IN_PAGE]
    where = f"folder.number = %s AND message.uid IN ({store.marks(chosen)}) ORDER BY message.uid DESC"
    return shown(o, privates(o), where, [folder, *chosen]) if chosen else []


def message(o: Opened, folder: int, uid: int) -> MessageView:
    """One message. Raises NoSuchMessage, units.Gone."""
    row, record = _one(o, folder, uid)
    envelope = record.envelope(bytes(row.envelope))
    view = bodies.view(row, record, envelope.root)
    return MessageView(
        subject=envelope.subject, sender=envelope.sender, to=envelope.to, cc=envelope.cc, reply_to=envelope.reply_to, date=envelope.date,
        received_at=envelope.received_at, text=view.text, html=view.html, pictures=view.pictures, parts=view.parts,
        id=row.id, bits=row.flags, found=envelope.found, head=view.head,
    )  # fmt: skip


def part(o: Opened, folder: int, uid: int, part_id: str) -> tuple[str, str, Iterator[bytes]]:
    """(safe file name, type, content) of one part. Raises NoSuchMessage, units.Gone."""
    row, record = _one(o, folder, uid)
    root = record.envelope(bytes(row.envelope)).root
    found = next((one for one in root.walk() if one.id == part_id and not one.type.startswith("multipart/")), None)
    if found is None:
        raise NoSuchMessage
    return found.saved_as, found.type, bodies.content(row, record, found)


def raw(o: Opened, folder: int, uid: int) -> Iterator[bytes]:
    """The message as it was received, byte for byte. Raises NoSuchMessage, units.Gone."""
    row, record = _one(o, folder, uid)
    return bodies.raw(row, record)


def record(o: Opened, folder: int, uid: int) -> tuple[Message, sealing.Record]:
    """A message's row and its opened record key, for this room. Raises NoSuchMessage, units.Gone."""
    return _one(o, folder, uid)


def every_raw(o: Opened) -> Iterator[tuple[str, int, list[str], Iterator[bytes]]]:
    """(folder's name, uid, flags, bytes) of every message, for the download. Raises units.Gone."""
    for row in folders(o):
        uids = list(_rows(o, row.number).order_by("uid").values_list("uid", "flags"))
        for uid, flags in uids:
            try:
                yield row.name, uid, flag_names(flags), raw(o, row.number, uid)
            except NoSuchMessage:  # deleted while the download runs
                continue


def uids(o: Opened, folder: int, *, pair: UUID) -> list[tuple[int, int]]:
    """(uid, flags) of a folder's messages under one pair, oldest first. Raises units.Gone."""
    if pair not in pairs_of(o):
        raise units.Gone
    return list(_rows(o, folder).filter(pair=pair).order_by("uid").values_list("uid", "flags"))


def arrival(o: Opened, folder: int, uid: int) -> tuple[datetime, str]:
    """(when a message arrived, what the door found out about its sender). Raises NoSuchMessage, units.Gone."""
    row, record = _one(o, folder, uid)
    return (envelope := record.envelope(bytes(row.envelope))).received_at, envelope.found


def used(mailbox: Mailbox) -> tuple[int, int]:
    """(bytes used, quota in bytes) at this moment."""
    found = store.select("SELECT used_bytes, quota_bytes FROM mail_mailbox WHERE id = %s", [mailbox.id])
    return found[0] if found else (0, mailbox.quota_bytes)


def keywords(o: Opened) -> dict[int, str]:
    """The holder's keywords: bit of the flags -> name. A role's mailbox has none. Raises units.Gone."""
    return {bit: name for bit, (name, _) in labelled(o).items()}


def labelled(o: Opened) -> dict[int, tuple[str, str]]:
    """The holder's keywords: bit of the flags -> name and colour. A role's mailbox has none. Raises units.Gone."""
    if not (rows := store.select("SELECT bit, name FROM mail_keyword WHERE mailbox_id = %s ORDER BY bit", [o.mailbox.id])):
        return {}
    unit = next(iter(pairs_of(o).values())).unit
    return {bit: labels.parted(units.text(unit, f"keyword {bit}", bytes(name))) for bit, name in rows}


def folder_name(mailbox: Mailbox, unit: Unit, folder: Folder) -> str:
    """A folder's name. A role's mailbox has standard folders only: its units come and go by the month, so names cannot hang on one."""
    if mailbox.role or not folder.name:
        return standard_name(folder.role, "de")
    return units.text(unit, f"folder {folder.id}", bytes(folder.name))


def _mailbox(found: Mailbox | None) -> Mailbox:
    if found is None:
        raise NoSuchMailbox
    return found


@dataclass(frozen=True)
class Pair:
    """A living pair of a mailbox."""

    unit: Unit
    private: bytes = field(repr=False)  # sealed; empty: the service has none
    current: bool


def pairs_of(o: Opened) -> dict[UUID, Pair]:
    """Pairs that are not being erased, the current one first. Raises units.Gone, guests.NotShared."""
    if o.guest is not None:
        o.guest.check()
    found = {}
    for unit, key, category, state, tenant, private, current in store.select(_PAIRS, [o.mailbox.id, ERASING]):
        row = Unit(id=store.as_id(unit), key=key and store.as_id(key), category=category, state=state, tenant_id=store.as_id(tenant))
        found[row.id] = Pair(row, bytes(private or b""), bool(current))
    if not found:
        raise units.Gone
    return found


def privates(o: Opened) -> dict[UUID, sealing.Private]:
    """pair -> its private half, for all pairs that live and open: two queries however many there are. Raises Locked, units.Gone."""
    return _opening(o)[1]


def _opening(o: Opened) -> tuple[dict[UUID, Pair], dict[UUID, sealing.Private]]:
    pairs = pairs_of(o)
    living = keys.many([pair.unit.key for pair in pairs.values() if pair.unit.key])
    there = {unit: pair for unit, pair in pairs.items() if pair.unit.key in living}
    halves = {unit: half for unit, pair in there.items() if (half := _half(o, unit, pair))}
    if not halves:
        raise Locked if there else units.Gone
    return pairs, {unit: sealing.Private(half) for unit, half in halves.items()}


def _half(o: Opened, unit: UUID, pair: Pair) -> bytes | None:
    """A private half: by the service's wrap, or as its holder brought it."""
    if pair.private:
        return units.unseal(pair.unit, "private", pair.private)
    return o.halves.get(unit) or _brought.get().get(unit)


def _reach(o: Opened) -> tuple[str, list[UUID]]:
    """Which folders are in reach: a condition of `folder`, with its values. Whatever is read by hand has it, as `_rows` has."""
    where, values = "folder.mailbox_id = %s", [o.mailbox.id]
    return (where, values) if o.guest is None else (f"{where} AND folder.id = %s", [*values, o.guest.folder])


def _rows(o: Opened, folder: int):  # type: ignore[no-untyped-def]
    rows = Message.objects.filter(folder__mailbox_id=o.mailbox.id, folder__number=folder)
    return rows if o.guest is None else rows.filter(folder=o.guest.folder)


def shown(o: Opened, halves: Mapping[UUID, sealing.Private], where: str, values: Sequence[int | UUID]) -> list[MessageRow]:
    """Messages as a list has them, those whose pair opens: `where` is a condition of `message` and `folder`, in our own words."""
    reach, mine = _reach(o)
    by_value = {value: half for unit, half in halves.items() for value in (unit, unit.hex)}  # as the store gives it
    return [
        _row(uid, flags, size, envelopes.listed(_record(o, half, key, store.as_id(message)).plain_envelope(envelope)))
        for message, pair, uid, flags, size, key, envelope in store.select(_LISTED.format(reach=reach, where=where), [*mine, *values])
        if (half := by_value.get(pair)) is not None
    ]


def _one(o: Opened, folder: int, uid: int) -> tuple[Message, sealing.Record]:
    halves = privates(o)
    reach, values = _reach(o)
    place = f"folder_id IN (SELECT folder.id FROM mail_folder folder WHERE {reach} AND folder.number = %s) AND uid = %s"  # noqa: S608
    found = store.rows_of(Message, place, [*values, folder, uid])
    if not found or found[0].pair_id not in halves:
        raise NoSuchMessage
    return found[0], _record(o, halves[found[0].pair_id], bytes(found[0].record_key), found[0].id)


def _record(o: Opened, private: sealing.Private, box: bytes, message_id: UUID) -> sealing.Record:
    return sealing.record(private, bytes(box), tenant=o.mailbox.tenant_id, mailbox=o.mailbox.id, role=o.mailbox.role, message=message_id)


def _row(uid: int, flags: int, size: int, envelope: Envelope) -> MessageRow:
    name, address = envelope.sender[0] if envelope.sender else ("", "")
    return MessageRow(
        uid=uid, seen=bool(flags & SEEN), flags=flag_names(flags), subject=envelope.subject, sender_name=name, sender_address=address,
        date=envelope.received_at, size_bytes=size, has_attachments=envelope.has_attachments, bits=flags, envelope=envelope,
    )  # fmt: skip
