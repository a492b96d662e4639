"""Whose pictures from the internet are always shown, each to be taken back."""

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render

from stadtmail.doors.web import access, settings, settings_words
from stadtmail.doors.web.fields import refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import fetching, trusted
from stadtmail.mail.actions import trusting

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FORM = "picture_senders"


@access.resident
def page(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/einstellungen/bilder: POST takes one sender back."""
    o = settings.opened(request, contract)
    if request.method == "POST":
        refuse_surplus(request.POST, ("address",))
        trusting.forget(o, request.POST.get("address", ""))
        return settings.back(FORM, "bilder-weg")
    context = {
        "senders": trusted.senders(o), "is_offered": request.policy.pictures is not None, "leads": fetching.leads(),
        "done": settings_words.done(request.GET.get("fertig", "")), "section": "mail",
    }  # fmt: skip
    return render(request, "web/settings_pictures.html", context)
