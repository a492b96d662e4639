"""Ending the contract: choose the day, see every date that follows from it, confirm with the password, keep two codes.

The dates are counted by the same rules that the erasure runs (C-4.1); nothing is typed twice. Until the last confirmation
nothing is stored. With the end all sessions end (C-2.8).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, cookies, privacy_centre, reauth
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail.actions import sealed
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts
from stadtmail.privacy import periods, units
from stadtmail.privacy.policy import Policy
from stadtmail.usage import sessions

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FIELDS = {"check": ("when", "day", "step"), "place": ("when", "day", "password", "step"), "keep": ("step",)}
LATEST = timedelta(days=366)
# what a resident asks about first; the rest follows by date
FIRST = ("BD-CRED", "INH", "COLL", "BD", "BD-ID", "TOMB")


@dataclass(frozen=True)
class Step:
    """One date that follows from the end: what goes then."""

    code: str
    name: str
    content: str
    at: datetime
    by_law: bool  # a law demands that it is kept until then


@access.resident
def cancel(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """GET /datenschutz/kuendigen: choose the end. POST check: its dates; place: it is done; keep: the contract goes on."""
    step = request.POST.get("step", "") if request.method == "POST" else "ask"
    if step not in FIELDS and step != "ask":
        raise TooManyFieldsSent
    refuse_surplus(request.POST, FIELDS.get(step, ()))
    if step == "keep":
        contracts.keep_on(contract, tenant=request.city, now=request.now)
        return privacy_centre.back("bleibt")
    if contract.ends_at is not None:
        return render(request, "web/cancel_waits.html", {"ends_at": contract.ends_at, "section": "data"})
    return _choose(request, {"when": "now"}, []) if step == "ask" else _next(request, contract, step)


def dates(policy: Policy, ends_at: datetime, categories: Iterable[str], *, lang: str) -> list[Step]:
    """What goes when, for a contract that ends at `ends_at` and holds these categories: earliest first."""
    steps = []
    for code in categories:
        rule = policy.rules.get(code)
        due = rule.due({"contract_end": ends_at}, policy.tz) if rule else None
        if rule is not None and due is not None:
            category = policy.categories[code]
            steps.append(Step(code, category.name[lang], category.content[lang], due, rule.keep_until is not None))
    return sorted(steps, key=lambda step: (step.at, FIRST.index(step.code) if step.code in FIRST else len(FIRST)))


def held(request: PortalRequest, contract: "Contract") -> set[str]:
    """Categories of which something is stored about a contract, and the two that its end makes."""
    anchors = people.anchors(request.city, contract)
    return {unit.category for anchor in anchors for unit in units.of_anchor(request.city, anchor)} | {"COLL", "TOMB"}


def _next(request: PortalRequest, contract: "Contract", step: str) -> HttpResponse:
    given = texts(request.POST, FIELDS[step])
    ends_at = _moment(request, given["when"], given["day"])
    if ends_at is None:
        return _choose(request, given, [Problem("day", _("Bitte wählen Sie einen Tag ab morgen und innerhalb eines Jahres."))], status=400)
    if step == "check":
        return _explain(request, contract, given, ends_at, [])
    problems = reauth.problems(request, contract, given["password"])
    if problems:
        return _explain(request, contract, given, ends_at, problems, status=403)
    return _end(request, contract, ends_at)


def _end(request: PortalRequest, contract: "Contract", ends_at: datetime) -> HttpResponse:
    ended = contracts.cancel(contract, ends_at=ends_at, now=request.now)
    sealed.add_collection(contract, ended.collection_code, tenant=request.city, halves=access.halves(request))
    steps = dates(request.policy, ends_at, held(request, contract), lang=request.language)
    at_once = ends_at <= request.now
    was_cookie = False
    if at_once:
        sessions.end_person(request.city.id, contract.person_id)
        was_cookie = access.leave(request)
    context = {"ended": ended, "ends_at": ends_at, "at_once": at_once, "steps": steps, "section": "" if at_once else "data"}
    response = render(request, "web/cancel_done.html", context)
    if was_cookie:
        cookies.take_back(request, response)
    return response


def _moment(request: PortalRequest, when: str, day: str) -> datetime | None:
    """Now, or the last second of a later day in the city's time zone: the day itself is then not counted (§ 187(1) BGB)."""
    if when == "now":
        return request.now
    try:
        chosen = date.fromisoformat(day)
    except ValueError:
        return None
    today = request.now.astimezone(request.policy.tz).date()
    if when != "later" or not today < chosen <= today + LATEST:
        return None
    return periods.midnight(chosen + timedelta(days=1), request.policy.tz) - timedelta(seconds=1)


def _choose(request: PortalRequest, given: dict[str, str], problems: list[Problem], *, status: int = 200) -> HttpResponse:
    hint = _("Das Postfach bleibt bis zum Ende dieses Tages offen.")
    day = Field("day", _("Letzter Tag"), hint=hint, type="date", value=given.get("day", ""), required=False,
                error=errors_of(problems).get("day", ""))  # fmt: skip
    context = {"day": day, "when": given.get("when", "now"), "problems": problems, "section": "data"}
    return render(request, "web/cancel.html", context, status=status)


def _explain(
    request: PortalRequest, contract: "Contract", given: dict[str, str], ends_at: datetime, problems: list[Problem], *, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {
        "given": given,
        "ends_at": ends_at,
        "at_once": given["when"] == "now",
        "steps": dates(request.policy, ends_at, held(request, contract), lang=request.language),
        "password": reauth.field(errors_of(problems).get("password", "")),
        "problems": problems,
        "section": "data",
    }
    return render(request, "web/cancel_check.html", context, status=status)
