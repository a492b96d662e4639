"""The desk: orders that wait, and one contract at a time, after saying why. Contract and inventory, never content (C-4.7).

Each look is written into the access record before anything is shown, and the person reads it under "Meine Daten" (C-2.4).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, data_words, desk_factor, order_words, throttle, tokens
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail.actions import accounts
from stadtmail.mail.actions import corrections as told
from stadtmail.people import queries as people
from stadtmail.people.actions import accesses, credentials, pending, restriction, staff
from stadtmail.people.actions import corrections as people_corrections
from stadtmail.privacy import events
from stadtmail.usage import limits

ORDER_STEPS = {"open": ("step", "purpose"), "accept": ("step", "state"), "refuse": ("step", "state"), "letter": ("step", "state")}
CONTRACT_STEPS = {"find": ("step", "address", "purpose"), "correct": ("step", "state", *data_words.CORRECTABLE)}
LOOKS = 20  # a person at the desk, within the throttle's period, found or not: enough for work, too few for trying out addresses


class TooManyLooks(errors.OverQuota):
    """More looks than the work at a desk needs."""


@dataclass(frozen=True)
class Waiting:
    """An order as the list shows it: nothing about who ordered."""

    id: UUID
    short: str
    state: str
    since: datetime | None
    until: datetime | None


def login(request: PortalRequest) -> HttpResponse:
    """/schreibtisch/anmelden: for members of staff. After the password comes the second factor (desk_factor.py)."""
    problems: list[Problem] = []
    given = {"login": ""}
    if request.method == "POST":
        refuse_surplus(request.POST, ("login", "password"))
        given = texts(request.POST, ("login", "password"))
        try:
            with throttle.failures(request, "desk", given["login"]):
                who = staff.sign_in(request.city, given["login"], given["password"])
        except credentials.WrongCredentials:
            problems = [Problem("login", _("Anmeldename oder Passwort stimmen nicht."))]
        else:
            return desk_factor.entered(request, who)
    wrong = errors_of(problems).get("login", "")
    context = {
        "login": Field("login", _("Anmeldename"), autocomplete="username", value=given["login"], error=wrong),
        "password": Field("password", _("Passwort"), type="password", autocomplete="current-password", maxlength=200),
        "problems": problems,
    }
    return render(request, "web/desk_login.html", context, status=403 if problems else 200)


@access.desk
def desk(request: PortalRequest, by: UUID) -> HttpResponse:  # noqa: ARG001
    """GET /schreibtisch: orders that wait, by number, state and age."""
    waiting = [_waiting(request, row) for row in people.waiting_orders(request.city)]
    context = {"waiting": waiting, "done": data_words.desk_done(request.GET.get("fertig", ""))}
    return render(request, "web/desk.html", context)


@access.desk
def pending_order(request: PortalRequest, by: UUID, order: UUID) -> HttpResponse:
    """/schreibtisch/bestellung/<id>: say why, see the order, then accept, refuse or print its letter."""
    row = next((row for row in people.waiting_orders(request.city) if row.unit_id == order), None)
    if row is None:
        raise pending.NoSuchOrder
    shown = _waiting(request, row)
    if request.method != "POST":
        return _why(request, "web/desk_order_why.html", {"order": shown}, ("order_check",))
    step = request.POST.get("step", "")
    if step not in ORDER_STEPS:
        raise TooManyFieldsSent
    refuse_surplus(request.POST, ORDER_STEPS[step])
    if step == "open":
        return _open_order(request, by, shown)
    seen = tokens.open_state(request.city.id, "desk_order", request.POST.get("state", ""), now=request.now)
    if seen != {"order": str(order), "by": str(by)}:
        raise tokens.StaleForm
    return _decide(request, by, shown, step)


@access.desk
def contract(request: PortalRequest, by: UUID) -> HttpResponse:
    """/schreibtisch/vertrag: one contract by its exact mail address, after saying why; correct what is wrong."""
    if request.method != "POST":
        return _search(request, {}, [])
    step = request.POST.get("step", "")
    if step not in CONTRACT_STEPS:
        raise TooManyFieldsSent
    refuse_surplus(request.POST, CONTRACT_STEPS[step])
    if step == "find":
        return _find(request, by, texts(request.POST, CONTRACT_STEPS["find"]))
    seen = tokens.open_state(request.city.id, "desk_contract", request.POST.get("state", ""), now=request.now)
    if seen.get("by") != str(by) or seen.get("purpose") != "correction":
        raise tokens.StaleForm
    return _correct(request, by, UUID(seen["contract"]))


def _open_order(request: PortalRequest, by: UUID, shown: Waiting) -> HttpResponse:
    if request.POST.get("purpose") != "order_check":
        problem = Problem("purpose", _("Bitte sagen Sie, wozu Sie die Bestellung öffnen."))
        return _why(request, "web/desk_order_why.html", {"order": shown}, ("order_check",), [problem])
    count_look(request, by)
    form = staff.look_order(shown.id, tenant=request.city, by=by, now=request.now)
    labels = order_words.fields(request.policy, {}, {})
    values = {**vars(form), **form.voluntary, "localpart": f"{form.localpart}@{request.policy.domain}"}
    context = {
        "order": shown,
        "lines": [(field.label, values[name]) for name, field in labels.items() if values.get(name)],
        "state": tokens.seal_state(request.city.id, "desk_order", {"order": str(shown.id), "by": str(by)}, now=request.now),
    }
    return render(request, "web/desk_order.html", context)


def _decide(request: PortalRequest, by: UUID, shown: Waiting, step: str) -> HttpResponse:
    if step == "letter":
        letter = pending.letter_of(shown.id, tenant=request.city, by=by, now=request.now)
        return render(request, "web/desk_letter.html", {"order": shown, "letter": letter})
    if step == "accept":
        done = "freigegeben"
        accounts.accept_order(shown.id, tenant=request.city, by=str(by), now=request.now)
    else:
        done = "abgelehnt"
        pending.refuse(shown.id, tenant=request.city, by=by, now=request.now)
    return HttpResponseRedirect(f"{reverse('desk')}?fertig={done}")


def _find(request: PortalRequest, by: UUID, given: dict[str, str]) -> HttpResponse:
    problems: list[Problem] = []
    count_look(request, by)
    if given["purpose"] not in _purposes():
        problems.append(Problem("purpose", _("Bitte sagen Sie, wozu Sie den Vertrag öffnen.")))
    localpart, at, domain = given["address"].lower().rpartition("@")
    known = people.address(request.city, localpart) if at and domain == request.policy.domain else None
    if not problems and (known is None or known.contract is None):
        problems.append(Problem("address", _("Unter dieser Adresse läuft kein Vertrag. Wir suchen nur nach der genauen Adresse.")))
    if problems or known is None or known.contract is None:
        return _search(request, given, problems)
    try:
        return _show(request, by, known.contract, purpose=given["purpose"])
    except (restriction.Restricted, restriction.NoClaim) as locked:
        return _search(request, given, [], locked=data_words.locked(locked))


def _show(request: PortalRequest, by: UUID, found: Any, *, purpose: str, problems: list[Problem] | None = None,
          given: dict[str, str] | None = None) -> HttpResponse:  # fmt: skip
    wanted = sorted(accesses.PURPOSES[purpose])
    seen = staff.look(found, tenant=request.city, by=by, purpose=purpose, categories=wanted, now=request.now)
    state = {"contract": str(found.id), "by": str(by), "purpose": purpose}
    known = given or data_words.correctable(seen.records.get("BD-ID", []))
    named = order_words.fields(request.policy, known, errors_of(problems or []))
    context = {
        "contract": found,
        "tariff": request.policy.tariffs.get(found.tariff),
        "purpose": data_words.purposes()[purpose],
        "parts": data_words.parts(seen.records, policy=request.policy, lang=request.language),
        "restricted": restriction.standing(found, tenant=request.city, now=request.now),
        "may_correct": purpose == "correction",
        "fields": {name: named[name] for name in data_words.CORRECTABLE},
        "state": tokens.seal_state(request.city.id, "desk_contract", state, now=request.now),
        "problems": problems or [],
    }
    return render(request, "web/desk_contract.html", context, status=400 if problems else 200)


def _correct(request: PortalRequest, by: UUID, contract_id: UUID) -> HttpResponse:
    """Correct, and go on to the desk: loading the page again must neither correct nor look a second time."""
    found = people.contract(request.city, contract_id)
    given = texts(request.POST, data_words.CORRECTABLE)
    try:
        made = told.correct(found, tenant=request.city, changes=given, by=by, now=request.now)
    except people_corrections.BadCorrection as bad:
        problems = order_words.of(bad.problems, request.policy)
        return _show(request, by, found, purpose="correction", problems=problems, given=given)
    done = "berichtigt" if made.told else "berichtigt-brief" if made.fields else "unveraendert"
    return HttpResponseRedirect(f"{reverse('desk')}?fertig={done}")


def _search(request: PortalRequest, given: dict[str, str], problems: list[Problem], *, locked: str = "") -> HttpResponse:
    address = Field("address", _("Genaue E-Mail-Adresse"), type="email", autocomplete="off", value=given.get("address", ""),
                    error=errors_of(problems).get("address", ""))  # fmt: skip
    context = {"address": address, "locked": locked, "purpose": given.get("purpose", "")}
    page = _why(request, "web/desk_search.html", context, _purposes(), problems)
    page.status_code = 403 if locked else page.status_code
    return page


def _why(
    request: PortalRequest, template: str, context: dict[str, Any], purposes: tuple[str, ...], problems: list[Problem] | None = None
) -> HttpResponse:
    words = data_words.purposes()
    reasons = [{"code": code, "label": words[code]} for code in purposes]
    wrong = problems or []
    context |= {"reasons": reasons, "problems": wrong, "purpose_error": errors_of(wrong).get("purpose", "")}
    return render(request, template, context, status=400 if wrong else 200)


def _purposes() -> tuple[str, ...]:
    apart = ("order_check", "login_reset")  # each has a page of its own
    return tuple(code for code in data_words.purposes() if code in accesses.ROLES["desk"] and code not in apart)


def count_look(request: PortalRequest, by: UUID) -> None:
    """Count a look of somebody at the desk. Raises TooManyLooks."""
    if not limits.allow("desk.look", f"{request.city.id}/{by}", limit=LOOKS, per_seconds=throttle.window(request.policy), now=request.now):
        raise TooManyLooks


def _waiting(request: PortalRequest, row: Any) -> Waiting:
    states = {"approval": _("wartet auf Freigabe"), "letter": _("wartet auf den Brief oder seinen Code")}
    since = events.happened(request.city, row.unit.anchor, "order_submitted")
    return Waiting(row.unit_id, row.unit_id.hex[:8], states.get(row.state, row.state), since, row.unit.due_at)
