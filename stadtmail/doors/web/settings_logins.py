"""Notes of log-ins: off until somebody wants them, in their own mailbox, and gone with one click (C-2.6, C-6.2e)."""

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.shortcuts import render

from stadtmail.doors.web import access, settings, settings_words
from stadtmail.doors.web.fields import refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail.actions import foldering, loginnotes

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FORM = "login_notes"
ON, OFF = "an", "aus"


@access.resident
def page(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/einstellungen/anmeldungen: GET says whether they are on, POST turns them on or off."""
    o = settings.opened(request, contract)
    if request.method == "POST":
        refuse_surplus(request.POST, ("notieren",))
        wanted = request.POST.get("notieren")
        if wanted == ON:
            return settings.back(FORM, _turned_on(request, o))
        if wanted != OFF:
            raise errors.NotFound
        loginnotes.turn_off(o, now=request.now)
        return settings.back(FORM, "anmeldungen-aus")
    context = {
        "folder": loginnotes.number(o), "days": request.policy.limits[loginnotes.USE].days,
        "done": settings_words.done(request.GET.get("fertig", "")), "section": "mail",
    }  # fmt: skip
    return render(request, "web/settings_logins.html", context)


def _turned_on(request: PortalRequest, o: Any) -> str:
    try:
        loginnotes.turn_on(o, lang=request.language, now=request.now)
    except foldering.TooManyFolders:
        return "zu-viele-ordner"
    return "anmeldungen-an"
