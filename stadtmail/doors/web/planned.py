"""What waits to be sent and what is on its way: undoing, another moment, at once. And the text under one's messages.

The page after "send" says what became of the message, whenever it is asked: it waits, it is a draft again, or it was sent.
"""

from datetime import datetime
from uuid import UUID

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, compose_form, mailbox
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.compose_form import Sent
from stadtmail.doors.web.fields import Problem, errors_of, refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import drafts
from stadtmail.mail.actions import drafting, planning
from stadtmail.mail.drafts import Draft

STEPS = frozenset({"stop", "now", "move"})


@access.writer
def planned(request: PortalRequest, box: Box) -> HttpResponse:
    """GET /postfach/geplant: what is planned, and what has not arrived everywhere."""
    folders = mailbox.folders(box)
    context = {**mailbox.side(box, folders, None), "waiting": drafts.planned(box.opened), "on_the_way": drafts.on_the_way(box.opened)}
    return render(request, "web/planned.html", context)


@access.writer
def waiting(request: PortalRequest, box: Box, message: UUID) -> HttpResponse:
    """/postfach/geplant/<message>: undo, send at once, or at another moment, for as long as it waits."""
    if request.method != "POST":
        return _page(request, box, message)
    refuse_surplus(request.POST, ("step", "day", "time"))
    step = request.POST.get("step", "")
    if step not in STEPS:
        raise TooManyFieldsSent
    sent = Sent(step, Draft(), day=request.POST.get("day", "").strip(), time=request.POST.get("time", "").strip())
    at = compose_form.moment(request, sent) if step == "move" else request.now
    if at is None:
        text = _("Bitte wählen Sie einen Zeitpunkt, der noch kommt, höchstens ein Jahr voraus.")
        return _page(request, box, message, problems=[Problem("day", text)], status=400)
    try:
        return _changed(request, box, message, step, at)
    except planning.NotWaiting:
        return _page(request, box, message, status=409)
    except planning.IsRestricted:
        text = _("Solange Ihre Daten auf Ihren Wunsch eingeschränkt sind, senden wir nichts später. Sofort senden können Sie.")
        return _page(request, box, message, problems=[Problem("day", text)], status=400)


@access.writer
def signature(request: PortalRequest, box: Box) -> HttpResponse:
    """/postfach/signatur: the text under one's own messages."""
    if request.method == "POST":
        refuse_surplus(request.POST, ("text",))
        drafting.sign(box.opened, request.POST.get("text", ""), now=request.now)
        return HttpResponseRedirect(f"{reverse('signature')}?stand=gespeichert")
    folders = mailbox.folders(box)
    context = {**mailbox.side(box, folders, None), "text": drafts.signature(box.opened), "most": drafting.MOST_SIGNATURE,
               "is_saved": request.GET.get("stand") == "gespeichert"}  # fmt: skip
    return render(request, "web/signature.html", context)


def _changed(request: PortalRequest, box: Box, message: UUID, step: str, at: datetime) -> HttpResponse:
    if step == "stop":
        uid = planning.stop(box.opened, message, now=request.now)
        return HttpResponseRedirect(f"{reverse('draft', args=[uid])}?stand=zurueck")
    planning.move(box.opened, message, at=at, now=request.now)
    return HttpResponseRedirect(reverse("waiting", args=[message]))


def _page(request: PortalRequest, box: Box, message: UUID, *, problems: list[Problem] | None = None, status: int = 200) -> HttpResponse:
    state, uid, plan = drafts.whereabouts(box.opened, message)
    folders = mailbox.folders(box)
    local = plan.at.astimezone(request.policy.tz) if plan else None
    context = {
        **mailbox.side(box, folders, None),
        "message": message,
        "state": state,
        "uid": uid,
        "plan": plan,
        "seconds": int(planning.UNDO.total_seconds()),
        "day": request.POST.get("day") or (f"{local:%Y-%m-%d}" if local else ""),
        "time": request.POST.get("time") or (f"{local:%H:%M}" if local else ""),
        "today": request.now.astimezone(request.policy.tz).date().isoformat(),
        "zone_name": request.policy.tz.key,
        "sent_folder": next((one.number for one in folders if one.icon == "sent"), None),
        "on_the_way": bool(drafts.on_the_way(box.opened)) if state == "sent" else False,
        "problems": problems or [],
        "errors": errors_of(problems or []),
    }
    return render(request, "web/waiting.html", context, status=status)
