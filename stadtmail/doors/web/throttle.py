"""How often something may be tried: counted in RAM under keyed hashes, for as long as the city's policy says (K17, `throttle`).

The notice prints that period; nothing here may remember longer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from stadtmail.doors.web import origin
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.people.actions import credentials
from stadtmail.privacy.policy import Policy
from stadtmail.usage import limits

FROM_NETWORK, FROM_HERE, FOR_NAME = 50, 10, 100


class TooManyTries(errors.OverQuota):
    """Too many tries for this name or from this network."""


def window(policy: Policy) -> int:
    """Seconds after which a try is forgotten."""
    period = policy.limits["throttle"]
    return period.days * 86_400 + period.seconds


def count(request: PortalRequest, scope: str, name: str = "") -> None:
    """Count a try from this network and, where there is a name, for it: from here, and from anywhere. Raises TooManyTries.

    For a name, anywhere is generous: ten wrong passwords of a stranger must not lock somebody out of their own mailbox.
    """
    seconds = window(request.policy)
    tries = _tries(request, scope, name)
    if not all(limits.allow(part, key, limit=limit, per_seconds=seconds, now=request.now) for part, key, limit in tries):
        raise TooManyTries


def claim(request: PortalRequest, scope: str, name: str, *, most: int) -> None:
    """Count a try for the name, right or wrong, before it is looked at: many at once cannot slip through. Raises TooManyTries."""
    who = f"{request.city.id}/{name.lower()}"
    if not limits.allow(f"{scope}.claim", who, limit=most, per_seconds=window(request.policy), now=request.now):
        raise TooManyTries


@contextmanager
def failures(request: PortalRequest, scope: str, name: str = "") -> Iterator[None]:
    """The same for a password, of which only wrong ones count: whoever knows theirs may log in as often as they like."""
    seconds = window(request.policy)
    tries = _tries(request, scope, name)
    if not all(limits.is_open(part, key, limit=limit, per_seconds=seconds, now=request.now) for part, key, limit in tries):
        raise TooManyTries
    try:
        yield
    except credentials.WrongCredentials:
        for part, key, limit in tries:
            limits.allow(part, key, limit=limit, per_seconds=seconds, now=request.now)
        raise


def _tries(request: PortalRequest, scope: str, name: str) -> list[tuple[str, str, int]]:
    network = origin.network(request)
    if not name:
        return [(f"{scope}.net", network, FROM_NETWORK)]
    who = f"{request.city.id}/{name.lower()}"
    return [(f"{scope}.net", network, FROM_NETWORK), (f"{scope}.here", f"{network} {who}", FROM_HERE), (f"{scope}.name", who, FOR_NAME)]
