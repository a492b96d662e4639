"""How often something happened in a city within the last day: a number an hour, in RAM, about nobody. For figures behind clauses."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from stadtmail.usage import volatile

KINDS = frozenset({"surplus_fields", "surplus_probes", "connections_refused"})  # a closed list: what is not here cannot be counted
HOURS = 24


def note(kind: str, *, tenant: UUID, now: datetime, count: int = 1) -> None:
    """It has happened so many times now."""
    hour = _hour(now)
    volatile.change("tally", _key(kind, tenant, hour), lambda value: (_added(value, count), hour + timedelta(hours=HOURS + 1)), now=now)


def noted(kind: str, *, tenant: UUID, now: datetime) -> int:
    """How often in this hour and the 23 before it, since `serve` was started at the earliest."""
    hours = [_hour(now) - timedelta(hours=back) for back in range(HOURS)]
    return sum(int.from_bytes(volatile.get("tally", _key(kind, tenant, hour), now) or b"") for hour in hours)


def _added(value: bytes | None, count: int) -> bytes:
    return (int.from_bytes(value or b"") + count).to_bytes(8)


def _hour(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _key(kind: str, tenant: UUID, hour: datetime) -> bytes:
    assert kind in KINDS, kind
    return f"{kind}/{tenant}/{hour:%Y-%m-%dT%H}".encode()
