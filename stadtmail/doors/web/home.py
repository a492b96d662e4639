"""Where a resident arrives after the log-in: new mail, how full the mailbox is, what the city has to say, and ways on."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from stadtmail.doors.web import access, lines, mailbox, storage
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import queries
from stadtmail.mail.actions import loginnotes
from stadtmail.people import queries as people
from stadtmail.people.actions import ends
from stadtmail.tenants import news

if TYPE_CHECKING:
    from stadtmail.people.models import Contract
    from stadtmail.tenants.models import News

NEWEST = 5


@dataclass(frozen=True)
class Said:
    """A message of the city in the reader's language."""

    title: str
    text: str
    at: datetime


@access.reader
def home(request: PortalRequest, box: Box) -> HttpResponse:
    """GET /postfach/start. The officer has a mailbox and nothing else to arrive at."""
    if box.role:
        return HttpResponseRedirect(reverse("mailbox"))
    folders = mailbox.folders(box)
    inbox = next((folder for folder in folders if folder.icon == "inbox"), folders[0])
    rows = queries.page(box.opened, inbox.number, count=NEWEST)
    noted = loginnotes.number(box.opened)
    context = {
        "inbox": inbox,
        "lines": [lines.line(request, row) for row in rows],
        "storage": storage.of(box.mailbox),
        "new_logins": next((one for one in folders if one.unread and one.number == noted), None),
        "lost": people.lost(request.city, people.contract(request.city, box.mailbox.contract_id)),
        "news": [_said(request, one) for one in news.shown(request.city, now=request.now)],
        "section": "home",
    }
    return render(request, "web/home.html", context)


@access.resident
def dismiss(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """POST /postfach/start/erledigt: no more word of what a take-back of the cancellation did not bring back."""
    if request.method == "POST":
        refuse_surplus(request.POST, ())
        ends.stop_reminding(contract, tenant=request.city)
    return HttpResponseRedirect(reverse("home"))


def _said(request: PortalRequest, one: "News") -> Said:
    if request.language == "en":
        return Said(one.title_en, one.text_en, one.begins_at)
    return Said(one.title_de, one.text_de, one.begins_at)
