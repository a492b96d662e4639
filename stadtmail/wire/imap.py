"""The syntax of IMAP commands (RFC 9051 section 9, RFC 3501, 7162, 7888): a cursor over one command that has fully arrived.

Pure and bounded: whatever the bytes are, the answer is a value or BadSyntax. A literal lies beside the text; its place in it
is a lone CR, which a line cannot hold.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from stadtmail.wire import imapnames

Ranges = list[tuple[int, int]]  # 0 stands for "*"
STAR = 0
HERE = b"\r"  # where a literal lies
MOST_RANGES = 10_000
MOST_NUMBER = 2**63 - 1
_LITERAL = re.compile(rb"(~?)\{(\d{1,20})(\+?)\}\r?\n\Z")
_TAG = re.compile(rb"[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,200}")  # ASTRING-CHAR except "+"
_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_ASTRING = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_LIST = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*+)"')
_NUMBER = re.compile(rb"\d{1,19}")
_SET = re.compile(rb"[\d*:,]{1,60000}")
_FLAG = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]{1,100}")
_DATE = re.compile(rb'"?(\d{1,2})-([A-Za-z]{3})-(\d{4})"?')
_MOMENT = re.compile(rb'"([ \d]?\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"')
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class BadSyntax(Exception):
    """The bytes are no such thing. The text is ours and quotes nothing of them."""


@dataclass(frozen=True)
class Literal:
    """A literal that a line announces."""

    size: int
    waits: bool  # for our "+"
    binary: bool


def literal(line: bytes) -> tuple[bytes, Literal | None]:
    """The text of a line, and the literal that it announces at its end, if it does."""
    found = _LITERAL.search(line) if line[-3:-2] in (b"}", b"+") or line[-2:-1] == b"}" else None
    if found is None:
        return line.rstrip(b"\r\n") if line.endswith(b"\n") else line, None
    return line[: found.start()], Literal(int(found[2]), not found[3], bool(found[1]))


class Cursor:
    """Reads one command from left to right. Every method raises BadSyntax."""

    def __init__(self, text: bytes, literals: Sequence[Any] = ()) -> None:
        self._text, self._at = text, 0
        self._literals = list(literals)[::-1]

    def tag(self) -> bytes:
        """A tag."""
        return self._match(_TAG, "a tag")[0]

    def word(self) -> str:
        """An atom in capitals: a command, an item, a key."""
        return self._match(_ATOM, "a word")[0].decode("ascii").upper()

    def is_next(self, sign: bytes) -> bool:
        """Does this come next?"""
        return self._text.startswith(sign, self._at)

    def is_named(self, word: bytes) -> bool:
        """Does this come next, in whatever case?"""
        return self._text[self._at : self._at + len(word)].upper() == word.upper()

    def skip(self, sign: bytes) -> bool:
        """Read it if it comes next."""
        if not self.is_next(sign):
            return False
        self._at += len(sign)
        return True

    def expect(self, sign: bytes) -> None:
        """Read exactly this."""
        if not self.skip(sign):
            raise BadSyntax("something is missing")

    def space(self) -> None:
        """One space; more are forgiven."""
        self.expect(b" ")
        self._blanks()

    def is_end(self) -> bool:
        """Is there nothing left?"""
        return not self._text[self._at :].strip(b" ")

    def end(self) -> None:
        """Nothing may be left."""
        if not self.is_end():
            raise BadSyntax("there is more than expected")

    def astring(self) -> bytes:
        """An atom or a string."""
        return self._string() if self._is_string() else self._match(_ASTRING, "a string")[0]

    def nstring(self) -> bytes | None:
        """A string or NIL."""
        if self._is_string():
            return self._string()
        if self.word() != "NIL":
            raise BadSyntax("a string is expected")
        return None

    def content(self) -> Any:
        """A literal that may have been put aside: what an APPEND brings."""
        self.expect(HERE)
        if not self._literals:
            raise BadSyntax("a literal is expected")
        return self._literals.pop()

    def mailbox(self) -> str:
        """Name of a folder, modified UTF-7 or UTF-8."""
        return self._name(self.astring())

    def pattern(self) -> str:
        """Pattern of names in LIST."""
        return self._name(self._string() if self._is_string() else self._match(_LIST, "a pattern")[0])

    def number(self) -> int:
        """A number up to 63 bits."""
        found = int(self._match(_NUMBER, "a number")[0])
        if found > MOST_NUMBER:
            raise BadSyntax("a number is too large")
        return found

    def ranges(self) -> Ranges:
        """A set of sequence numbers or uids."""
        return ranges(self._match(_SET, "a set")[0])

    def flags(self) -> list[bytes]:
        """Flags, in parentheses or (STORE) bare."""
        if not self.skip(b"("):
            return self._some_flags(b"")
        self._blanks()
        found = [] if self.is_next(b")") else self._some_flags(b")")
        self.expect(b")")
        return found

    def list_of(self, read: Any) -> list[Any]:
        """Parenthesised, with spaces between; `read` reads one. Spaces inside of the parentheses are forgiven: some clients write them."""
        self.expect(b"(")
        self._blanks()
        found: list[Any] = []
        while not self.skip(b")"):
            found.append(read())
            if len(found) > 1000:
                raise BadSyntax("a list is too long")
            if not self.is_next(b")"):
                self.space()
        return found

    def date(self) -> date:
        """A date such as 1-Feb-2026."""
        day, month, year = self._match(_DATE, "a date").groups()
        try:
            return date(int(year), _month(month), int(day))
        except ValueError:
            raise BadSyntax("a date is expected") from None

    def moment(self) -> datetime:
        """A date with time and zone, quoted; aware, UTC."""
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = self._match(_MOMENT, "a date with its time").groups()
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes)) * (-1 if sign == b"-" else 1)
        try:
            clock = (int(hour), int(minute), min(59, int(second)))
            found = datetime(int(year), _month(month), int(day), *clock, tzinfo=timezone(offset)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadSyntax("a date with its time is expected") from None
        if not 1 < found.year < 9999:
            raise BadSyntax("a date with its time is expected")
        return found

    def match(self, pattern: "re.Pattern[bytes]", what: str) -> "re.Match[bytes]":
        """Whatever else this pattern finds here."""
        return self._match(pattern, what)

    def _blanks(self) -> None:
        while self.skip(b" "):
            pass

    def _some_flags(self, end: bytes) -> list[bytes]:
        found = [self._match(_FLAG, "a flag")[0]]
        while self.is_next(b" ") and not self.is_end():
            self.space()
            if end and self.is_next(end):
                break
            found.append(self._match(_FLAG, "a flag")[0])
            if len(found) > 200:
                raise BadSyntax("too many flags")
        return found

    def _is_string(self) -> bool:
        return self.is_next(b'"') or self.is_next(HERE)

    def _string(self) -> bytes:
        if self.is_next(HERE):
            found = self.content()
            if not isinstance(found, bytes):
                raise BadSyntax("a literal is too large here")
            return found
        inner = self._match(_QUOTED, "a string")[1]
        return re.sub(rb"\\(.)", rb"\1", inner) if b"\\" in inner else inner

    def _name(self, raw: bytes) -> str:
        try:
            return imapnames.read(raw)
        except ValueError:
            raise BadSyntax("a mailbox name is expected") from None

    def _match(self, pattern: "re.Pattern[bytes]", what: str) -> "re.Match[bytes]":
        found = pattern.match(self._text, self._at)
        if found is None:
            raise BadSyntax(f"{what} is expected")
        self._at = found.end()
        return found


def ranges(text: bytes) -> Ranges:
    """A set such as 1,3:5,9:*. Raises BadSyntax."""
    found: Ranges = []
    for part in text.split(b","):
        first, colon, last = part.partition(b":")
        low = _bound(first)
        found.append((low, _bound(last) if colon else low))
        if len(found) > MOST_RANGES:
            raise BadSyntax("a set is too long")
    return found


def written(numbers: Sequence[int]) -> bytes:
    """Numbers in order as a set."""
    out: list[bytes] = []
    at = 0
    while at < len(numbers):
        end = at
        while end + 1 < len(numbers) and numbers[end + 1] == numbers[end] + 1:
            end += 1
        out.append(b"%d" % numbers[at] if end == at else b"%d:%d" % (numbers[at], numbers[end]))
        at = end + 1
    return b",".join(out)


def resolved(of: Ranges, largest: int) -> Ranges:
    """The set with "*" put in, each range in order; nothing is merged."""
    found = []
    for first, last in of:
        low, high = first or largest, last or largest
        found.append((min(low, high), max(low, high)))
    return found


def _bound(text: bytes) -> int:
    if text == b"*":
        return STAR
    if not text.isdigit() or len(text) > 10 or not 0 < int(text) < 2**32:
        raise BadSyntax("a set is expected")
    return int(text)


def _month(name: bytes) -> int:
    return MONTHS.index(name.lower().decode("ascii")) + 1
