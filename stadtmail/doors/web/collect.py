"""The narrow place between the end of a contract and the end of its contents: dates, download, receipt, taking it back.

The collection code opens it (kept only as keyed hash), and it is nobody's mailbox: no mail in or out, no page of a resident.
"""

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, cookies, downloads, ending, login, origin, privacy_centre, throttle
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import queries as mail
from stadtmail.mail.actions import sealed
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts
from stadtmail.rights import archive

if TYPE_CHECKING:
    from stadtmail.people.models import Collection

FIELDS = ("code", "way")


def collect(request: PortalRequest) -> HttpResponse:
    """GET /abholen: the place, or the form for its code. POST: open it."""
    if request.method != "POST":
        place = _place(request)
        return _show(request, place) if place else _form(request, [])
    refuse_surplus(request.POST, FIELDS)
    throttle.count(request, "collect", origin.network(request))
    place = _opened(request, request.POST.get("code", ""))
    if place is None:
        text = _("Diesen Code kennen wir nicht. Vielleicht läuft Ihr Vertrag noch, oder die Inhalte sind schon gelöscht.")
        return _form(request, [Problem("code", text)], status=403)
    brought = sealed.collected(request.city, place.contract_id, request.POST.get("code", ""), place=place.unit_id)
    data = {"place": bytes(place.digest).hex(), **brought}
    # a place belongs to no person: with a person's id, "log out everywhere" would mean two different things
    return login.begin(request, "person", None, data, way=request.POST.get("way", ""), home="collect")  # type: ignore[arg-type]


def download(request: PortalRequest) -> HttpResponseBase:
    """GET /abholen/herunterladen: everything as one signed ZIP; whoever has the code has shown it already."""
    place = _place(request)
    if place is None:
        return HttpResponseRedirect(reverse("collect"))
    chunks = mail.brought(access.halves(request), archive.archive(request.city, place.contract.id, now=request.now))
    return downloads.streamed(request, chunks, f"meine-daten-{request.now:%Y-%m-%d}.zip", kind="application/zip")


def receipt(request: PortalRequest) -> HttpResponse:
    """/abholen/quittung: GET inside the place; POST with the code, from the page that confirms a cancellation."""
    place = _place(request)
    if request.method == "POST":
        refuse_surplus(request.POST, ("code",))
        throttle.count(request, "collect", origin.network(request))
        place = _opened(request, request.POST.get("code", ""))
    if place is None:
        return HttpResponseRedirect(reverse("collect"))
    return privacy_centre.receipt_of(request, place.contract)


def take_back(request: PortalRequest) -> HttpResponse:
    """POST /abholen/zuruecknehmen: the contract goes on; the login works again. GET: back to the place."""
    place = _place(request)
    if request.method != "POST" or place is None:
        return HttpResponseRedirect(reverse("collect"))
    refuse_surplus(request.POST, ())
    back = contracts.take_back(place, tenant=request.city, now=request.now)
    was_cookie = access.leave(request)
    response = render(request, "web/collect_taken_back.html", {"lost": people.lost(request.city, back), "section": ""})
    if was_cookie:
        cookies.take_back(request, response)
    return response


def _opened(request: PortalRequest, code: str) -> "Collection | None":
    return _standing(request, people.code_digest(request.city, code)) if code.strip() else None


def _place(request: PortalRequest) -> "Collection | None":
    """The place of this session."""
    digest = request.visit.session.data.get("place") if request.visit else None
    return _standing(request, bytes.fromhex(digest)) if digest else None


def _standing(request: PortalRequest, digest: bytes) -> "Collection | None":
    """The place with this digest, as long as its day has not come: it goes with the contents."""
    place = people.collection(request.city, digest)
    return place if place and (place.unit.due_at is None or place.unit.due_at > request.now) else None


def _show(request: PortalRequest, place: "Collection") -> HttpResponse:
    contract = place.contract
    assert contract.ends_at is not None
    steps = ending.dates(request.policy, contract.ends_at, ending.held(request, contract), lang=request.language)
    context: dict[str, Any] = {
        "contract": contract,
        "steps": [step for step in steps if step.at > request.now],
        "until": place.unit.due_at,
        "is_locked": mail.is_sealed(mail.mailbox_of(request.city, contract.id)) and not access.halves(request),
    }
    return render(request, "web/collect_place.html", context)


def _form(request: PortalRequest, problems: list[Problem], *, status: int = 200) -> HttpResponse:
    hint = _("Er steht in der Bestätigung Ihrer Kündigung. Groß- und Kleinschreibung und Bindestriche sind egal.")
    code = Field("code", _("Abholcode"), hint=hint, autocomplete="off", maxlength=64, error=errors_of(problems).get("code", ""))
    return render(request, "web/collect.html", {"code": code, "problems": problems}, status=status)
