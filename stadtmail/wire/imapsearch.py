"""The keys of SEARCH (RFC 9051 6.4.4, RFC 7162 MODSEQ, RFC 5032 WITHIN) as a tree, bounded in depth and number."""

from dataclasses import dataclass
from typing import Any

from stadtmail.wire.imap import BadSyntax, Cursor

MOST_DEPTH, MOST_KEYS = 40, 1000
FLAGS = {"ANSWERED": 2, "DELETED": 8, "DRAFT": 16, "FLAGGED": 4, "SEEN": 1}  # the bits of mail/folders.py
TEXTS = frozenset(["BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO"])
DATES = frozenset(["BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"])
NUMBERS = frozenset(["LARGER", "SMALLER", "OLDER", "YOUNGER"])
RESULTS = frozenset(["MIN", "MAX", "ALL", "COUNT", "SAVE"])


class BadCharset(Exception):
    """The texts are in a charset that is not known here. `results` is what RETURN asked for."""

    def __init__(self, results: frozenset[str] | None = None) -> None:
        super().__init__()
        self.results = results


@dataclass(frozen=True)
class Key:
    """One key. AND and OR have `keys`, NOT has one; the others have a `value`: text, date, number, ranges, flag."""

    name: str
    value: Any = None
    keys: tuple["Key", ...] = ()

    def names(self) -> set[str]:
        """The names of all keys in it."""
        return {self.name}.union(*(one.names() for one in self.keys))


@dataclass(frozen=True)
class Search:
    """A whole search. `results`: what RETURN asks for, None where there is no RETURN."""

    key: Key
    results: frozenset[str] | None
    has_charset: bool


def search(cursor: Cursor) -> Search:
    """The arguments of SEARCH. Raises BadSyntax, BadCharset."""
    results = returned(cursor)
    has_charset = False
    if cursor.is_named(b"CHARSET "):
        cursor.word()
        cursor.space()
        has_charset = True
        charset(cursor, results)
    return Search(keys(cursor), results, has_charset)


def returned(cursor: Cursor) -> frozenset[str] | None:
    """RETURN (…) with the space after it (RFC 4731), None where there is none."""
    if not cursor.is_named(b"RETURN "):
        return None
    cursor.word()
    cursor.space()
    results = frozenset(cursor.list_of(cursor.word))
    if results - RESULTS:
        raise BadSyntax("no such result")
    cursor.space()
    return results


def charset(cursor: Cursor, results: frozenset[str] | None = None) -> None:
    """The name of a charset with the space after it. Raises BadCharset."""
    if cursor.astring().upper() not in (b"UTF-8", b"US-ASCII"):
        raise BadCharset(results)
    cursor.space()


def keys(cursor: Cursor) -> Key:
    """All keys that are left: a message has to match each of them."""
    reader = _Reader(cursor)
    found = [reader.key(0)]
    while not cursor.is_end():
        cursor.space()
        found.append(reader.key(0))
    return Key("AND", keys=tuple(found))


class _Reader:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor, self._left = cursor, MOST_KEYS

    def key(self, depth: int) -> Key:
        cursor = self._cursor
        self._left -= 1
        if depth > MOST_DEPTH or self._left < 0:
            raise BadSyntax("a search is too deep")
        if cursor.is_next(b"("):
            return Key("AND", keys=tuple(cursor.list_of(lambda: self.key(depth + 1))) or _nothing())
        if cursor.skip(b"$"):
            return Key("$")
        if any(cursor.is_next(sign) for sign in (b"*", *(b"%d" % n for n in range(10)))):
            return Key("SET", cursor.ranges())
        word = cursor.word()
        if word == "NOT":
            cursor.space()
            return Key("NOT", keys=(self.key(depth + 1),))
        if word == "OR":
            cursor.space()
            first = self.key(depth + 1)
            cursor.space()
            return Key("OR", keys=(first, self.key(depth + 1)))
        return self._simple(word)

    def _simple(self, word: str) -> Key:  # noqa: PLR0911, C901 - a table of forms
        if word in FLAGS:
            return Key("FLAG", (FLAGS[word], True))
        if word.startswith("UN") and word[2:] in FLAGS:
            return Key("FLAG", (FLAGS[word[2:]], False))
        if word in ("ALL", "RECENT"):
            return Key(word)
        if word == "OLD":
            return Key("NOT", keys=(Key("RECENT"),))
        if word == "NEW":
            return Key("AND", keys=(Key("RECENT"), Key("FLAG", (FLAGS["SEEN"], False))))
        cursor = self._cursor
        if word in TEXTS or word in DATES or word in NUMBERS:
            cursor.space()
            return Key(word, self._text() if word in TEXTS else cursor.date() if word in DATES else self._number(word))
        if word in ("KEYWORD", "UNKEYWORD"):
            cursor.space()
            found = Key("KEYWORD", cursor.word())
            return found if word == "KEYWORD" else Key("NOT", keys=(found,))
        if word in ("EMAILID", "THREADID"):  # RFC 8474 6
            cursor.space()
            return Key(word, cursor.astring().decode("ascii", "replace"))
        if word == "HEADER":
            cursor.space()
            name = cursor.astring()
            cursor.space()
            return Key("HEADER", (name.lower(), self._text()))
        if word == "UID":
            cursor.space()
            return Key("UID", "$" if cursor.skip(b"$") else cursor.ranges())
        if word == "MODSEQ":
            cursor.space()
            if cursor.is_next(b'"'):  # the metadata item that it is about: there is one modseq for all
                cursor.astring()
                cursor.space()
                cursor.word()
                cursor.space()
            return Key("MODSEQ", cursor.number())
        raise BadSyntax("no such key")

    def _number(self, word: str) -> int:
        found = self._cursor.number()
        if found == 0 and word in ("OLDER", "YOUNGER"):
            raise BadSyntax("an interval is at least a second")  # RFC 5032 3
        return found

    def _text(self) -> str:
        try:
            return self._cursor.astring().decode()
        except UnicodeDecodeError:
            raise BadSyntax("a text is expected") from None


def _nothing() -> tuple[Key, ...]:
    raise BadSyntax("a key is expected")
