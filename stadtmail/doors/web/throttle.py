"""How often something may be tried: counted in RAM under keyed hashes, for as long as the city's policy says (K17, `throttle`).

The notice prints that period; nothing here may remember longer.
"""

from stadtmail.doors.web import origin
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
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
    network = origin.network(request)
    tries = [(f"{scope}.net", network, FROM_NETWORK)]
    if name:
        who = f"{request.city.id}/{name.lower()}"
        tries += [(f"{scope}.here", f"{network} {who}", FROM_HERE), (f"{scope}.name", who, FOR_NAME)]
    seconds = window(request.policy)
    if not all(limits.allow(part, key, limit=limit, per_seconds=seconds, now=request.now) for part, key, limit in tries):
        raise TooManyTries
