"""What a leaf may say: a closed vocabulary of words and numbers, as canonical JSON (RFC 8785 for strings and integers).

No personal data, no free text: a value that does not fit its shape is refused, so that no caller can put a name in.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_CATEGORY = re.compile(r"[A-Z][A-Z-]{1,11}\Z")
_CLAUSE = re.compile(r"C-\d\.\d{1,2}[a-e]?\Z")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")

SHAPES: dict[str, re.Pattern[str] | type] = {
    "type": _WORD, "city": _ID, "category": _CATEGORY, "due": _MINUTE, "done": _MINUTE, "cause": _WORD, "count": int,
    "root": _HEX, "readable_in_backups_until": _DATE, "policy": int, "digest": _HEX, "hold": _WORD, "clause": _CLAUSE,
    "figure": _WORD, "value": int, "kept": bool, "real": bool, "test": bool, "v": int, "late": int, "declared": int, "columns": int,
}  # fmt: skip
TYPES = frozenset({"erasure", "hold_placed", "hold_released", "policy_published", "proof", "start"})


class NotInVocabulary(ValueError):
    """A field, or the shape of its value, that no leaf may carry."""


def write(fields: Mapping[str, object]) -> bytes:
    """Canonical bytes of a leaf. Raises NotInVocabulary."""
    leaf = {"v": 1, **fields}
    for name, value in leaf.items():
        shape = SHAPES.get(name)
        if isinstance(shape, type):
            fits = type(value) is shape
        else:
            fits = shape is not None and isinstance(value, str) and bool(shape.match(value))
        if not fits:
            raise NotInVocabulary(name)
    if leaf.get("type") not in TYPES:
        raise NotInVocabulary("type")
    return canonical(leaf)


def canonical(value: Mapping[str, object]) -> bytes:
    """Sorted keys, no spaces, ASCII: RFC 8785 for the values used here."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def minute(moment: datetime) -> str:
    """A time of a leaf: UTC, to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
