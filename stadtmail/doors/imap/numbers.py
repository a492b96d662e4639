"""A folder as one session numbers it: uids, flags and modseqs in arrays that are shared and never changed in place.

Sequence numbers stay frozen until the session may say EXPUNGE (RFC 9051 7.5.1): what vanished before waits in `pending`.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from stadtmail.mail.views import Change, State
from stadtmail.wire import imap


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

    def after(self, changes: Iterable[Change], gone: set[int]) -> "Numbers":
        """The folder after these changes, and without what has gone."""
        uids, flags, modseqs = array("I", self.uids), array("Q", self.flags), array("Q", self.modseqs)
        for uid, flag, modseq in changes:
            at = bisect_left(uids, uid)
            if at < len(uids) and uids[at] == uid:
                flags[at], modseqs[at] = flag, modseq
            else:
                uids.insert(at, uid)
                flags.insert(at, flag)
                modseqs.insert(at, modseq)
        keep = [n for n, uid in enumerate(uids) if uid not in gone] if gone else range(len(uids))
        found = Numbers(())
        found.uids = array("I", [uids[n] for n in keep]) if gone else uids
        found.flags, found.modseqs = packed([flags[n] for n in keep]), packed([modseqs[n] for n in keep])
        return found


@dataclass(slots=True)
class View:
    """The selected folder of a session."""

    folder: State
    numbers: Numbers
    synced: int  # changes up to this modseq are known
    read_only: bool
    pending: set[int] = field(default_factory=set)  # vanished, and not told yet
    own: dict[int, Change] = field(default_factory=dict)  # what this session has changed itself, and was told
    saved: frozenset[int] = frozenset()  # "$" (RFC 9051 6.4.4.1): uids

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
