"""How Sieve compares (RFC 5228 2.7, RFC 4790, RFC 5231): match types and comparators, without regular expressions.

`*` and `?` are matched from left to right, each `*` as short as it can be (RFC 5229 3.2); nothing is ever tried twice, so the cost
is the length of the value, times the number of `?` in a row of a pattern at worst.
"""

import operator
from collections.abc import Callable, Sequence

_UPPER = {code: code - 32 for code in range(97, 123)}
_RELATIONS: dict[str, Callable[..., bool]] = {
    "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip
ANY = "\0?"  # a piece of a pattern: any one sign
Piece = list[str]  # signs, and ANY
INFINITE = float("inf")


def folded(text: str, comparator: str) -> str:
    """What is compared: i;ascii-casemap makes a-z large and nothing else, which is also its order (RFC 4790 9.2.1)."""
    if comparator != "i;ascii-casemap":
        return text
    return text.upper() if text.isascii() else text.translate(_UPPER)


def number(text: str) -> float:
    """The digits at the begin; without any it is infinite (RFC 4790 9.1.1)."""
    digits = 0
    while digits < len(text) and digits < 40 and text[digits] in "0123456789":
        digits += 1
    return int(text[:digits]) if digits else INFINITE


def matches(value: str, key: str, *, kind: str, comparator: str) -> Sequence[str] | None:
    """What the whole and each wildcard matched (empty for other kinds than "matches"), or None."""
    if comparator == "i;ascii-numeric":
        return () if number(value) == number(key) else None
    if kind == "matches":
        return glob(value, key, comparator)
    own, wanted = folded(value, comparator), folded(key, comparator)
    return () if (wanted in own if kind == "contains" else wanted == own) else None


def relates(value: str, key: str, *, relation: str, comparator: str) -> bool:
    """:value (RFC 5231 4.1)."""
    if comparator == "i;ascii-numeric":
        return _RELATIONS[relation](number(value), number(key))
    fold: Callable[[str], bytes] = lambda text: folded(text, comparator).encode("utf-8", "replace")  # noqa: E731
    return _RELATIONS[relation](fold(value), fold(key))


def counts(count: int, key: str, *, relation: str) -> bool:
    """:count (RFC 5231 4.2)."""
    return _RELATIONS[relation](count, number(key))


def glob(value: str, pattern: str, comparator: str) -> list[str] | None:
    """Match a pattern with * and ?. Returns [whole, first wildcard, second …], or None."""
    pieces = _pieces(folded(pattern, comparator))
    own = folded(value, comparator)
    if len(pieces) == 1:
        if len(own) != len(pieces[0]) or not _fits(own, 0, pieces[0]):
            return None
        return [value, *_singles(value, 0, pieces[0])]
    first, last = pieces[0], pieces[-1]
    end = len(own) - len(last)
    if len(first) > end or not _fits(own, 0, first) or not _fits(own, end, last):
        return None
    found, at = [value, *_singles(value, 0, first)], len(first)
    for piece in pieces[1:-1]:
        place = _find(own, piece, at, end)
        if place < 0:
            return None
        found += [value[at:place], *_singles(value, place, piece)]
        at = place + len(piece)
    return [*found, value[at:end], *_singles(value, end, last)]


def cost(value: str, key: str, kind: str) -> int:
    """How much work a comparison may be, in signs."""
    return (len(value) + len(key) + 16) * (1 + key.count("?") if kind == "matches" else 1)


def quoted(text: str) -> str:
    """A text that matches itself (RFC 5229 4.1.2)."""
    return "".join(f"\\{sign}" if sign in "*?\\" else sign for sign in text)


def _pieces(pattern: str) -> list[Piece]:
    """What stands between the stars."""
    pieces: list[Piece] = [[]]
    skip = False
    for sign in pattern:
        if skip:
            pieces[-1].append(sign)
            skip = False
        elif sign == "\\":
            skip = True
        elif sign == "*":
            pieces.append([])
        else:
            pieces[-1].append(ANY if sign == "?" else sign)
    if skip:  # a backslash at the end has nothing to quote
        pieces[-1].append("\\")
    return pieces


def _fits(own: str, at: int, piece: Piece) -> bool:
    return all(sign in (ANY, own[at + n]) for n, sign in enumerate(piece))


def _find(own: str, piece: Piece, at: int, end: int) -> int:
    """The first place from `at` on where a piece stands, whole before `end`; -1 for none."""
    runs = _runs(piece)
    if not runs:
        return at if at + len(piece) <= end else -1
    offset, longest = max(runs, key=lambda run: len(run[1]))
    place = own.find(longest, at + offset, end)
    while place >= 0:
        start = place - offset
        if start + len(piece) > end:
            return -1
        if len(runs) == 1 or all(own.startswith(text, start + away) for away, text in runs):
            return start
        place = own.find(longest, place + 1, end)
    return -1


def _runs(piece: Piece) -> list[tuple[int, str]]:
    """The fixed parts of a piece and how far they stand from its begin."""
    runs: list[tuple[int, str]] = []
    at = 0
    while at < len(piece):
        end = at
        while end < len(piece) and piece[end] != ANY:
            end += 1
        if end > at:
            runs.append((at, "".join(piece[at:end])))
        at = max(end, at + 1)
    return runs


def _singles(value: str, at: int, piece: Piece) -> list[str]:
    return [value[at + n] for n, sign in enumerate(piece) if sign == ANY]
