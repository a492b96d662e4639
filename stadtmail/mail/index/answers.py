"""What the index says about the keys of a mail program's search in one folder: yes for these uids, to be opened for those, no for the rest.

To be opened is what the index has not taken in yet, so an answer never misses new mail; without an index there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from stadtmail.mail.actions import indexing
from stadtmail.mail.index import files, looking
from stadtmail.mail.index.files import Place
from stadtmail.mail.index.tables import Cursor, Index
from stadtmail.mail.models import Message
from stadtmail.mail.queries import Opened
from stadtmail.wire.imapsearch import Key

PATIENCE = 0.2  # seconds for taking in what has just come, before the rest is opened
EXACT_UP_TO = 500  # messages in a folder up to which TEXT and BODY look at every header and all that is no text to a person
_FIELDS = frozenset(["FROM", "TO", "CC", "BCC", "SUBJECT"])
_LOOSE = frozenset(["BODY", "TEXT"])  # servers may match them flexibly (RFC 9051 6.4.4)
_HEADERS = {b"subject": "SUBJECT", b"message-id": "IDENT"}


@dataclass(frozen=True)
class Answer:
    """About one key: `yes` has it; `ask` has to be opened."""

    yes: frozenset[int]
    ask: frozenset[int]

    @property
    def uids(self) -> frozenset[int]:
        """All that may have it."""
        return self.yes | self.ask


def answers(o: Opened, folder: UUID, key: Key, *, size: int) -> dict[int, Answer]:
    """id of each key in it that the index can answer -> its answer; `size`: messages in the folder. Raises units.Gone."""
    asked = {id(one): one for one in _every(key) if _kind(one, size)}
    if not asked:
        return {}
    if o.guest is None:  # the whole mailbox is read for that; for a guest what is missing is opened in their folder
        indexing.follow(o, seconds=PATIENCE)
    return answers_of(o, folder, asked, size)


def answers_of(o: Opened, folder: UUID, asked: Mapping[int, Key], size: int) -> dict[int, Answer]:
    """The answers of all indexes of a mailbox; none where one of them is missing."""
    yes: dict[int, set[int]] = {number: set() for number in asked}
    ask: set[int] = set()
    for place in indexing.places(o):
        found = files.ask(place, lambda index: (index.cursors().get(folder, indexing.NEW), _said(index, folder, asked, size)))
        cursor, said = found or (indexing.NEW, {})
        ask |= _after(folder, place, cursor)
        for number, uids in said.items():
            yes[number] |= uids
    return {number: Answer(frozenset(uids - ask), frozenset(ask)) for number, uids in yes.items()}


def narrowed(key: Key, known: Mapping[int, Answer]) -> frozenset[int] | None:
    """The uids outside of which nothing can match; None: it may be any."""
    if id(key) in known:
        return known[id(key)].uids
    inner = [narrowed(one, known) for one in key.keys]
    if key.name == "AND":
        sets = [one for one in inner if one is not None]
        return frozenset.intersection(*sets) if sets else None
    if key.name == "OR" and None not in inner:
        return frozenset().union(*(one for one in inner if one is not None))
    return None


def _said(index: Index, folder: UUID, asked: Mapping[int, Key], size: int) -> dict[int, set[int]]:
    found = {}
    for number, key in asked.items():
        kind, text = _kind(key, size), key.value[1] if key.name == "HEADER" else key.value
        found[number] = looking.with_ident(index, text, folder) if kind == "IDENT" else looking.having(index, kind, text, folder)
    return found


def _after(folder: UUID, place: Place, cursor: Cursor) -> set[int]:
    """What came or changed after the index was brought up to date."""
    after = Q(modseq__gt=cursor[0]) | Q(modseq=cursor[0], uid__gt=cursor[1])
    rows = Message.objects.filter(after, folder=folder, modseq__gte=cursor[0], pair=place.pair)
    return set(rows.values_list("uid", flat=True))


def _kind(key: Key, size: int) -> str:
    """What the index calls a key; empty for one that it cannot answer."""
    if key.name == "HEADER":
        return _HEADERS.get(key.value[0], "") if key.value[1] else ""  # empty: has it such a header at all?
    return key.name if key.value and (key.name in _FIELDS or (key.name in _LOOSE and size > EXACT_UP_TO)) else ""


def _every(key: Key) -> list[Key]:
    return [key, *(inner for one in key.keys for inner in _every(one))]
