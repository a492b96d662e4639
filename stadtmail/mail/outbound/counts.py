"""What came of TLS on the way out, counted in RAM for a week: day, policy and result (RFC 8460 4.3), and no domain or person at all."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from stadtmail.usage import volatile

SPACE, DAYS = "tls_out", 7


def note(counted: Mapping[tuple[str, str], int], now: datetime) -> None:
    """Add what was counted to the day's numbers."""

    def step(value: bytes | None) -> tuple[bytes, datetime]:
        sums: dict[str, int] = json.loads(value) if value else {}
        for (policy, result), number in counted.items():
            sums[f"{policy} {result}"] = sums.get(f"{policy} {result}", 0) + number
        return json.dumps(sums).encode(), now + timedelta(days=DAYS)

    volatile.change(SPACE, _key(now.astimezone(UTC).date()), step, now=now)


def of_day(day: date, *, now: datetime) -> dict[tuple[str, str], int]:
    """(policy, result) -> how often, on that UTC day."""
    value = volatile.get(SPACE, _key(day), now)
    sums: dict[str, int] = json.loads(value) if value else {}
    return {(words.partition(" ")[0], words.partition(" ")[2]): number for words, number in sums.items()}


def _key(day: date) -> bytes:
    return day.isoformat().encode()
