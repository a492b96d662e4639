"""Is a record in the DNS as it should be? Compared by what it means: order, blanks and other records beside it do not matter."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stadtmail.kit.resolver import NoSuchName, Resolver, TemporaryFailure
from stadtmail.mail.services import Record

RIGHT, MISSING, DIFFERENT, UNKNOWN, BY_HAND = "right", "missing", "different", "no answer", "by hand"


@dataclass(frozen=True)
class Checked:
    """A record and what was found of it. `by hand`: only the operator knows what it should be."""

    record: Record
    state: str
    found: tuple[str, ...] = ()


def check(record: Record, resolver: Resolver) -> Checked:
    """Ask for one record."""
    try:
        if record.kind == "CNAME":
            return _alias(record, resolver)
        if not record.value and record.kind != "CAA":
            return Checked(record, BY_HAND)
        answers = _asked(resolver, record.name, record.kind)
    except TemporaryFailure:
        return Checked(record, UNKNOWN)
    found = _COMPARED[record.kind](record, answers)
    shown = tuple(_shown(one) for one in found)
    if not found:
        return Checked(record, MISSING)
    return Checked(record, RIGHT if _is_right(record, found) else DIFFERENT, shown)


def _alias(record: Record, resolver: Resolver) -> Checked:
    """An alias, or the addresses of its target: a name at the top of a zone can have no alias."""
    here, there = (set(_addresses(resolver, name)) for name in (record.name, record.value.rstrip(".")))
    if not here:
        return Checked(record, MISSING)
    return Checked(record, RIGHT if here == there else DIFFERENT, tuple(sorted(here)))


def _addresses(resolver: Resolver, name: str) -> list[str]:
    return [str(one) for kind in ("A", "AAAA") for one in _asked(resolver, name, kind)]


def _asked(resolver: Resolver, name: str, kind: str) -> Sequence[Any]:
    try:
        return resolver.lookup_blocking(name, kind).records
    except NoSuchName:
        return ()


def _is_right(record: Record, found: Sequence[Any]) -> bool:
    if record.kind == "TXT":
        return len(found) == 1 and _tags(_shown(found[0])) == _tags(record.value)
    if record.kind == "CAA":
        return any(one.tag == "issue" and one.value and record.value in ("", _shown(one)) for one in found)
    return record.value in [_shown(one) for one in found] and (record.kind != "MX" or len(found) == 1)


def _same_text(record: Record, answers: Sequence[Any]) -> list[bytes]:
    """The texts of the same kind: two of them are as wrong as none (RFC 7208 4.5, 7489 6.6.3, 8461 3.1)."""
    mark = re.split(r"[;\s]", record.value, maxsplit=1)[0].lower().encode()
    return [one for one in answers if re.split(rb"[;\s]", one.strip(), maxsplit=1)[0].lower() == mark]


def _tags(text: str) -> list[str]:
    """The parts of a record without their order, but for SPF, where it counts; of a DKIM record the key alone."""
    parts = [part.strip() for part in re.split(r";", text) if part.strip()]
    if parts and parts[0].lower() == "v=dkim1":
        return [re.sub(r"\s", "", part) for part in parts if part.startswith(("p=", "k=ed25519"))]
    return text.split() if text.lower().startswith("v=spf1") else sorted(re.sub(r"\s*=\s*", "=", part) for part in parts)


def _shown(one: Any) -> str:
    kind = type(one).__name__
    if kind == "MX":
        return f"{one.preference} {one.host}."
    if kind == "SRV":
        return f"{one.priority} {one.weight} {one.port} {one.target}."
    if kind == "TLSA":
        return f"{one.usage} {one.selector} {one.matching} {one.data.hex()}"
    if kind == "CAA":
        return f'{one.flags} {one.tag} "{one.value}"'
    return one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)


_COMPARED: dict[str, Callable[[Record, Sequence[Any]], list[Any]]] = {
    "TXT": _same_text,
    **dict.fromkeys(("MX", "SRV", "TLSA", "CAA"), lambda _, answers: list(answers)),
}
