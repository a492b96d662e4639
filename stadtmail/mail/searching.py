"""SEARCH of a mail program over one folder (RFC 9051 6.4.4), and of people over all of them.

What numbers and the index can answer opens nothing; the rest opens message by message. Runs in threads, some hundred messages at
a time; nothing of what it opened outlives the call.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from uuid import UUID

from stadtmail.mail import views
from stadtmail.mail.index import answers, words
from stadtmail.mail.index.answers import Answer
from stadtmail.mail.queries import Opened
from stadtmail.mail.views import Mail
from stadtmail.wire import imap, imapwrite, mime, mimewords
from stadtmail.wire.imapsearch import Key

CHUNK = 100
_SIZES = frozenset(["LARGER", "SMALLER", "BEFORE", "ON", "SINCE"])
_MOST_HEADER = 256 * 1024


@dataclass(frozen=True)
class Row:
    """A message as the client's session numbers it."""

    seq: int
    uid: int
    flags: int
    modseq: int


@dataclass(frozen=True)
class Frame:
    """What a search is about: the folder, the largest numbers, which uids are \\Recent, the saved result, the
    keywords (capitals -> bit), the moment."""

    o: Opened
    folder: UUID
    largest_seq: int
    largest_uid: int
    recent: Callable[[int], bool]
    saved: frozenset[int]
    keywords: Mapping[str, int]
    now: datetime


class _Set:
    """A set of numbers as merged ranges."""

    def __init__(self, of: imap.Ranges, largest: int) -> None:
        merged: list[list[int]] = []
        for low, high in sorted(imap.resolved(of, largest)):
            if merged and low <= merged[-1][1] + 1:
                merged[-1][1] = max(merged[-1][1], high)
            else:
                merged.append([low, high])
        self._lows, self._highs = [one[0] for one in merged], [one[1] for one in merged]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._lows, number) - 1
        return at >= 0 and number <= self._highs[at]


@dataclass(frozen=True)
class Plan:
    """A search and what the index knows of it. `uids`: only these can match (None: any may)."""

    frame: Frame
    key: Key
    known: Mapping[int, Answer]
    uids: frozenset[int] | None

    @property
    def portion(self) -> int:
        """How many messages should be looked at in one piece of work."""
        opens = any(key.name in _BY_CONTENT and id(key) not in self.known for key in _every(self.key))
        return CHUNK if opens or any(answer.ask for answer in self.known.values()) else 20 * CHUNK


def plan(frame: Frame, key: Key) -> Plan:
    """Ask the index, before any message is looked at. Raises units.Gone."""
    known = answers.answers(frame.o, frame.folder, key, size=frame.largest_seq)
    return Plan(frame, key, known, answers.narrowed(key, known))


