"""What a leaf may say: closed words, small numbers, hashes and minutes, as canonical JSON (RFC 8785 for the values used here).

No personal data, no free text: each type has its fields and each field its closed list or narrow shape, so that no caller can
put a name, an address or an IP in. A figure's name enters the vocabulary when its measure registers at start, never with data.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from uuid import UUID

from stadtmail.privacy.policy.clauses import BY_ID, CLAUSES
from stadtmail.privacy.policy.lint import HOLDS, STORED

MOST = 1 << 24  # counts stay below it, and so does no IPv4 address that is written as a number
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_FIGURE = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_FIRST = date(2020, 1, 1)  # no leaf speaks of an earlier day; the birth date of whoever may order an account does

CATEGORIES = STORED | {code for clause in CLAUSES for code in clause.data}
CAUSES = frozenset({"due", "withdrawn", "refused", "deleted", "released", "orphan"})
# type -> (fields it must have, fields it may have); "v", "city" and "test" belong to every leaf. Of an erasure "known" says since
# when it could go, where that was after "due" (an end put right, a hold that ended); "synthetic" that nobody real stands behind it.
TYPES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "erasure": (
        frozenset(["category", "cause", "count", "done", "root", "readable_in_backups_until"]),
        frozenset({"due", "known", "late", "synthetic"}),
    ),
    "hold_placed": (frozenset({"hold", "count"}), frozenset()),
    "hold_released": (frozenset({"hold", "count"}), frozenset()),
    "policy_published": (frozenset({"policy", "digest"}), frozenset({"at"})),
    "proof": (frozenset(["clause", "figure", "value", "kept", "real", "at"]), frozenset()),
    "start": (frozenset(["digest", "declared", "columns", "at"]), frozenset()),
    "fork": (frozenset(["size", "root", "at"]), frozenset()),
    "restored": (frozenset(["count", "at"]), frozenset()),  # rows were put back from a backup; so many units were erased again
}
COMMON = frozenset({"v", "type", "city", "test"})
_figures: set[str] = set()


class NotInVocabulary(ValueError):
    """A field, or the shape of its value, that no leaf may carry."""


def admit(figure: str) -> None:
    """Let a measure's figure into the vocabulary. Called by code at start; raises NotInVocabulary for what is no name."""
    if not _FIGURE.match(figure):
        raise NotInVocabulary("figure")
    _figures.add(figure)


def write(fields: Mapping[str, object]) -> bytes:
    """Canonical bytes of a leaf. Raises NotInVocabulary, which names the field and never the value."""
    leaf = {"v": 1, **fields}
    required, optional = TYPES.get(str(leaf.get("type")), (None, frozenset()))
    if required is None:
        raise NotInVocabulary("type")
    if not required | COMMON <= set(leaf) or set(leaf) - required - optional - COMMON:
        raise NotInVocabulary("fields")
    for name, value in leaf.items():
        if not SHAPES[name](value):
            raise NotInVocabulary(name)
    return canonical(leaf)


def read(data: bytes) -> dict[str, object]:
    """The fields of a leaf."""
    leaf: dict[str, object] = json.loads(data)
    return leaf


def canonical(value: Mapping[str, object]) -> bytes:
    """Sorted keys, no spaces, ASCII: RFC 8785 for the values used here."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def minute(moment: datetime) -> str:
    """A time of a leaf: UTC, to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def moment(text: str) -> datetime:
    """The moment that `minute` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)


def _one_of(words: frozenset[str] | set[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in words


def _number(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST


def _mark(value: object) -> bool:
    return type(value) is bool


def _hash(value: object) -> bool:
    return isinstance(value, str) and bool(_HEX.match(value))


def _minute(value: object) -> bool:
    return isinstance(value, str) and bool(_MINUTE.match(value)) and _is_day(value[:10]) and value[11:13] < "24" and value[14:16] < "60"


def _day(value: object) -> bool:
    return isinstance(value, str) and bool(_DATE.match(value)) and _is_day(value)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text) >= _FIRST
    except ValueError:
        return False


def _city(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


SHAPES: dict[str, Callable[[object], bool]] = {
    "v": lambda value: value == 1 and type(value) is int, "type": _one_of(frozenset(TYPES)), "city": _city, "test": _mark,
    "category": _one_of(CATEGORIES), "cause": _one_of(CAUSES), "hold": _one_of(HOLDS), "clause": _one_of(frozenset(BY_ID)),
    "figure": _one_of(_figures), "count": _number, "late": _number, "policy": _number, "value": _number, "declared": _number,
    "columns": _number, "size": _number, "due": _minute, "known": _minute, "done": _minute, "at": _minute,
    "readable_in_backups_until": _day, "root": _hash, "digest": _hash, "kept": _mark, "real": _mark,
    "synthetic": lambda value: value is True,  # or it is not there
}  # fmt: skip
