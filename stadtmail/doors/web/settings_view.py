"""Time zone and line spacing of this session."""

from typing import TYPE_CHECKING

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse
from django.shortcuts import render

from stadtmail.doors.web import access, settings, settings_words, viewing
from stadtmail.doors.web.fields import refuse_surplus
from stadtmail.doors.web.request import PortalRequest

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FORM = "view"
FIELDS = ("zone", "density")


@access.resident
def page(request: PortalRequest, contract: "Contract") -> HttpResponse:  # noqa: ARG001 - only who is logged in has a session
    """/postfach/einstellungen/ansicht."""
    if request.method == "POST":
        refuse_surplus(request.POST, FIELDS)
        zone = request.POST.get("zone", "")
        if zone not in names(request):
            raise TooManyFieldsSent
        viewing.choose(request, zone=zone, dense=request.POST.get("density") == viewing.DENSE)
        return settings.back(FORM, "ansicht")
    chosen = viewing.zone_name(request)
    context = {
        "zones": [settings.Choice(name, name.replace("_", " "), name == chosen) for name in names(request)],
        "city_zone": request.policy.tz.key, "dense": viewing.is_dense(request),
        "done": settings_words.done(request.GET.get("fertig", "")), "section": "mail",
    }  # fmt: skip
    return render(request, "web/settings_view.html", context)


def names(request: PortalRequest) -> list[str]:
    """The city's zone, then the others."""
    own = request.policy.tz.key
    return [own, *(name for name in viewing.ZONES if name != own)]
