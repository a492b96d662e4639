"""Error pages: one table from the five kinds of errors to status codes, one page that explains each of them.

Nothing about the person, the address or the error's text is shown or logged; a bug is noted by class and place only.
"""

import base64
from dataclasses import dataclass
from hashlib import sha256

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from stadtmail.doors.web import cookies, throttle, tokens, visit
from stadtmail.doors.web.request import PROBE
from stadtmail.kit import clock, log
from stadtmail.kit import errors as kinds
from stadtmail.usage import tallies

AWAY = (OperationalError, InterfaceError)  # a database does not answer, or not in time
CODES: dict[type[Exception], tuple[int, str]] = {
    tokens.StaleForm: (403, "stale"),
    visit.TwoSessions: (400, "two"),
    RequestDataTooBig: (413, ""),
    TooManyFieldsSent: (400, "surplus"),
    BadRequest: (400, ""),
    UnreadablePostError: (400, ""),
    SuspiciousOperation: (400, ""),
    PermissionDenied: (403, ""),
    Http404: (404, ""),
    kinds.NotFound: (404, ""),
    kinds.NotAllowed: (403, ""),
    kinds.Conflict: (409, ""),
    kinds.OverQuota: (429, ""),
    kinds.TryLater: (503, ""),
}
AGAIN = frozenset({409, 429, 500, 503})  # here the same page may work when it is opened anew
# a stranger gets no file of ours, so the bare page brings its few rules along; the policy names them by hash
BARE_STYLE = (
    ":root{color-scheme:light dark}body{font:1.1rem/1.5 'Fira Sans',system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1.5rem}"
    "section+section{margin-top:2.5rem}"
    "h1{line-height:1.2;font-size:1.9rem;margin:.2rem 0 1rem}.figure{font-size:1.1rem;opacity:.75;margin:0;letter-spacing:.05em}"
)
BARE_POLICY = (
    f"default-src 'none'; img-src data:; style-src 'sha256-{base64.b64encode(sha256(BARE_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Words:
    """What an error page says: what happened, and what the reader can do now."""

    title: str
    text: str


def answer(request: HttpRequest, error: Exception) -> HttpResponse:
    """The page for an exception that a handler raised."""
    if isinstance(error, TooManyFieldsSent):
        _tally(request, error)
    if isinstance(error, AWAY):
        log.bug(error, role="web")
        return bare(503)
    if isinstance(error, tokens.StaleForm) and _has_ended(request):
        return page(request, 403, "ended")
    for kind in type(error).__mro__:
        if kind in CODES:
            code, reason = CODES[kind]
            return page(request, code, reason)
    log.bug(error, role="web")
    return page(request, 500)


def page(request: HttpRequest, code: int, reason: str = "") -> HttpResponse:
    """The page of a status code, in the city's look; without a city, a bare one."""
    if not hasattr(request, "policy"):
        return bare(code)
    words = _words(code, reason)
    again = f"/{request.get_full_path_info().lstrip('/')}" if code in AGAIN or reason in ("stale", "ended") else ""
    context = {"words": words, "code": code, "again": again}
    html = render_to_string("web/error.html", context, request=request)
    response = HttpResponse(html, status=code, headers={"Cache-Control": "no-store"})
    if code == 405:
        response.headers["Allow"] = "GET, HEAD, POST"
    if code == 429:
        response.headers["Retry-After"] = str(throttle.window(request.policy))
    if code == 503:
        response.headers["Retry-After"] = "60"
    return response


def bare(code: int, reason: str = "") -> HttpResponse:
    """A page that belongs to no city, in both languages: the host name is unknown (421), nothing could be read, or all is closed."""
    said = []
    for lang in ("de", "en"):
        with translation.override(lang):
            said.append((lang, _words(code, reason)))
    html = render_to_string("web/bare.html", {"said": said, "code": code, "style": mark_safe(BARE_STYLE)})  # noqa: S308
    response = HttpResponse(html, status=code, headers={"Cache-Control": "no-store", "Content-Security-Policy": BARE_POLICY})
    if code == 503:
        response.headers["Retry-After"] = "300" if reason else "60"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return answer(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Django's handler403."""
    return page(request, 403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Django's handler404."""
    return page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Django's handler500: something outside a page failed, so nothing of the page is trusted."""
    log.event("bug", role="web", error="OutsidePage")
    return bare(500)


def _has_ended(request: HttpRequest) -> bool:
    """Does the browser bring a session that is none any more?"""
    brought = request.COOKIES.get(cookies.name(request)) or visit.URL_SESSION.match(request.path)
    return getattr(request, "visit", None) is None and bool(brought)


def _tally(request: HttpRequest, error: TooManyFieldsSent) -> None:
    """Only how many: neither the field nor what was in it (C-2.1). What our own measures send is counted apart."""
    kind = "surplus_probes" if PROBE in request.META else "surplus_fields"
    if city := getattr(request, "city", None):
        tallies.note(kind, tenant=city.id, now=clock.now(), count=getattr(error, "count", 1))


def _words(code: int, reason: str) -> Words:
    table = {
        (400, ""): Words(_("Diese Anfrage haben wir nicht verstanden"), _("Bitte gehen Sie zurück und versuchen Sie es noch einmal.")),
        (400, "surplus"): Words(
            _("Das Formular enthält mehr, als wir gefragt haben"),
            _(
                "Wir nehmen nur Angaben an, die wir brauchen und auf dieser Seite nennen. Ihre Eingaben wurden nicht gespeichert. "
                "Manche Browser-Erweiterungen füllen Formulare selbstständig aus; schalten Sie sie für diese Seite bitte ab."
            ),
        ),
        (400, "two"): Words(
            _("Zwei Anmeldungen zugleich"),
            _("Sie haben sich mit und ohne Cookie angemeldet. Beide zugleich gelten nicht: Melden Sie sich auf der Startseite ab."),
        ),
        (403, ""): Words(_("Das ist hier nicht erlaubt"), _("Ihre Anmeldung reicht für diese Seite nicht aus.")),
        (403, "stale"): Words(
            _("Das Formular ist abgelaufen"),
            _("Öffnen Sie die Seite bitte neu und senden Sie das Formular noch einmal ab. Es wurde nichts gespeichert."),
        ),
        (403, "ended"): Words(
            _("Sie sind nicht mehr angemeldet"),
            _("Ihre Sitzung ist zu Ende. Es wurde nichts gespeichert. Melden Sie sich bitte wieder an, und versuchen Sie es noch einmal."),
        ),
        (403, "foreign"): Words(
            _("Diese Anfrage kam von einer anderen Website"),
            _("Zu Ihrem Schutz nehmen wir Formulare nur von unseren eigenen Seiten an. Es ist nichts geschehen."),
        ),
        (404, ""): Words(
            _("Diese Seite gibt es nicht"),
            _("Vielleicht ist die Adresse falsch geschrieben, oder der Inhalt wurde gelöscht, wie es versprochen war."),
        ),
        (405, ""): Words(_("Das geht auf dieser Seite nicht"), _("Bitte benutzen Sie die Knöpfe und Verweise der Seite.")),
        (409, ""): Words(
            _("Das hat sich inzwischen geändert"),
            _("Jemand war schneller, oder der Vorgang ist schon abgeschlossen. Laden Sie die Seite bitte neu."),
        ),
        (413, ""): Words(_("Das ist zu groß"), _("Die gesendeten Daten überschreiten die erlaubte Größe.")),
        (421, ""): Words(
            _("Diese Adresse bedienen wir nicht"), _("Bitte prüfen Sie den Namen der Stadt in der Adresszeile Ihres Browsers.")
        ),
        (429, ""): Words(
            _("Zu viele Versuche"), _("Bitte warten Sie einige Minuten. Wir zählen nur im Arbeitsspeicher und schreiben nichts auf.")
        ),
        (500, ""): Words(
            _("Hier ist uns ein Fehler unterlaufen"),
            _("Wir haben die Stelle im Programm notiert, aber nichts über Sie. Bitte versuchen Sie es später noch einmal."),
        ),
        (503, ""): Words(
            _("Gerade nicht erreichbar"),
            _("Bitte versuchen Sie es in ein paar Minuten noch einmal. Ihre Nachrichten sind sicher gespeichert."),
        ),
        (503, "maintenance"): Words(
            _("Wir arbeiten gerade am Portal"),
            _("In Kürze geht es weiter. Nachrichten an Sie kommen inzwischen an; mit Ihrem Mailprogramm lesen Sie sie wie immer."),
        ),
    }
    return table.get((code, reason)) or table[(code, "")]
