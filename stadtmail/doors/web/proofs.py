"""What the web door measures: a visitor walks its pages and looks at what came back, never at what the code intended.

Pages are the city's real ones. Where a session is needed it is the standing visitor's own (real=False): it belongs to nobody,
sees nothing and ends with the measure.
"""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from html import unescape
from http.cookies import SimpleCookie
from secrets import token_hex
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.http.response import HttpResponseBase

from stadtmail.doors.web import login
from stadtmail.doors.web.request import PortalRequest
from stadtmail.doors.web.visitor import Answer, Visitor
from stadtmail.privacy import policy
from stadtmail.privacy.policy import Policy
from stadtmail.privacy.proofs import Measure, Measured, register
from stadtmail.tenants import queries as tenants
from stadtmail.usage import sessions, tallies

if TYPE_CHECKING:
    from stadtmail.tenants.models import Tenant

PAGES = (
    "/", "/hilfe", "/agb", "/impressum", "/barrierefreiheit", "/bestellen", "/bestellen/brief", "/anmelden", "/anmelden/wiederherstellen",
    "/abgemeldet", "/abholen",
    "/datenschutz", "/datenschutz/verzeichnis", "/datenschutz/auftragsverarbeitung", "/datenschutz/nachweis",
)  # fmt: skip
OTHERS = ("/stadt.css", "/robots.txt", "/static/web/app.css", "/postfach", "/datenschutz/meine-daten", "/schreibtisch", "/not-a-page")
FOREIGN = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def declare() -> None:
    """Register the measures. Called once at start."""
    register(
        Measure("C-1.1", "pages_beside_policy", _pages_beside_policy),
        Measure("C-1.2", "foreign_addresses_in_pages", _foreign_addresses),
        Measure("C-2.1", "surplus_fields_accepted", _surplus_accepted),
        Measure("C-2.1", "surplus_fields_rejected", _surplus_rejected),
        Measure("C-3.1", "cookies_before_login", _cookies_before_login),
        Measure("C-3.1", "unlisted_cookies", _unlisted_cookies),
        Measure("C-3.2", "ended_sessions_accepted", _ended_accepted),
        Measure("C-3.3", "cookies_with_expiry", _cookies_with_expiry),
        Measure("C-3.4", "readable_cookies", _readable_cookies),
        Measure("C-3.7", "cookies_with_personal_data", _personal_cookies),
        Measure("C-3.8", "functions_without_cookies", _functions_without_cookies),
        Measure("C-3.10", "sessions_in_addresses_unasked", _sessions_unasked),
        Measure("C-3.11", "cookies_without_basis", _cookies_without_basis),
        Measure("C-5.8", "replayed_challenges_accepted", _replayed_challenges),
        Measure("C-5.10", "foreign_addresses_in_forms", _foreign_in_forms),
    )


# -- pages that everybody sees -----------------------------------------------------------------------------------------


def _pages_beside_policy(tenant: "Tenant", now: datetime) -> Measured:
    """Public pages that lack the controller of this city's policy, or name another city's."""
    own = policy.current(tenant).parties.controller.name
    others = {policy.current(city).parties.controller.name for city in tenants.cities() if city.id != tenant.id} - {own}
    pages = [unescape(answer.text) for path, answer in _walk(tenant.id, now).items() if path.removeprefix("/en") in PAGES]
    wrong = sum(own not in page or any(other in page for other in others) for page in pages)
    return Measured(wrong, kept=wrong == 0)


def _foreign_addresses(tenant: "Tenant", now: datetime) -> Measured:
    """Addresses of other hosts from which a page would load something, and answers whose policy would allow it."""
    answers = _walk(tenant.id, now).values()
    count = sum(bool(FOREIGN.match(address)) for answer in answers for address in answer.loads)
    loose = sum(not _is_strict(answer) for answer in answers)
    return Measured(count + loose, kept=count + loose == 0)


def _foreign_in_forms(tenant: "Tenant", now: datetime) -> Measured:
    """The same, on the pages that carry a form."""
    answers = [answer for answer in _walk(tenant.id, now).values() if "<form" in answer.text]
    count = sum(bool(FOREIGN.match(address)) for answer in answers for address in answer.loads)
    return Measured(count, kept=count == 0 and bool(answers))


def _cookies_before_login(tenant: "Tenant", now: datetime) -> Measured:
    """Set-Cookie headers on all public pages, files, redirects and errors."""
    count = sum(len(answer.cookies) for answer in _walk(tenant.id, now).values())
    return Measured(count, kept=count == 0)


