"""What the middleware adds to a request, so that handlers and mypy know it."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from stadtmail.doors.web.visit import Visit
    from stadtmail.privacy.policy.model import Policy
    from stadtmail.tenants.models import Tenant

PROBE = "stadtmail.probe"  # in the environ of a visitor from inside (visitor.py); no header can put it there


class PortalRequest(HttpRequest):
    """A request whose city is known. Only ever a type: Django makes the object."""

    city: "Tenant"
    policy: "Policy"
    visit: "Visit | None"
    now: datetime
    language: str  # de | en
    session_prefix: str  # "/s/<token>" of a URL session, else ""
