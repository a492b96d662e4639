"""Flags, keywords, expunge and move: what a mail program changes in a folder. Each change raises the folder's modseq once.

Names of keywords are sealed; their bits in the flags are not. Everything of one call happens in one transaction, or nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import F

from stadtmail.kit import errors, store
from stadtmail.mail import queries, views
from stadtmail.mail.actions import removing
from stadtmail.mail.folders import DELETED, KEYWORD_BITS, LEARNED
from stadtmail.mail.models import Folder, Keyword, Mailbox, Message
from stadtmail.mail.queries import Opened
from stadtmail.mail.views import Change, NoSuchFolder
from stadtmail.privacy import units

CHUNK = 400
ADD, REMOVE, REPLACE = "+", "-", ""
_PLACE = "SELECT modseq FROM mail_folder WHERE id = %s AND mailbox_id = %s"
_FLAGS = "SELECT id, uid, flags, modseq FROM mail_message WHERE folder_id = %s AND {where} ORDER BY uid"


class TooManyKeywords(errors.OverQuota):
    """The mailbox has all the keywords that it can have."""


class StandardOnly(errors.NotAllowed):
    """A role's mailbox has its standard folders and no keywords: no name can hang on keys that change by the month."""


@dataclass(frozen=True)
class Stored:
    """What became of a change of flags: the messages as they are now, and the uids that had changed since (RFC 7162 3.1.3)."""

    now: list[Change]
    modified: list[int]


@dataclass(frozen=True)
class Wish:
    """A change of flags that somebody wants: `how` ADD, REMOVE or REPLACE, `among` those that may be changed (all). What changed after
    `unchanged_since` is left alone and named."""

    o: Opened
    folder: UUID
    uids: Sequence[int]
    how: str
    flags: int
    among: int = -1
    unchanged_since: int | None = None


@dataclass(frozen=True)
class Moved:
    """Old and new uids, in the same order."""

    uidvalidity: int
    old: list[int]
    new: list[int]


def keyword_bits(o: Opened, names: Collection[str], *, now: datetime) -> int:  # noqa: ARG001
    """The flags that stand for these keywords; what is new gets a bit. Case does not matter. Raises TooManyKeywords, StandardOnly."""
    if not names:
        return 0
    known = _bits(o)
    if missing := [name for name in names if name.lower() not in known]:
        if o.mailbox.unit_id is None:
            raise StandardOnly
        with store.writing():
            unit = store.locked(Mailbox.objects.filter(id=o.mailbox.id)).select_related("unit").get().unit
            assert unit is not None
            known = _bits(o)
            for name in missing:
                if name.lower() in known:
                    continue
                bit = next((one for one in KEYWORD_BITS if one not in known.values()), None)
                if bit is None:
                    raise TooManyKeywords
                Keyword.objects.create(mailbox=o.mailbox, bit=bit, name=units.seal(unit, f"keyword {bit}", name))
                known[name.lower()] = bit
    return sum({1 << known[name.lower()] for name in names})


def store_flags(
    o: Opened, folder: UUID, uids: Sequence[int], *, how: str, flags: int, among: int = -1, unchanged_since: int | None = None,
    now: datetime,  # noqa: ARG001
) -> Stored:  # fmt: skip
    """Add, remove or replace flags (Wish). Raises NoSuchFolder, guests.NotShared."""
    with store.writing():
        return _stored(Wish(o, folder, uids, how, flags, among, unchanged_since))


def store_together(wishes: Sequence[Wish]) -> list[Stored | Exception]:
    """Several changes of flags in one transaction: what became of each, in their order. None of them undoes another.

    Folders are locked in the order of their ids, so that two that do this cannot wait for each other.
    """
    found: dict[int, Stored | Exception] = {}
    order = sorted(range(len(wishes)), key=lambda at: wishes[at].folder)
    try:
        with store.writing():
            for at in order:
                try:
                    found[at] = _stored(wishes[at])
                except errors.StadtmailError as error:  # asked before anything is written
                    found[at] = error
    except Exception as error:  # noqa: BLE001 - the transaction is undone: each gets one of its own
        if len(wishes) == 1:
            return [error]
        return [one for wish in wishes for one in store_together([wish])]
    return [found[at] for at in range(len(wishes))]


def _stored(wish: Wish) -> Stored:
    """By hand: marking as read is what happens most, and others wait for the turn. Call inside `store.writing()`."""
    place = store.select(f"{_PLACE}{store.lock()}", [wish.folder, wish.o.mailbox.id])
    if not place:
        raise NoSuchFolder
    if wish.o.guest is not None:
        wish.o.guest.check(wish.folder)
    modseq, flags, among = place[0][0] + 1, wish.flags, wish.among
    found: list[Change] = []
    modified: list[int] = []
    changed: list[tuple[int, int, UUID]] = []
    for where, values in views.of_uids(wish.uids):
        for message, uid, old, at in store.select(_FLAGS.format(where=where), [wish.folder, *values]):
            if wish.unchanged_since is not None and at > wish.unchanged_since:
                modified.append(uid)
                continue
            new = {ADD: old | flags & among, REMOVE: old & ~(flags & among), REPLACE: flags & among | old & (LEARNED | ~among)}[wish.how]
            found.append((uid, new, at if new == old else modseq))
            if new != old:
                changed.append((new, modseq, store.as_id(message)))
    if changed:
        store.change("UPDATE mail_message SET flags = %s, modseq = %s WHERE id = %s", changed)
        store.change("UPDATE mail_folder SET modseq = %s WHERE id = %s", [(modseq, wish.folder)])
    return Stored(found, modified)


