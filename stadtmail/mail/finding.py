"""What people look for in their mailbox, over all folders, newest first. Answered by the index; only what is shown is opened.

What the person wrote stays in this call: it is logged nowhere and no error carries it.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail import queries
from stadtmail.mail.actions import indexing
from stadtmail.mail.folders import FLAGGED, SEEN
from stadtmail.mail.index import files, looking
from stadtmail.mail.index.looking import Wish
from stadtmail.mail.models import Folder
from stadtmail.mail.queries import MessageRow, Opened

__all__ = ["Found", "FoundRow", "Page", "Wish", "find"]
PATIENCE = 1.0  # seconds for taking in what the index does not know yet
PORTION = 200  # messages asked for at once
MOST_LOOKED_AT = 5_000  # of one page, where flags sort out what the index gave
_PLACES = "SELECT folder_id, uid, flags, id FROM mail_message WHERE id IN ({ids})"  # alone: joined, whole folders were read for it
_FOLDERS = "SELECT id, number FROM mail_folder WHERE mailbox_id = %s"


@dataclass(frozen=True, repr=False)
class FoundRow:
    """A message that was found: the number of its folder, and how the list shows it. `mark` is where the next page begins."""

    folder: int
    row: MessageRow
    mark: int


@dataclass(frozen=True)
class Page:
    """Where a page begins, and how many messages it has."""

    before: int | None = None
    count: int = 50


@dataclass(frozen=True)
class Found:
    """A page of what was found. `has_more`: there are older ones; not `is_whole`: some mail is not in the index yet."""

    rows: list[FoundRow]
    has_more: bool
    is_whole: bool


def find(
    o: Opened, wish: Wish, *, folder: int | None = None, page: Page = Page(), unseen: bool = False, flagged: bool = False
) -> Found:  # fmt: skip
    """What the wish means, in all folders or the one with this number. Raises units.Gone."""
    if folder is not None:
        row = Folder.objects.filter(mailbox=o.mailbox, number=folder).first()
        wish = replace(wish, folder=row.id if row is not None else UUID(int=0))
    is_whole = indexing.follow(o, seconds=PATIENCE)
    if not is_whole:
        indexing.remind(o)
    rows: list[FoundRow] = []
    before, looked_at = page.before, 0
    while len(rows) <= page.count and looked_at < MOST_LOOKED_AT:
        most = PORTION if unseen or flagged else page.count + 1  # where flags sort out, more than a page is looked at
        part = _numbers(o, wish, before, most)
        rows += _rows(o, part, _flags(unseen, flagged), page.count + 1 - len(rows))
        looked_at += len(part)
        if len(part) < most:
            break
        before = part[-1][0]
    return Found(rows[: page.count], len(rows) > page.count, is_whole)


def _numbers(o: Opened, wish: Wish, before: int | None, most: int) -> list[tuple[int, UUID]]:
    """(mark, message) of the next ones, of all indexes of the mailbox."""
    found = [
        files.ask(place, lambda index: list(islice(looking.meant(index, wish, before=before), most))) or []
        for place in indexing.places(o)
    ]
    return list(islice(heapq.merge(*found, key=lambda one: one[0], reverse=True), most))


def _flags(unseen: bool, flagged: bool) -> tuple[int, int]:
    """(bits that count, how they must be)."""
    return (SEEN if unseen else 0) | (FLAGGED if flagged else 0), FLAGGED if flagged else 0


def _rows(o: Opened, numbers: Sequence[tuple[int, UUID]], flags: tuple[int, int], most: int) -> list[FoundRow]:
    if not numbers:
        return []
    mark_of = {message: mark for mark, message in numbers}
    mask, wanted = flags
    number_of = dict(store.select(_FOLDERS, [o.mailbox.id]))
    places = [
        (mark_of[store.as_id(message)], number_of[folder], uid)
        for folder, uid, bits, message in store.select(_PLACES.format(ids=store.marks(numbers)), [*mark_of])
        if bits & mask == wanted and folder in number_of
    ]
    chosen = sorted(places, reverse=True)[:most]
    shown = {(folder, row.uid): row for folder, uids in _by_folder(chosen) for row in queries.some(o, folder, uids)}
    return [FoundRow(folder, shown[folder, uid], mark) for mark, folder, uid in chosen if (folder, uid) in shown]


def _by_folder(places: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, list[int]]]:
    for folder in {folder for _, folder, _ in places}:
        yield folder, [uid for _, one, uid in places if one == folder]