def _sessions_unasked(tenant: "Tenant", now: datetime) -> Measured:
    """Addresses with a session that nobody chose (C-3.10: no identification in place of the refused cookie)."""
    count = sum(answer.text.count('"/s/') + answer.location.count("/s/") for answer in _walk(tenant.id, now).values())
    return Measured(count, kept=count == 0)


def _functions_without_cookies(tenant: "Tenant", now: datetime) -> Measured:
    """Public pages that answer without cookies, and the order led to its overview; nothing is ordered and nothing stored."""
    served = [path for path, answer in _walk(tenant.id, now).items() if path.removeprefix("/en") in PAGES and answer.code == 200]
    overview = _overview(tenant)
    whole = len(served) == 2 * len(PAGES) and overview is not None
    return Measured(len(served) + (overview is not None), kept=whole)


def _surplus_accepted(tenant: "Tenant", now: datetime) -> Measured:  # noqa: ARG001
    """Forms that take a field which they do not have."""
    visitor = _visitor(tenant)
    forms: tuple[tuple[str, dict[str, str]], ...] = (
        ("/anmelden", {"address": "", "password": "", "way": "cookie", "next": ""}),
        ("/bestellen", {**_filled(policy.current(tenant)), "step": "check"}),
        ("/bestellen/brief", {"code": ""}),
    )
    answers = [visitor.post(path, {**visitor.get(path).hidden, **fields, "surplus": "1"}) for path, fields in forms]
    count = sum(answer.code != 400 for answer in answers)
    return Measured(count, kept=count == 0)


def _surplus_rejected(tenant: "Tenant", now: datetime) -> Measured:  # noqa: ARG001
    """Fields that the forms rejected within the last day. The counter must count one of our own: else it counts nobody's."""
    visitor, at = _visitor(tenant), _door_time()
    before = tallies.noted("surplus_probes", tenant=tenant.id, now=at)
    visitor.post("/bestellen/brief", {**visitor.get("/bestellen/brief").hidden, "code": "", "surplus": "1"})
    counts = tallies.noted("surplus_probes", tenant=tenant.id, now=at) > before
    return Measured(tallies.noted("surplus_fields", tenant=tenant.id, now=at), kept=counts)


def _replayed_challenges(tenant: "Tenant", now: datetime) -> Measured:
    """Solved challenges of the order form that are taken a second time."""
    from stadtmail.doors.web import captcha

    overview = _overview(tenant)
    found = re.search(r'data-challenge="([^"]*)"', overview.text) if overview else None
    if found is None:
        return Measured(0, kept=False)
    solution = _solved(json.loads(unescape(found[1])))
    first, second = (captcha.is_solved(tenant, solution, now=max(now, _door_time())) for _ in range(2))
    return Measured(int(second), kept=first and not second)


# -- cookies and sessions ----------------------------------------------------------------------------------------------


def _unlisted_cookies(tenant: "Tenant", now: datetime) -> Measured:  # noqa: ARG001
    """Cookies of a login, with and without TLS, that the policy does not list for this kind of connection."""
    listed = {(cookie.name, cookie.where) for cookie in policy.current(tenant).cookies}
    names = [(name, where) for where, jar in _logins(tenant) for name in jar]
    count = sum(pair not in listed for pair in names)
    return Measured(count, kept=count == 0 and len(names) == 2, real=False)


def _cookies_with_expiry(tenant: "Tenant", now: datetime) -> Measured:  # noqa: ARG001
    """Cookies of a login that would outlive the browser, or that scripts, other hosts or plain connections could read."""
    bad = 0
    for where, jar in _logins(tenant):
        for morsel in jar.values():
            lasting = bool(morsel["expires"] or morsel["max-age"] or morsel["domain"])
            bad += lasting or not morsel["httponly"] or morsel["samesite"] != "Lax" or bool(morsel["secure"]) != (where == "tls")
    return Measured(bad, kept=bad == 0, real=False)


def _readable_cookies(tenant: "Tenant", now: datetime) -> Measured:  # noqa: ARG001
    """Cookie values that are anything but 256 random bits of their own: too short, structured, or the same twice."""
    values = [morsel.value for _, jar in (*_logins(tenant), *_logins(tenant)) for morsel in jar.values()]
    bad = sum(not TOKEN.match(value) for value in values) + len(values) - len(set(values))
    return Measured(bad, kept=bad == 0 and len(values) == 4, real=False)


def _personal_cookies(tenant: "Tenant", now: datetime) -> Measured:  # noqa: ARG001
    """Cookies that carry something of what the session knows, in plain, base64 or hex."""
    planted = f"erika.{token_hex(8)}@example.invalid"
    bad = 0
    for _, jar in _logins(tenant, {"address": planted}):
        for morsel in jar.values():
            raw = base64.urlsafe_b64decode(f"{morsel.value}=")
            bad += planted in morsel.value or planted.encode() in raw or planted.encode().hex() in morsel.value
    return Measured(bad, kept=bad == 0, real=False)