def found(planned: Plan, portions: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """Those of these messages that the key means: each `next` is a bounded piece of work. Raises units.Gone."""
    search = _Search(planned)
    for rows in portions:
        yield search.of(rows)


class _Search:
    def __init__(self, planned: Plan) -> None:
        self._frame, self._key, self._known = planned.frame, planned.key, planned.known
        self._needs_numbers = bool(planned.key.names() & _SIZES)
        self._sets: dict[int, _Set] = {}
        self._numbers: Mapping[int, tuple[int, date]] = {}

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """Those of the rows that match."""
        if self._needs_numbers:
            self._numbers = views.numbers(self._frame.folder, [row.uid for row in rows])
        known = {row: self._look(self._key, row) for row in rows}
        open_ones = [row.uid for row, answer in known.items() if answer is None]
        contents = {mail.uid: _Content(mail) for mail in views.mails(self._frame.o, self._frame.folder, open_ones, with_bodies=self._reads)}
        matched = []
        for row, answer in known.items():
            content = contents.pop(row.uid, None)  # opened bytes go as soon as they were looked at
            if answer or (answer is None and content is not None and self._look(self._key, row, content)):
                matched.append(row)
        return matched

    @cached_property
    def _reads(self) -> bool:
        return bool(self._key.names() & {"BODY", "TEXT", "HEADER", "BCC"})

    def _look(self, key: Key, row: Row, content: "_Content | None" = None) -> bool | None:
        """True, False, or None where the message would have to be opened."""
        if key.name == "NOT":
            inner = self._look(key.keys[0], row, content)
            return None if inner is None else not inner
        if key.name in ("AND", "OR"):
            decides = key.name == "OR"
            answers = [self._look(one, row, None) for one in key.keys]
            if decides in answers:
                return decides
            if content is None:
                return None if None in answers else not decides
            opened = (self._look(one, row, content) for one, answer in zip(key.keys, answers, strict=True) if answer is None)
            return decides if any(one is decides for one in opened) else not decides
        simple = _BY_NUMBER.get(key.name)
        if simple is not None:
            return simple(self, key, row)
        return self._said(key, row, content)

    def _said(self, key: Key, row: Row, content: "_Content | None") -> bool | None:
        answer = self._known.get(id(key))
        if answer is not None and row.uid not in answer.ask:
            return row.uid in answer.yes
        return None if content is None else _BY_CONTENT[key.name](content, key, self._frame.now)

    def within(self, key: Key, number: int, largest: int) -> bool:
        """Is the number in the key's set?"""
        if key.value == "$":
            return number in self._frame.saved
        return number in self._sets.setdefault(id(key), _Set(key.value, largest))

    def number(self, key: Key, row: Row) -> bool:
        """Sizes and days of arrival."""
        if row.uid not in self._numbers:  # deleted meanwhile
            return False
        size, day = self._numbers[row.uid]
        if key.name in ("LARGER", "SMALLER"):
            return bool(size > key.value if key.name == "LARGER" else size < key.value)
        if key.name == "ON":
            return bool(day == key.value)
        return bool(day >= key.value if key.name == "SINCE" else day < key.value)

    def keyword(self, key: Key, row: Row) -> bool:
        """Has the message this keyword?"""
        bit = self._frame.keywords.get(key.value)
        return bit is not None and bool(row.flags >> bit & 1)


def _every(key: Key) -> Iterator[Key]:
    yield key
    for one in key.keys:
        yield from _every(one)


_BY_NUMBER: dict[str, Callable[[_Search, Key, Row], bool]] = {
    "ALL": lambda *_: True,
    "FLAG": lambda _, key, row: bool(row.flags & key.value[0]) == key.value[1],
    "KEYWORD": _Search.keyword,
    "MODSEQ": lambda _, key, row: row.modseq >= key.value,
    "RECENT": lambda search, _, row: search._frame.recent(row.uid),
    "SET": lambda search, key, row: search.within(key, row.seq, search._frame.largest_seq),
    "UID": lambda search, key, row: search.within(key, row.uid, search._frame.largest_uid),
    "$": lambda search, _, row: row.uid in search._frame.saved,
    **dict.fromkeys(_SIZES, _Search.number),
}


class _Content:
    """A message while it is looked at. Texts are compared without regard to case."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail

    @cached_property
    def headers(self) -> list[tuple[bytes, str]]:
        """Names in lower case, values decoded and folded in case."""
        root = self._mail.envelope.root
        raw = b"".join(self._mail.between(0, min(root.body, _MOST_HEADER)))
        return [(name, mimewords.text(value).casefold()) for name, value in imapwrite.headers(raw)]

    def lines(self) -> Iterator[str]:
        """All header lines, name and value, of the message and of each part in it: what TEXT looks at beside the texts."""
        for name, value in self.headers:
            yield f"{name.decode('ascii')}: {value}"
        root = self._mail.envelope.root
        for part in root.walk():
            if part is not root and part.body > part.start:
                for name, raw in imapwrite.headers(self._mail.content[part.start : min(part.body, part.start + _MOST_HEADER)]):
                    yield f"{name.decode('ascii')}: {mimewords.text(raw).casefold()}"

    def people(self, name: str) -> str:
        """Sender, recipients: names and addresses on one line."""
        return words.everybody(self._mail.envelope, name.lower()).casefold()

    def header(self, name: bytes, text: str) -> bool:
        """Is there a header of this name that has the text in it?"""
        return any(known == name and text in value for known, value in self.headers)

    def body(self, text: str) -> bool:
        """Is the text in one of the text parts?"""
        content = self._mail.content
        for part in self._mail.envelope.root.walk():
            if part.type.startswith("text/"):
                shown = mime.said(part, mime.content(part, content[part.body : part.end]))
                if text in shown.casefold():
                    return True
        return False

    def sent(self, name: str, day: date) -> bool:
        """The date that the sender gave, compared."""
        moment = self._mail.envelope.date
        if moment is None:
            return False
        on = moment.date()  # as it stands there, whatever the zone (RFC 9051 6.4.4)
        return {"SENTBEFORE": on < day, "SENTON": on == day, "SENTSINCE": on >= day}[name]

    def age(self, name: str, seconds: int, now: datetime) -> bool:
        """How long ago it arrived (RFC 5032)."""
        limit = now - timedelta(seconds=min(seconds, 10**9))
        at = self._mail.envelope.received_at
        return at <= limit if name == "OLDER" else at >= limit

    def ids(self, name: str) -> str:
        """The ids of RFC 8474."""
        return self._mail.email_id if name == "EMAILID" else self._mail.thread_id

    def subject(self, text: str) -> bool:
        """Is the text in the subject?"""
        return text in self._mail.envelope.subject.casefold()


_BY_CONTENT: dict[str, Callable[[_Content, Key, datetime], bool]] = {
    "SUBJECT": lambda mail, key, _: mail.subject(key.value.casefold()),
    "BCC": lambda mail, key, _: mail.header(b"bcc", key.value.casefold()),
    "HEADER": lambda mail, key, _: mail.header(key.value[0], key.value[1].casefold()),
    "BODY": lambda mail, key, _: mail.body(key.value.casefold()),
    "TEXT": lambda mail, key, _: any(key.value.casefold() in line for line in mail.lines()) or mail.body(key.value.casefold()),
    **dict.fromkeys(("EMAILID", "THREADID"), lambda mail, key, _: mail.ids(key.name) == key.value),
    **dict.fromkeys(("FROM", "TO", "CC"), lambda mail, key, _: key.value.casefold() in mail.people(key.name)),
    **dict.fromkeys(("SENTBEFORE", "SENTON", "SENTSINCE"), lambda mail, key, _: mail.sent(key.name, key.value)),
    **dict.fromkeys(("OLDER", "YOUNGER"), lambda mail, key, now: mail.age(key.name, key.value, now)),
}
