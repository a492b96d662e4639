"""Log in, in one step or in two, and out. One strictly necessary cookie, or by choice a session in the address (C-3.8, C-3.10).

Every login makes a new random token; an older one is never carried on (C-3.2). Failed attempts are counted in RAM by keyed
hash and leave nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import Resolver404, get_script_prefix, resolve, reverse, set_script_prefix
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from stadtmail.doors.web import cookies, second_step, throttle, tokens, visit
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail.actions import loginnotes, sealed
from stadtmail.people import queries as people
from stadtmail.people import second_factor
from stadtmail.people.actions import accesses, credentials, second_factors, staff
from stadtmail.usage import halfway, sessions

if TYPE_CHECKING:
    from stadtmail.people.models import Staff

FIELDS = ("address", "password", "way", "next")
SIGNALS = ("Sec-GPC", "DNT")


def login(request: PortalRequest) -> HttpResponse:
    """GET /anmelden: the form. POST: check and begin a session."""
    if request.method != "POST":
        return form(request, {"next": request.GET.get("next", "")}, [])
    refuse_surplus(request.POST, FIELDS)
    given = texts(request.POST, FIELDS)
    try:
        with throttle.failures(request, "login", given["address"]):
            who = credentials.sign_in(request.city, given["address"], given["password"])
    except credentials.WrongCredentials:
        text = _("Adresse oder Passwort stimmen nicht. Achten Sie auf Groß- und Kleinschreibung.")
        return form(request, given, [Problem("address", text)], status=403)
    brought = sealed.bring(request.city, who.contract.id, given["password"])
    owner = second_factor.of_contract(request.city, who.contract)
    if second_factor.is_on(owner):
        mark = credentials.mark(who.contract, tenant=request.city)
        kept = halfway.keep(brought, tenant=request.city.id, person=who.person, until=request.now + second_step.lasts(request))
        state = {"contract": str(who.contract.id), "mark": mark, "way": given["way"], "next": given["next"], "kept": kept}
        return second_step.ask(request, owner, second_step.seal(request, state))
    data, stands = {"contract": str(who.contract.id), **brought}, partial(credentials.stands, request.city, who)
    return begin(request, "person", who.person, data, way=given["way"], to=given["next"], stands=stands)


def second(request: PortalRequest) -> HttpResponse:
    """POST /anmelden/zweiter-schritt: of residents and of staff. The session begins here, or not at all."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("login"))
    refuse_surplus(request.POST, ("state", *second_step.FIELDS))
    given = texts(request.POST, ("state", *second_step.FIELDS))
    state = second_step.opened(request, given["state"])
    came = _staff(request, state) if "staff" in state else _resident(request, state)
    if not came.mark or came.mark != state["mark"] or not second_factor.is_on(came.owner):  # something changed in between
        raise tokens.StaleForm
    try:
        second_step.prove(request, came.owner, given)
    except second_factors.WrongCode:
        return second_step.ask(request, came.owner, given["state"], problems=[second_step.wrong()], status=403)
    return came.begin()


@dataclass(frozen=True)
class _Came:
    """Somebody whose password was right: `mark` is that password's, `begin` begins their session."""

    owner: second_factor.Owner
    mark: str
    begin: Callable[[], HttpResponse]


def _resident(request: PortalRequest, state: dict[str, str]) -> _Came:
    contract = people.contract(request.city, UUID(state["contract"]))

    def begun() -> HttpResponse:
        data = {"contract": str(contract.id), **halfway.take(state["kept"], tenant=request.city.id, now=request.now)}
        return begin(request, "person", contract.person_id, data, way=state["way"], to=state["next"], stands=stands)

    def stands() -> bool:
        return credentials.mark(people.contract(request.city, contract.id), tenant=request.city) == state["mark"]

    return _Came(second_factor.of_contract(request.city, contract), credentials.mark(contract, tenant=request.city), begun)


def _staff(request: PortalRequest, state: dict[str, str]) -> _Came:
    row = accesses.staff(request.city, UUID(state["staff"]), "dsr", now=request.now)
    owner = second_factor.of_staff(request.city, row)
    return _Came(owner, staff.mark(row.unit_id, tenant=request.city), partial(begin_staff, request, row))


def begin_staff(request: PortalRequest, row: "Staff") -> HttpResponse:
    """Begin the session of somebody of the staff. The officer goes to the officer's mailbox, everybody else to the desk."""
    return begin(request, "staff", row.unit_id, {"role": row.role}, home="mailbox" if row.role == "officer" else "desk")


