"""Who is here: the session of a request, by cookie or by a token in the address, never by both.

A URL session is bound to the browser and its network, compared by keyed hash (groupware-web rules 3 and 6): a cheap guard
against shared links. Nothing about a visit is written down; sessions lie in RAM (usage.sessions).
"""

import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpRequest

from stadtmail.doors.web import cookies, origin, tokens
from stadtmail.kit import errors
from stadtmail.usage import sessions

if TYPE_CHECKING:
    from stadtmail.tenants.models import Tenant

URL_SESSION = re.compile(r"/s/([A-Za-z0-9_-]{43})(?=/|$)")


class TwoSessions(errors.Conflict):
    """The request carries a session cookie and a session in its address."""


@dataclass(frozen=True)
class Visit:
    """One logged-in browser. `token` is known to it alone; `session` is what RAM knows about it."""

    token: str
    kind: str  # cookie | url
    session: sessions.Session

    @property
    def mark(self) -> str:
        """What form tokens are bound to: says nothing about the token."""
        return hmac.new(self.token.encode(), b"form", "sha256").hexdigest()[:32]


def find(request: HttpRequest, tenant: "Tenant", url_token: str, *, now: datetime) -> Visit | None:
    """The living session of this request. Raises TwoSessions."""
    cookie = request.COOKIES.get(cookies.name(request), "")
    if url_token and cookie:
        raise TwoSessions
    token, kind = (url_token, "url") if url_token else (cookie, "cookie")
    if not token or len(token) > 100:
        return None
    session = sessions.find(token, tenant=tenant.id, now=now)
    if session is None or session.kind != kind:
        return None
    if kind == "url" and not hmac.compare_digest(session.data.get("bound", ""), binding(request, tenant)):
        return None
    return Visit(token, kind, session)


def binding(request: HttpRequest, tenant: "Tenant") -> str:
    """Keyed hash of browser and network."""
    text = f"{origin.agent(request)}\0{origin.network(request)}"
    return hmac.new(tokens.subkey(tenant.id, "binding"), text.encode(), "sha256").hexdigest()
