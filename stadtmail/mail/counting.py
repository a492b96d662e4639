"""How many messages a folder has, and how many of them are unread: counted once for each modseq, because every change raises it.

Kept in this process's memory: numbers on random ids, the newest of each folder, and a bounded number of folders.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from threading import Lock
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail.folders import SEEN

MOST_KEPT = 20_000  # folders
CHUNK = 400
Place = tuple[UUID, int]  # folder, its modseq
Count = tuple[int, int]  # all, seen
_kept: "OrderedDict[UUID, tuple[int, frozenset[UUID], Count]]" = OrderedDict()
_turn = Lock()


def counts(places: Collection[Place], pairs: Collection[UUID], *, is_whole: bool) -> dict[UUID, Count]:
    """folder -> (all, seen) of the messages under these pairs; `is_whole`: the mailbox has no other pairs.

    Two queries for what has changed since it was last counted, none for the rest.
    """
    under = frozenset(pairs)
    found, missing = {}, []
    with _turn:
        for folder, modseq in places:
            known = _kept.get(folder)
            if known is not None and known[:2] == (modseq, under):
                found[folder] = known[2]
            else:
                missing.append(folder)
    if missing:
        found |= _counted(missing, None if is_whole else sorted(under))
        _keep({folder: modseq for folder, modseq in places if folder in missing}, under, found)
    return found


def went_on(folder: UUID, *, since: int, pair: UUID, seen: int) -> None:
    """A change that is committed raised a folder's modseq by one, and so many messages under this pair became read: what was counted at
    `since` is known of the next modseq too. To open one message of 50,000 counts nothing anew.
    """
    with _turn:
        known = _kept.get(folder)
        if known is not None and known[0] == since and pair in known[1]:
            _kept[folder] = (since + 1, known[1], (known[2][0], known[2][1] + seen))


def _counted(folders: Sequence[UUID], pairs: Sequence[UUID] | None) -> dict[UUID, Count]:
    found: dict[UUID, Count] = dict.fromkeys(folders, (0, 0))
    beside = f" AND pair_id IN ({store.marks(pairs)})" if pairs is not None else ""
    for at in range(0, len(folders), CHUNK):
        part = folders[at : at + CHUNK]
        values = [*part, *(pairs or ())]
        of = f"SELECT folder_id, count(*) FROM mail_message WHERE folder_id IN ({store.marks(part)}){beside}"  # noqa: S608 - our own words
        unread = dict(store.select(f"{of} AND (flags & {SEEN}) = 0 GROUP BY folder_id", values))
        for folder, total in store.select(f"{of} GROUP BY folder_id", values):
            found[store.as_id(folder)] = (int(total), int(total) - int(unread.get(folder, 0)))
    return found


def _keep(modseqs: Mapping[UUID, int], under: frozenset[UUID], found: Mapping[UUID, Count]) -> None:
    with _turn:
        for folder, modseq in modseqs.items():
            _kept[folder] = (modseq, under, found[folder])
            _kept.move_to_end(folder)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
