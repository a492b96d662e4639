"""How often something may happen: counted in RAM under keyed hashes, never under a name or an address (K17, C-4.2).

A limit is exact in every window, also across midnight, when the key of the hashes changes: the counts of the day before are
looked up under its key while they still matter.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from struct import iter_unpack, pack

from stadtmail.usage import marks, volatile

DAY_SECONDS = 86_400
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"({_OCTET}(?:\.{_OCTET}){{2}})\.{_OCTET}\Z")


def allow(
    scope: str, key: str, *, limit: int, per_seconds: int, now: datetime, count: int = 1, within: Sequence[tuple[int, int]] = ()
) -> bool:
    """Count one attempt (or `count` at once). False where more than `limit` would have been allowed within the last `per_seconds`,
    or within a shorter time that `within` names with its own limit; refused ones do not count.
    """
    assert 0 < per_seconds <= DAY_SECONDS
    moment, since = now.timestamp(), now.timestamp() - per_seconds
    today = now.astimezone(UTC).date()
    before: list[float] = []
    if datetime.fromtimestamp(since, UTC).date() < today:
        yesterday = marks.of_limit(scope, key, today - timedelta(days=1), now=now)
        before = _moments(volatile.get("limit", yesterday, now), since)
    allowed = False

    def step(value: bytes | None) -> tuple[bytes, datetime] | None:
        nonlocal allowed
        counted = _moments(value, since)
        all_of_them = [*before, *counted]
        windows = ((limit, per_seconds), *within)
        allowed = all(sum(one > moment - seconds for one in all_of_them) + count <= most for most, seconds in windows)
        if not allowed:
            return None
        counted += [moment] * count
        return pack(f"<{len(counted)}d", *counted), now + timedelta(seconds=per_seconds)

    volatile.change("limit", marks.of_limit(scope, key, today, now=now), step, now=now)
    return allowed


def is_open(scope: str, key: str, *, limit: int, per_seconds: int, now: datetime) -> bool:
    """Would `allow` say True? Nothing is counted: for what counts failures only, and counts them with `allow`."""
    since = now.timestamp() - per_seconds
    days = {now.astimezone(UTC).date(), datetime.fromtimestamp(since, UTC).date()}
    values = [volatile.get("limit", marks.of_limit(scope, key, day, now=now), now) for day in days]
    return sum(len(_moments(value, since)) for value in values) < limit


def prune(now: datetime) -> int:
    """Forget the moments whose window has passed, also where younger ones still count beside them. Returns how many counts changed."""

    def step(value: bytes, until: datetime) -> bytes:
        moments = _moments(value, 0.0)
        window = until.timestamp() - moments[-1]  # an entry ends one window after its youngest moment
        kept = [moment for moment in moments if moment > now.timestamp() - window]
        return pack(f"<{len(kept)}d", *kept)

    return volatile.revise("limit", step, now=now)


def network(peer: str) -> str:
    """The network of an address, as a key for limits: /24 of IPv4, /56 of IPv6; "local" where there is no address."""
    if plain := _IPV4.match(peer):  # as the kernel writes it
        return f"{plain[1]}.0/24"
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return "local"
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ip_network((address, 24 if address.version == 4 else 56), strict=False))


def _moments(value: bytes | None, since: float) -> list[float]:
    return [moment for (moment,) in iter_unpack("<d", value or b"") if moment > since]
