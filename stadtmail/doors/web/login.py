"""Log in and out. One strictly necessary cookie, or by the reader's own choice a session in the address (C-3.8, C-3.10).

Every login makes a new random token; an older one is never carried on (C-3.2). Failed attempts are counted in RAM by keyed
hash and leave nothing.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import quote
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import Resolver404, get_script_prefix, resolve, reverse, set_script_prefix
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from stadtmail.doors.web import cookies, throttle, visit
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.people.actions import credentials
from stadtmail.usage import sessions

FIELDS = ("address", "password", "way", "next")
SIGNALS = ("Sec-GPC", "DNT")


def login(request: PortalRequest) -> HttpResponse:
    """GET /anmelden: the form. POST: check and begin a session."""
    if request.method != "POST":
        return _form(request, {"next": request.GET.get("next", "")}, [])
    refuse_surplus(request.POST, FIELDS)
    given = texts(request.POST, FIELDS)
    try:
        with throttle.failures(request, "login", given["address"]):
            who = credentials.sign_in(request.city, given["address"], given["password"])
    except credentials.WrongCredentials:
        text = _("Adresse oder Passwort stimmen nicht. Achten Sie auf Groß- und Kleinschreibung.")
        return _form(request, given, [Problem("address", text)], status=403)
    data, stands = {"contract": str(who.contract.id)}, partial(credentials.stands, request.city, who)
    return begin(request, "person", who.person, data, way=given["way"], to=given["next"], stands=stands)


def begin(
    request: PortalRequest, kind: str, who: UUID, data: dict[str, str], *, way: str = "", to: str = "", home: str = "mailbox",
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
    if without_cookie:
        set_script_prefix(f"/s/{token}{'/en' if request.language == 'en' else ''}/")
        response = HttpResponseRedirect(inner(to) or reverse(home))
        if cookies.name(request) in request.COOKIES:
            cookies.take_back(request, response)  # an old cookie beside the new address would be two sessions at once
        return response
    response = HttpResponseRedirect(inner(to) or reverse(home))
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


def _form(request: PortalRequest, given: dict[str, str], problems: list[Problem], *, status: int = 200) -> HttpResponse:
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
