"""How somebody looks at their mail: time zone and line spacing, for as long as they are logged in, in the session and nowhere else.

The language stands in the address. Why nothing of it is stored: docs/decisions, "settings of a mailbox".
"""

from zoneinfo import ZoneInfo

from stadtmail.doors.web.request import PortalRequest
from stadtmail.usage import sessions

ZONE, DENSITY, DENSE = "zone", "density", "dense"
ZONES = (
    "Europe/Berlin", "Europe/London", "Europe/Lisbon", "Europe/Madrid", "Europe/Warsaw", "Europe/Athens", "Europe/Istanbul",
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo", "Africa/Cairo",
    "Africa/Johannesburg", "Asia/Dubai", "Asia/Kolkata", "Asia/Bangkok", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
    "Pacific/Auckland", "UTC",
)  # fmt: skip


def zone(request: PortalRequest) -> ZoneInfo:
    """In which zone moments are shown: the chosen one, else the city's. Days of deadlines are the city's in any case."""
    return ZoneInfo(zone_name(request))


def zone_name(request: PortalRequest) -> str:
    """Its name."""
    chosen = _chosen(request, ZONE)
    return chosen if chosen in ZONES else request.policy.tz.key


def is_dense(request: PortalRequest) -> bool:
    """Do lists stand close?"""
    return _chosen(request, DENSITY) == DENSE


def choose(request: PortalRequest, *, zone: str, dense: bool) -> None:
    """Keep it with the session of this request. The city's zone and the usual spacing are no choice, and nothing is kept of them."""
    if request.visit is not None:
        wanted = {ZONE: "" if zone == request.policy.tz.key else zone, DENSITY: DENSE if dense else ""}
        sessions.keep(request.visit.token, wanted, tenant=request.city.id, now=request.now)


def _chosen(request: PortalRequest, name: str) -> str:
    return request.visit.session.data.get(name, "") if request.visit is not None else ""
