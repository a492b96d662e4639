"""The signs of a Sieve script (RFC 5228 2 and 8.1): tokens with their lines, from text that anybody may have written.

Linear in the text, bounded by its size and by the length of each string; what cannot be read raises Wrong with a line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

MOST_TEXT = 128 * 1024  # bytes of a script
MOST_TOKENS = 40_000
MOST_NUMBER = 2**63 - 1
_SPACE = re.compile(r"[ \t\r\n]++")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}+")
_NUMBER = re.compile(r"([0-9]{1,19}+)([KkMmGg]?)(?![A-Za-z0-9_])")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.S)
_TEXT = re.compile(r"text:[ \t]*+(?:#[^\n]*+)?\r?\n", re.I)
_LINE = re.compile(r"([^\n]*+)(\n|\Z)")
_BREAK = re.compile(r"\r?\n")
_ESCAPED = re.compile(r"\\(.)", re.S)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
SIGNS = "[](){},;"


class Spot(int):
    """A line, from 1, that knows the column in it, from 1 (0: none in particular)."""

    column: int

    def __new__(cls, line: int, column: int) -> Self:
        made = super().__new__(cls, line)
        made.column = column
        return made


class Wrong(Exception):
    """The script is wrong: where (`line`, from 1, and `column`), in what way (`kind`, a closed word), and about which word of it."""

    def __init__(self, line: int, kind: str, about: str = "") -> None:
        super().__init__(kind)
        self.line, self.kind, self.about = line, kind, about[:80]


@dataclass(frozen=True, slots=True)
class Token:
    """One sign: `kind` is "word", "tag", "number", "string", "end", or the sign itself."""

    kind: str
    value: str | int
    line: int


@dataclass(frozen=True, slots=True)
class Comment:
    """What a comment of one line says, without its mark."""

    text: str
    line: int


def decoded(raw: bytes) -> str:
    """A script as text. Raises Wrong: too long, not UTF-8, or with a NUL."""
    if len(raw) > MOST_TEXT:
        raise Wrong(1, "too_long")
    try:
        text = raw.decode()
    except UnicodeDecodeError as problem:
        raise Wrong(raw.count(b"\n", 0, problem.start) + 1, "not_utf8") from None
    if "\0" in text:
        raise Wrong(text.count("\n", 0, text.index("\0")) + 1, "no_nul")
    return text


def tokens(text: str) -> list[Token]:
    """All signs of a script, the last one is "end". Raises Wrong."""
    return [one for one in _signs(text) if isinstance(one, Token)]


def comments(text: str) -> list[Comment]:
    """The comments that begin with #. Raises Wrong."""
    return [one for one in _signs(text) if isinstance(one, Comment)]


def _signs(text: str) -> Iterator[Token | Comment]:
    at, line, count, begin = 0, 1, 0, 0  # `begin`: of the line
    while at < len(text):
        start, spot = at, Spot(line, at - begin + 1)
        token, at = _next(text, at, spot)
        if token is not None:
            count += 1
            if count > MOST_TOKENS:
                raise Wrong(spot, "too_long")
            yield token
        if breaks := text.count("\n", start, at):
            line, begin = line + breaks, text.rindex("\n", start, at) + 1
    yield Token("end", "", Spot(line, at - begin + 1))


def _next(text: str, at: int, line: int) -> tuple[Token | Comment | None, int]:
    if space := _SPACE.match(text, at):
        return None, space.end()
    if text[at] == "#":
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        return Comment(text[at + 1 : end].strip(), line), end
    if text.startswith("/*", at):
        end = text.find("*/", at + 2)
        if end < 0:
            raise Wrong(line, "open_comment")
        return None, end + 2
    return _token(text, at, line)


def _token(text: str, at: int, line: int) -> tuple[Token, int]:
    sign = text[at]
    if sign in SIGNS:
        return Token(sign, sign, line), at + 1
    if sign == '"':
        return _quoted(text, at, line)
    if number := _NUMBER.match(text, at):
        return _number(number, line)
    if head := _TEXT.match(text, at):
        return _lines(text, head.end(), line)
    word = _WORD.match(text, at + (sign == ":"))
    if word is None:
        raise Wrong(line, "strange_sign", sign if sign.isprintable() else "")
    return Token("tag" if sign == ":" else "word", word[0].lower(), line), word.end()


def _number(found: re.Match[str], line: int) -> tuple[Token, int]:
    value = int(found[1]) * _UNITS[found[2].upper()]
    if value > MOST_NUMBER:
        raise Wrong(line, "big_number")
    return Token("number", value, line), found.end()


def _quoted(text: str, at: int, line: int) -> tuple[Token, int]:
    found = _QUOTED.match(text, at)
    if found is None:
        raise Wrong(line, "open_string")
    inner = _BREAK.sub("\r\n", found[1])  # a line end is CR LF, as in a multi-line string (RFC 5228 2.4.2), however a client sent it
    return Token("string", _ESCAPED.sub(r"\1", inner), line), found.end()


def _lines(text: str, at: int, line: int) -> tuple[Token, int]:
    """A multi-line string: up to a line with one dot; of two dots at the begin of a line one is taken away (2.4.2, 8.1)."""
    pieces: list[str] = []
    while at < len(text):
        found = _LINE.match(text, at)
        assert found is not None
        at = found.end()
        given = found[1].removesuffix("\r")
        if given == ".":
            return Token("string", "".join(pieces), line), at
        pieces.append((given[1:] if given.startswith("..") else given) + "\r\n")
    raise Wrong(line, "open_string")
