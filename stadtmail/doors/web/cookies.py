"""The cookie registry at work (C-3.1 to C-3.7): one cookie, for one session, opaque; any other is dropped and counted."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from stadtmail.kit import log

TLS_NAME, PLAIN_NAME = "__Host-stadtmail", "stadtmail"


def name(request: HttpRequest) -> str:
    """Name of the session cookie on this connection."""
    return TLS_NAME if request.is_secure() else PLAIN_NAME


def give(request: HttpRequest, response: HttpResponse, token: str) -> None:
    """Set the session cookie: no expiry date, so that the browser forgets it when it closes (C-3.3)."""
    response.set_cookie(name(request), token, path="/", secure=request.is_secure(), httponly=True, samesite="Lax")


def take_back(request: HttpRequest, response: HttpResponse) -> None:
    """Overwrite the session cookie with nothing. An expiry date in the past would be an expiry date (C-3.3)."""
    give(request, response, "")


def enforce(request: HttpRequest, response: HttpResponseBase) -> None:
    """Drop every cookie that the policy does not list, or that would outlive the browser, and say so in the log."""
    policy = getattr(request, "policy", None)
    allowed = {cookie.name for cookie in policy.cookies} if policy else set()
    for cookie in list(response.cookies):
        morsel = response.cookies[cookie]
        if cookie not in allowed or morsel["expires"] or morsel["max-age"] != "":
            del response.cookies[cookie]
            log.event("cookie_dropped", role="web", clause="C-3.1", count=1)