def expunge(o: Opened, folder: UUID, *, uids: Collection[int] | None = None, now: datetime) -> list[int]:  # noqa: ARG001
    """Delete what is flagged as deleted (of these uids, or all), for good. Returns the uids. Raises NoSuchFolder."""
    with store.writing():
        modseq = locked(o, folder).modseq + 1
        rows = Message.objects.filter(folder=folder).annotate(marked=F("flags").bitand(DELETED)).filter(marked__gt=0)
        found = list(rows.order_by("uid").values_list("id", "uid"))
        wanted = None if uids is None else set(uids)
        found = [one for one in found if wanted is None or one[1] in wanted]
        if not found:
            return []
        gone = [uid for _, uid in found]
        Folder.objects.filter(id=folder).update(modseq=modseq)
        removing.delete_ids([message for message, _ in found], mailbox=o.mailbox.id, halves=o.halves)
        removing.remember(folder, gone, modseq=modseq)
    return gone


def move(o: Opened, folder: UUID, uids: Sequence[int], *, to: UUID, now: datetime) -> Moved:
    """Move messages to another folder (or the same: they get new uids). Raises NoSuchFolder.

    Nothing is opened, unless it goes into Junk or out of it: the mailbox's filter learns from that.
    """
    from stadtmail.mail.actions import learning  # which stands on this module

    moved = _moved(o, folder, uids, to, now)
    learning.moved(o, moved.new, source=folder, to=to, now=now)
    return moved


def _moved(o: Opened, folder: UUID, uids: Sequence[int], to: UUID, now: datetime) -> Moved:
    with store.writing():
        places = {row.id: row for row in store.locked(Folder.objects.filter(id__in=[folder, to], mailbox_id=o.mailbox.id))}
        if folder not in places or to not in places or o.guest is not None:  # guests move from mailbox to mailbox (crossing)
            raise NoSuchFolder
        target = places[to]
        rows = list(_rows(folder, uids, "id", "uid"))
        if not rows:
            return Moved(target.uidvalidity, [], [])
        gone_at = places[folder].modseq + 1
        come_at = gone_at + 1 if folder == to else target.modseq + 1
        new = [target.uidnext + n for n in range(len(rows))]
        place = Folder(id=to)
        _refile([(place.id, uid, come_at, now.date(), message) for (message, _), uid in zip(rows, new, strict=True)])
        Folder.objects.filter(id=folder).update(modseq=gone_at)
        Folder.objects.filter(id=to).update(modseq=come_at, uidnext=new[-1] + 1)
        old = [uid for _, uid in rows]
        removing.remember(folder, old, modseq=gone_at)
    return Moved(target.uidvalidity, old, new)


def locked(o: Opened, folder: UUID) -> Folder:
    """A folder of the mailbox, locked. Raises NoSuchFolder, guests.NotShared."""
    found = store.locked(Folder.objects.filter(id=folder, mailbox_id=o.mailbox.id)).first()
    if found is None:
        raise NoSuchFolder
    if o.guest is not None:
        o.guest.check(folder)
    assert isinstance(found, Folder)
    return found


def parts(values: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Portions that fit one statement."""
    return [values[at : at + CHUNK] for at in range(0, len(values), CHUNK)]


def _rows(folder: UUID, uids: Sequence[int], *columns: str) -> list[tuple[Any, ...]]:
    wanted = sorted(set(uids))
    if len(wanted) > CHUNK and len(wanted) == wanted[-1] - wanted[0] + 1:  # without a gap
        wanted_rows = Message.objects.filter(folder=folder, uid__gte=wanted[0], uid__lte=wanted[-1])
        return list(wanted_rows.order_by("uid").values_list(*columns))
    return [
        row for part in parts(wanted) for row in Message.objects.filter(folder=folder, uid__in=part).order_by("uid").values_list(*columns)
    ]


def _refile(values: Sequence[tuple[UUID, int, int, date, UUID]]) -> None:
    fields: list[Any] = [Message._meta.get_field(name) for name in ("folder", "uid", "modseq", "filed_on", "id")]
    *columns, key = [one.column for one in fields]
    statement = f"UPDATE {Message._meta.db_table} SET {', '.join(f'{one} = %s' for one in columns)} WHERE {key} = %s"  # noqa: S608
    default = connections["default"]
    with default.cursor() as cursor:
        cursor.executemany(
            statement, [[one.get_db_prep_save(value, default) for one, value in zip(fields, row, strict=True)] for row in values]
        )


def _bits(o: Opened) -> dict[str, int]:
    return {name.lower(): bit for bit, name in queries.keywords(o).items()}
