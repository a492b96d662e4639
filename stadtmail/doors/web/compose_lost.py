"""A message that was being written while its session ended: what was typed comes back with the page that says so (WCAG 2.2, 2.2.1).

Nothing is stored, sent or looked up for it: the page shows what this browser has just sent, to this browser. Whoever is logged in again
gets the form with everything in it; to everybody else the page carries it until they are.
"""

from dataclasses import replace

from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, compose, compose_form, visit
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import Problem
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import drafts


def page(request: PortalRequest) -> HttpResponseBase:
    """The answer to a form for writing of nobody, or whose token is good no more. Raises what reading a form raises."""
    sent, has_files = compose_form.salvaged(request)
    if sent.step == "auto":
        text = _("Ihre Anmeldung ist abgelaufen, darum wird gerade nichts gespeichert. Lassen Sie diese Seite offen, melden Sie sich in "
                 "einem neuen Fenster an, und drücken Sie dann hier „Entwurf speichern“.")  # fmt: skip
        return JsonResponse({"said": text}, status=403)
    if request.visit is not None:
        again = _again(request, sent, has_files=has_files)
        if again.status_code != 302:  # else somebody else, or a mailbox that this session does not open
            return again
    context = {
        "sent": sent.written, "day": sent.day, "time": sent.time, "has_files": has_files,
        "is_link": bool(visit.URL_SESSION.match(request.path)),
    }  # fmt: skip
    return render(request, "web/compose_lost.html", context, status=403)


@access.writer
def _again(request: PortalRequest, box: Box, sent: compose_form.Sent, *, has_files: bool) -> HttpResponse:
    text = _("Das Formular war abgelaufen. Ihr Text steht noch hier; gesendet oder gespeichert ist er noch nicht.")
    problems = [Problem("", text)]
    if has_files:
        problems.append(Problem("file", _("Die Dateien wählen Sie bitte noch einmal aus.")))
    sent = replace(sent, written=replace(sent.written, uid=_own(box, sent)))
    return compose.shown(request, box, sent, problems, status=403)


def _own(box: Box, sent: compose_form.Sent) -> int:
    """The uid of the draft, if it is this one: whoever has logged in at this browser since has a draft of that number, too."""
    try:
        found = drafts.draft(box.opened, sent.written.uid)
    except errors.NotFound:
        return 0
    return found.uid if found.ident == sent.written.ident else 0