def begin(
    request: PortalRequest, kind: str, who: UUID, data: dict[str, str], *, way: str = "", to: str = "", home: str = "home",
    stands: Callable[[], bool] = lambda: True,
) -> HttpResponse:  # fmt: skip
    """Begin a session for a person or a member of staff and go to the page that was asked for.

    `stands`: is what they came in with still good? Asked when the session is there, so that no change of it passes unseen.
    """
    if request.visit is not None:
        sessions.end(request.visit.token)
    without_cookie = way == "url" or bool(request.session_prefix)
    if without_cookie:
        data = {**data, "bound": visit.binding(request, request.city)}
    session_kind = "url" if without_cookie else "cookie"
    token = sessions.begin(tenant=request.city.id, kind=session_kind, data=data, now=request.now, **{kind: who})
    if not stands():
        sessions.end(token)
        return to_login(request)
    if "contract" in data:  # the place after the end of a contract has no mailbox to write into
        loginnotes.note(request.city, UUID(data["contract"]), loginnotes.Came(loginnotes.WEB), now=request.now)
    if without_cookie:
        set_script_prefix(f"/s/{token}{'/en' if request.language == 'en' else ''}/")
        response = HttpResponseRedirect(inner(to) or reverse(home))
        if cookies.name(request) in request.COOKIES:
            cookies.take_back(request, response)  # an old cookie beside the new address would be two sessions at once
        return response
    response = HttpResponseRedirect(inner(to) or reverse(home))
    cookies.give(request, response, token)
    return response


def go_on(request: PortalRequest, person: UUID, data: dict[str, str], page: Callable[[], HttpResponse]) -> HttpResponse:
    """All sessions of the person have ended; this browser goes on in a new one, and `page` answers from inside of it."""
    assert request.visit is not None
    kind = request.visit.kind
    if kind == "url":
        data = {**data, "bound": visit.binding(request, request.city)}
    token = sessions.begin(tenant=request.city.id, kind=kind, data=data, now=request.now, person=person)
    found = sessions.find(token, tenant=request.city.id, now=request.now)
    assert found is not None
    request.visit = visit.Visit(token, kind, found)
    if kind == "url":
        request.session_prefix = f"/s/{token}"
        set_script_prefix(f"/s/{token}{'/en' if request.language == 'en' else ''}/")
    response = page()
    if kind == "cookie":
        cookies.give(request, response, token)
    return response


def logout(request: PortalRequest) -> HttpResponse:
    """POST /abmelden: the session is dead from here on, in this and every other tab."""
    if request.method == "POST" and request.visit is not None:
        sessions.end(request.visit.token)
        was_cookie = request.visit.kind == "cookie"
        request.visit, request.session_prefix = None, ""
        set_script_prefix("/en/" if request.language == "en" else "/")
        response = HttpResponseRedirect(reverse("goodbye"))
        if was_cookie:
            cookies.take_back(request, response)
        return response
    return HttpResponseRedirect(reverse("start"))


def goodbye(request: PortalRequest) -> HttpResponse:
    """GET /abgemeldet: says that it is done."""
    return render(request, "web/goodbye.html")


def inner(path: str) -> str:
    """The path within this portal and session, or nothing: never another host (no open redirect)."""
    if not path.startswith("/") or path.startswith(("//", "/\\")) or "\\" in path:
        return ""
    try:
        resolve(path.partition("?")[0])
    except Resolver404:
        return ""
    return f"{get_script_prefix().rstrip('/')}{path}"


def to_login(request: HttpRequest) -> HttpResponse:
    """Send whoever is not logged in to the login page, and back here afterwards."""
    here = quote(request.path_info) if request.method == "GET" else ""
    return HttpResponseRedirect(f"{reverse('login')}?next={here}" if here else reverse("login"))


def form(request: PortalRequest, given: dict[str, str], problems: list[Problem], *, status: int = 200) -> HttpResponse:
    """The page to log in on."""
    wrong = errors_of(problems)
    address = Field(
        "address",
        _("E-Mail-Adresse"),
        hint=_("Vollständig, zum Beispiel anna@%(domain)s") % {"domain": request.policy.domain},
        type="email",
        autocomplete="username",
        value=given.get("address", ""),
        error=wrong.get("address", ""),
    )
    password = Field("password", _("Passwort"), type="password", autocomplete="current-password", maxlength=200)
    context = {
        "address": address, "password": password, "problems": problems, "next": given.get("next", ""), "way": given.get("way", ""),
        "refuses": _refuses_cookies(request),
    }  # fmt: skip
    response = render(request, "web/login.html", context, status=status)
    patch_vary_headers(response, SIGNALS)
    return response


def _refuses_cookies(request: PortalRequest) -> bool:
    """Does the browser send Global Privacy Control or Do Not Track? Then the way without a cookie comes first (C-3.10)."""
    return any(request.headers.get(signal) == "1" for signal in SIGNALS)
