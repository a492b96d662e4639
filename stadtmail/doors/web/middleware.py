"""What happens to every request before and after its page: city, language, session, form token, headers, cookies.

Order matters: the city comes first (an unknown host learns nothing), claims of proxies are removed before anything reads
the request, and cookies are checked last. There is no access log.
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest, DisallowedHost, SuspiciousOperation
from django.http import HttpResponse, UnreadablePostError
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix
from django.utils import translation

from stadtmail.doors.web import bodies, compose_lost, cookies, errors, headers, maintenance, origin, tokens, visit
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import clock
from stadtmail.kit.errors import NotAllowed, NotFound, TryLater
from stadtmail.privacy import policy
from stadtmail.tenants import queries as tenants
from stadtmail.usage import connections

METHODS = frozenset({"GET", "HEAD", "POST"})
STATIC = "/static/"
SAME_FOR_ALL = frozenset({"autodiscover"})  # programs send to it without a token; what they send is not read, and nothing is done
IN_ADDRESS = frozenset({"import_file", "compose"})  # a file is read by its page, once it knows whose it is: the token stands in the address
FOR_MACHINES = ("/.well-known/", "/mail/", "/autodiscover/")  # all that is answered on autoconfig.<domain> and its like


class Portal:
    """The only middleware of our own."""

    def __init__(self, get_response: Callable[[PortalRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: PortalRequest) -> HttpResponseBase:
        origin.forget_claims(request)
        request.now = clock.now()
        translation.activate("de")
        try:
            response = self._refusal(request) or self._answer(request)
        except errors.AWAY as error:  # a store is away: nothing can be asked, so nothing of a city is shown
            response = errors.answer(request, error)
        headers.secure(request, response)
        cookies.enforce(request, response)
        return response

    def process_view(self, request: PortalRequest, *_view: Any) -> HttpResponseBase | None:
        """Every POST has a token of its own form, city and session, and does not come from another site."""
        if request.method != "POST":
            return None
        form = request.resolver_match.url_name or "" if request.resolver_match else ""
        if form in SAME_FOR_ALL:
            return None
        if origin.is_foreign(request):
            return errors.page(request, 403, "foreign")
        mark = request.visit.mark if request.visit else ""
        try:
            if form not in IN_ADDRESS:
                bodies.read(request)
            given = request.GET if form in IN_ADDRESS else request.POST
            return _checked(request, form, given.get("token", ""), mark)
        except (NotAllowed, NotFound, TryLater, BadRequest, SuspiciousOperation, UnreadablePostError) as error:
            return errors.answer(request, error)  # Django shows process_exception only what a page raises

    def process_exception(self, request: PortalRequest, error: Exception) -> HttpResponse:
        """Expected errors have their page; anything else is a bug."""
        return errors.answer(request, error)

    def _refusal(self, request: PortalRequest) -> HttpResponse | None:
        request.visit, request.session_prefix = None, ""
        request.language = "de"
        if maintenance.is_on():
            return errors.bare(503, "maintenance")
        try:
            host = split_domain_port(request.get_host())[0]
            request.city = tenants.city_of_host(host)
        except (NotFound, DisallowedHost):
            return errors.bare(421)
        except tenants.CityClosed:
            return errors.bare(503)
        if tenants.is_for_machines(host) and not request.path_info.lower().startswith(FOR_MACHINES):
            return errors.bare(404)
        if request.path_info.startswith(STATIC):
            return None
        request.policy = policy.current(request.city)
        return None

    def _answer(self, request: PortalRequest) -> HttpResponseBase:
        if request.path_info.startswith(STATIC):
            return self.get_response(request)
        prefix, url_token = "", ""
        if found := visit.URL_SESSION.match(request.path_info):
            url_token, prefix = found[1], found[0]
        rest = request.path_info[len(prefix) :]
        if rest == "/en" or rest.startswith("/en/"):
            request.language, prefix, rest = "en", f"{prefix}/en", rest[3:]
        translation.activate(request.language)
        request.session_prefix = found[0] if found else ""
        request.path_info = rest or "/"
        set_script_prefix(f"{prefix}/")
        try:
            request.visit = visit.find(request, request.city, url_token, now=request.now)
            refused = None
        except visit.TwoSessions as error:
            refused = error
        if url_token and request.visit is None:
            # a dead or shared link: the page behind it, without its session
            request.session_prefix = ""
            set_script_prefix("/en/" if request.language == "en" else "/")
        response = errors.answer(request, refused) if refused else self._use(request)
        if request.visit is not None or request.method == "POST":
            headers.keep_private(response)
        else:
            response.headers.setdefault("Cache-Control", "no-cache")
        return response

    def _use(self, request: PortalRequest) -> HttpResponseBase:
        """The page, for the methods that browsers use.

        While it is made for somebody who is logged in, there is a record of that use, and then no more (C-2.5, C-4.2).
        """
        if request.method not in METHODS:
            return errors.page(request, 405)
        if request.visit is None:
            return self.get_response(request)
        session, peer = request.visit.session, request.META.get("REMOTE_ADDR", "")
        with connections.open_connection("web", peer=peer, tenant=request.city.id, person=session.person or session.staff, now=request.now):
            return self.get_response(request)


def _checked(request: PortalRequest, form: str, token: str, mark: str) -> HttpResponseBase | None:
    """Nothing for a token that is good. A message that was being written comes back to its writer; else raises tokens.StaleForm."""
    is_writing = form == "compose"
    try:
        tokens.check(request.city.id, form, token, session=mark, now=request.now)
    except tokens.StaleForm:
        if not is_writing:
            raise
        return compose_lost.page(request)
    return compose_lost.page(request) if is_writing and request.visit is None else None
