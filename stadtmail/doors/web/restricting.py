"""Restriction at one's own wish (Art. 18 GDPR, C-6.2c): what is stored stays, unused and unerased, until it is lifted."""

from typing import TYPE_CHECKING

from django.http import HttpResponse

from stadtmail.doors.web import access, privacy_centre
from stadtmail.doors.web.fields import refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.people.actions import restriction

if TYPE_CHECKING:
    from stadtmail.people.models import Contract


@access.resident
def restrict(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """POST /datenschutz/meine-daten/einschraenken: restrict for one of the law's reasons, or lift every restriction."""
    if request.method != "POST":
        return privacy_centre.back()
    refuse_surplus(request.POST, ("reason", "step"))
    if request.POST.get("step") == "lift":
        restriction.lift(contract, tenant=request.city, now=request.now)
        return privacy_centre.back("aufgehoben")
    restriction.restrict(contract, tenant=request.city, reason=request.POST.get("reason", ""), now=request.now)
    return privacy_centre.back("eingeschraenkt")
