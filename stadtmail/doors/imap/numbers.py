"""A folder as one session numbers it: uids, flags and modseqs in arrays that are shared and never changed in place.

Sequence numbers stay frozen until the session may say EXPUNGE (RFC 9051 7.5.1): what vanished before waits in `pending`.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from uuid import UUID
from weakref import WeakValueDictionary

from stadtmail.mail import shares
from stadtmail.mail.given import Given
from stadtmail.mail.views import Change, State
from stadtmail.wire import imap

MOST_FOLDERS = 5_000  # on the shelf


def _wide_enough(values: "array[int]", value: int) -> "array[int]":
    return values if value < 2 ** (8 * values.itemsize) else array("I" if value < 2**32 else "Q", values)


def packed(values: Sequence[int]) -> "array[int]":
    """The narrowest array that holds these numbers."""
    most = max(values, default=0)
    return array("B" if most < 2**8 else "I" if most < 2**32 else "Q", values)


class Numbers:
    """Uids in order, and flags and modseq of each. Immutable."""

    __slots__ = ("__weakref__", "flags", "modseqs", "uids")

    def __init__(self, rows: Sequence[Change]) -> None:
        self.uids = array("I", [row[0] for row in rows])
        self.flags = packed([row[1] for row in rows])
        self.modseqs = packed([row[2] for row in rows])

    def __len__(self) -> int:
        return len(self.uids)

    def at(self, uid: int) -> int:
        """Index of a uid, -1 if it is not there."""
        found = bisect_left(self.uids, uid)
        return found if found < len(self.uids) and self.uids[found] == uid else -1

    def after(self, changes: Iterable[Change], gone: Collection[int]) -> "Numbers":
        """The folder after these changes, and without what has gone. Costs its changes, and a copy of the arrays."""
        uids, flags, modseqs = self.uids, self.flags[:], self.modseqs[:]
        for uid, flag, modseq in changes:
            at = bisect_left(uids, uid)
            flags, modseqs = _wide_enough(flags, flag), _wide_enough(modseqs, modseq)
            if at < len(uids) and uids[at] == uid:
                flags[at], modseqs[at] = flag, modseq
                continue
            uids = uids[:] if uids is self.uids else uids
            uids.insert(at, uid)
            flags.insert(at, flag)
            modseqs.insert(at, modseq)
        found = Numbers(())
        found.uids, found.flags, found.modseqs = uids, flags, modseqs
        return found._without(gone) if gone else found

    def _without(self, gone: Collection[int]) -> "Numbers":
        kept = bytearray(b"\1") * len(self.uids)
        for at in (self.at(uid) for uid in gone):
            if at >= 0:
                kept[at] = 0
        found = Numbers(())
        found.uids, found.flags, found.modseqs = (array(one.typecode, compress(one, kept)) for one in (self.uids, self.flags, self.modseqs))
        return found


class Shelf:
    """Folders as they were read last, shared by all sessions; numbers only. The least recently used one goes first."""

    def __init__(self, most: int = 2_000_000) -> None:
        self._most, self._left = most, most  # messages, about thirteen octets each
        self._newest: OrderedDict[UUID, tuple[int, Numbers]] = OrderedDict()
        self._shared: WeakValueDictionary[tuple[UUID, int], Numbers] = WeakValueDictionary()

    def find(self, folder: UUID, modseq: int) -> Numbers | None:
        """The folder as it was at this modseq, if somebody knows it."""
        return self._shared.get((folder, modseq))

    def newest(self, folder: UUID) -> tuple[int, Numbers] | None:
        """(modseq, numbers) as they were read last."""
        return self._newest.get(folder)

    def put(self, folder: UUID, modseq: int, numbers: Numbers) -> None:
        """Remember a folder as it is."""
        self._shared[folder, modseq] = numbers
        known = self._newest.get(folder)
        if known is not None and known[0] > modseq:
            return
        self._left += len(known[1]) if known is not None else 0
        self._left -= len(numbers)
        self._newest[folder] = (modseq, numbers)
        self._newest.move_to_end(folder)
        while self._left < 0 or len(self._newest) > MOST_FOLDERS:
            self._left += len(self._newest.popitem(last=False)[1][1])


@dataclass(slots=True)
class View:
    """The selected folder of a session."""

    folder: State
    numbers: Numbers
    synced: int  # changes up to this modseq are known
    read_only: bool  # EXAMINE
    given: Given | None = None  # somebody else's folder
    rights: str = shares.OWNER
    pending: set[int] = field(default_factory=set)  # vanished, and not told yet
    own: dict[int, Change] = field(default_factory=dict)  # what this session has changed itself, and was told
    saved: frozenset[int] = frozenset()  # "$" (RFC 9051 6.4.4.1): uids
    recent: list[tuple[int, int]] = field(default_factory=list)  # uids that are \\Recent to this session (RFC 3501 2.3.2): first and last
    seen: int = 0  # up to this uid it has looked which are

    @property
    def is_changeable(self) -> bool:
        """Could something be changed here (RFC 4314 5.2)?"""
        return not self.read_only and bool(set("iswte") & set(self.rights))

    @property
    def newest(self) -> int:
        """The largest uid, 0 in an empty folder."""
        return self.numbers.uids[-1] if len(self.numbers) else 0

    @property
    def recents(self) -> int:
        """How many messages are \\Recent."""
        return sum(bisect_right(self.numbers.uids, last) - bisect_left(self.numbers.uids, first) for first, last in self.recent)

    def is_recent(self, uid: int) -> bool:
        """Is this message \\Recent?"""
        return any(first <= uid <= last for first, last in self.recent)

    def indexes(self, of: imap.Ranges | str, *, uid: bool) -> list[int]:
        """Indexes that a set means, in order, each once. Raises BadSyntax for sequence numbers that do not exist."""
        uids = self.numbers.uids
        if of == "$":
            return sorted(at for at in (self.numbers.at(one) for one in self.saved) if at >= 0)
        assert not isinstance(of, str)
        if uid:
            spans = [(bisect_left(uids, low), bisect_right(uids, high)) for low, high in imap.resolved(of, uids[-1] if uids else 0)]
        else:
            spans = [(low - 1, high) for low, high in imap.resolved(of, len(uids))]
            if any(low < 0 or high > len(uids) for low, high in spans):
                raise imap.BadSyntax("there is no such message")
        return list(_once(spans))


def _once(spans: list[tuple[int, int]]) -> Iterator[int]:
    at = 0
    for low, high in sorted(spans):
        yield from range(max(low, at), high)
        at = max(at, high)