def _ended_accepted(tenant: "Tenant", now: datetime) -> Measured:  # noqa: ARG001
    """Sessions that are still recognised after logout. Before it, the session must be: else nothing was measured."""
    with _session(tenant) as (name, token):
        visitor = Visitor(_visitor(tenant).host, f"{name}={token}")
        page = visitor.get("/")
        logout = re.search(r'/abmelden"><input type="hidden" name="token" value="([^"]*)"', page.text)
        if logout is None:
            return Measured(0, kept=False, real=False)
        left = visitor.post("/abmelden", {"token": unescape(logout[1])})
        replayed = int("/abmelden" in visitor.get("/").text)
        return Measured(replayed, kept=replayed == 0 and left.code == 302, real=False)


def _cookies_without_basis(tenant: "Tenant", now: datetime) -> Measured:  # noqa: ARG001
    """Cookies of the policy that are neither strictly necessary nor asked for (§ 25 TDDDG)."""
    rules = policy.current(tenant)
    bad = sum(not ((cookie.necessary and cookie.basis in rules.bases) or cookie.consent) for cookie in rules.cookies)
    return Measured(bad, kept=bad == 0)


# -- how ---------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _walk(tenant_id: UUID, now: datetime) -> dict[str, Answer]:  # noqa: ARG001 - one walk for all measures of a run
    visitor = _visitor(tenants.city(tenant_id))
    paths = [f"{prefix}{path}" for prefix in ("", "/en") for path in (*PAGES, *OTHERS) if not (prefix and path.startswith("/static"))]
    return {path: visitor.get(path) for path in paths}


def _visitor(tenant: "Tenant") -> Visitor:
    return Visitor(tenants.hosts_of(tenant)[0])


def _is_strict(answer: Answer) -> bool:
    said = next((value for name, value in answer.headers if name.lower() == "content-security-policy"), "")
    return said.startswith("default-src 'self'") and "unsafe" not in said and "http" not in said and "*" not in said


def _overview(tenant: "Tenant") -> Answer | None:
    visitor = _visitor(tenant)
    answer = visitor.post("/bestellen", {**visitor.get("/bestellen").hidden, **_filled(policy.current(tenant)), "step": "check"})
    return answer if answer.code == 200 and 'value="place"' in answer.text and not answer.cookies else None


def _filled(rules: Policy) -> dict[str, str]:
    """An order by nobody, for the tariff that asks least."""
    least = min(rules.tariffs.values(), key=lambda tariff: len(tariff.needs))
    secret = token_hex(12)
    return {
        "kind": "organisation", "name": "Prüfperson", "street": "Prüfweg 1", "postcode": "00000", "town": "Prüfstadt",
        "birth_date": "", "localpart": f"pruef.{token_hex(8)}", "password": secret, "password_again": secret, "tariff": least.code,
    }  # fmt: skip


def _solved(task: dict[str, str]) -> str:
    numbers = range(int(task["maxNumber"]) + 1)
    number = next(n for n in numbers if sha256(f"{task['salt']}{n}".encode()).hexdigest() == task["challenge"])
    return json.dumps({**{name: task[name] for name in ("algorithm", "challenge", "salt", "signature")}, "number": number})


def _door_time() -> datetime:
    from stadtmail.kit import clock

    return clock.now()


def _logins(tenant: "Tenant", data: dict[str, str] | None = None) -> list[tuple[str, SimpleCookie]]:
    """The cookies of a login over TLS and over a plain connection; both sessions are ended at once."""
    found = []
    for where in ("tls", "plain"):
        answer = _login(tenant, data or {}, tls=where == "tls")
        for morsel in answer.cookies.values():
            sessions.end(morsel.value)
        found.append((where, answer.cookies))
    return found


@contextmanager
def _session(tenant: "Tenant") -> Iterator[tuple[str, str]]:
    """A living session of the standing visitor: name and value of its cookie."""
    ((name, morsel),) = _login(tenant, {}, tls=False).cookies.items()
    try:
        yield name, morsel.value
    finally:
        sessions.end(morsel.value)


def _login(tenant: "Tenant", data: dict[str, str], *, tls: bool) -> HttpResponseBase:
    def page(request: PortalRequest) -> HttpResponseBase:
        return login.begin(request, "person", uuid4(), data, home="start")

    return Visitor(_visitor(tenant).host, tls=tls).through_door(page)
