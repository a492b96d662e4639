"""The order: data, overview, confirmation. Steps carry their state sealed in the form; an order left unfinished leaves nothing.

Works without cookies and without JavaScript (C-3.8). A field that the form does not have is refused, not ignored (C-2.1).
"""

from datetime import date
from typing import Any

from babel.dates import format_date
from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import captcha, order_words, throttle, tokens
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.doors.web.templatetags.portal import region
from stadtmail.kit import errors
from stadtmail.mail.actions import accounts
from stadtmail.people import fields as catalogue
from stadtmail.people import orders, queries
from stadtmail.people.actions import pending
from stadtmail.usage import limits

ASKED = (*catalogue.CATALOGUE, "password_again")
NEEDED = frozenset(name for name, field in catalogue.CATALOGUE.items() if field.needed_by in ("phone", "bank"))  # by some tariffs only
LATER = {"back": ("state", "step"), "place": ("state", "step", "wait", "solution", "terms")}


class OrdersFull(errors.OverQuota):
    """The city takes no more orders today."""


def order(request: PortalRequest) -> HttpResponse:
    """GET /bestellen: the empty form. POST: its next step."""
    if request.method != "POST":
        return _form(request, {}, [])
    step = request.POST.get("step", "")
    if step == "check":
        refuse_surplus(request.POST, (*_asked(request), "step"))
        return _check(request)
    if step not in LATER:
        raise TooManyFieldsSent
    refuse_surplus(request.POST, LATER[step])
    given = tokens.open_state(request.city.id, "order", request.POST.get("state", ""), now=request.now)
    shown = given.pop("notice", "")
    return _form(request, given, []) if step == "back" else _place(request, given, shown)


def letter(request: PortalRequest) -> HttpResponse:
    """/bestellen/brief: the code from the letter opens the mailbox."""
    problems: list[Problem] = []
    if request.method == "POST":
        refuse_surplus(request.POST, ("code",))
        throttle.count(request, "letter")
        try:
            opened = accounts.open_letter(request.POST.get("code", ""), tenant=request.city, now=request.now)
        except errors.NotFound:
            problems.append(Problem("code", _("Diesen Code kennen wir nicht, oder die Bestellung ist schon gelöscht.")))
        else:
            return _done(request, opened.address, opened=opened)
    code = Field("code", _("Code aus dem Brief"), error=errors_of(problems).get("code", ""), autocomplete="off", maxlength=64)
    return render(request, "web/letter.html", {"code": code, "problems": problems, "section": "order"}, status=403 if problems else 200)


def _check(request: PortalRequest) -> HttpResponse:
    given = texts(request.POST, ASKED)
    given["localpart"] = given["localpart"].lower().removesuffix(f"@{request.policy.domain}")
    form = _order_form(request, given)
    found = order_words.of(orders.problems(form, policy=request.policy, now=request.now), request.policy)
    if given["password"] != given.pop("password_again"):
        found.append(Problem("password_again", _("Die beiden Passwörter sind verschieden.")))
    found += _not_needed(request, given)
    if not any(problem.field == "localpart" for problem in found):
        found += _address(request, form)
    if found:
        return _form(request, given, found, status=400)
    return _overview(request, given, [])


def _place(request: PortalRequest, given: dict[str, str], shown: str) -> HttpResponse:
    post, city, now = request.POST, request.city, request.now
    if shown != str(request.policy.version):  # C-1.3: a contract remembers the notice that was shown, so it has to be shown
        problem = Problem("terms", _("Seit diesem Überblick gilt eine neue Datenschutzerklärung. Bitte sehen Sie sie sich unten an."))
        return _overview(request, given, [problem], wait=post.get("wait", ""), status=409)
    if post.get("terms", "") != request.policy.terms.version:
        problem = Problem("terms", _("Bitte bestätigen Sie die Nutzungsbedingungen."))
        return _overview(request, given, [problem], wait=post.get("wait", ""), status=400)
    if not captcha.is_solved(city, post.get("solution", ""), now=now) and not captcha.has_waited(city, post.get("wait", ""), now=now):
        return _overview(request, given, [], wait=post.get("wait", ""), wait_more=True)
    throttle.count(request, "order", given["localpart"])
    if not limits.allow("orders", str(city.id), limit=request.policy.order.per_day, per_seconds=86_400, now=now):
        raise OrdersFull
    form = _order_form(request, given)
    try:
        if request.policy.order.mode == "at_once":
            opened = accounts.open_account(form, tenant=request.city, now=now, source="order_form")
            return _done(request, opened.address, opened=opened)
        waiting = pending.submit(form, tenant=request.city, now=now)
    except errors.Conflict:
        return _form(request, given, [order_words.of_address("taken")], status=409)
    return _done(request, f"{form.localpart}@{request.policy.domain}", waiting=waiting)


def _asked(request: PortalRequest) -> list[str]:
    """The fields that this city's form has: what no tariff of the city needs is not even known (C-2.1)."""
    wanted = frozenset(need for tariff in request.policy.tariffs.values() for need in tariff.needs)
    unneeded = set(catalogue.surplus(catalogue.CATALOGUE, wanted))
    return [name for name in ASKED if name not in unneeded]


def _address(request: PortalRequest, form: orders.OrderForm) -> list[Problem]:
    state = queries.address_state(request.city, form.localpart, reclaim=form.reclaim)
    if state == queries.FREE:
        return []
    if state == queries.QUARANTINED and form.reclaim:
        return [Problem("reclaim", _("Dieser Quittungscode gehört nicht zu der Wunschadresse."))]
    return [order_words.of_address(state)]


def _not_needed(request: PortalRequest, given: dict[str, str]) -> list[Problem]:
    tariff = request.policy.tariffs.get(given["tariff"])
    needs = tariff.needs if tariff else frozenset()
    sent = (name for name, value in given.items() if value)
    text = _("Ihr Tarif braucht diese Angabe nicht. Bitte lassen Sie das Feld leer.")
    return [Problem(name, text) for name in catalogue.surplus(sent, needs)]


def _order_form(request: PortalRequest, given: dict[str, str]) -> orders.OrderForm:
    usual = {name: given[name] for name in catalogue.CATALOGUE if name not in catalogue.VOLUNTARY}
    voluntary = {name: given[name] for name in catalogue.VOLUNTARY if given[name]}
    return orders.OrderForm(**usual, language=request.language, voluntary=voluntary)


def _form(request: PortalRequest, given: dict[str, str], problems: list[Problem], *, status: int = 200) -> HttpResponse:
    fields = order_words.fields(request.policy, given, errors_of(problems))
    context = {
        "fields": fields,
        "needed": [fields[name] for name in _asked(request) if name in NEEDED],
        "voluntary": [fields[name] for name in catalogue.VOLUNTARY],
        "kinds": order_words.kinds(given.get("kind", "person")),
        "tariffs": order_words.tariffs(request.policy, given.get("tariff", ""), request.language),
        "quarantined": order_words.of_address(queries.QUARANTINED) in problems,
        "problems": problems,
        "section": "order",
    }
    return render(request, "web/order_form.html", context, status=status)


def _overview(
    request: PortalRequest, given: dict[str, str], problems: list[Problem], *, wait: str = "", wait_more: bool = False, status: int = 200
) -> HttpResponse:
    puzzle = captcha.puzzle(request.city, now=request.now)
    if wait and captcha.is_ours(request.city, wait, now=request.now):
        puzzle = captcha.Puzzle(puzzle.challenge, wait)  # the time already waited counts
    context = {
        "lines": _lines(request, given),
        "tariff": request.policy.tariffs[given["tariff"]],
        "state": tokens.seal_state(request.city.id, "order", {**given, "notice": str(request.policy.version)}, now=request.now),
        "puzzle": puzzle,
        "wait_more": wait_more,
        "problems": problems,
        "terms_error": bool(problems),
        "section": "order",
    }
    return render(request, "web/order_check.html", context, status=status)


def _done(request: PortalRequest, address: str, *, opened: Any = None, waiting: Any = None) -> HttpResponse:
    context = {
        "opened": opened,
        "address": address,
        "recovery_code": (opened or waiting).recovery_code,
        "until": getattr(waiting, "until", None),
        "section": "order",
    }
    return render(request, "web/order_done.html", context)


def _lines(request: PortalRequest, given: dict[str, str]) -> list[tuple[str, str]]:
    labels = order_words.fields(request.policy, given, {})
    tariff = request.policy.tariffs[given["tariff"]]
    shown = {
        **given,
        "localpart": f"{given['localpart']}@{request.policy.domain}",
        "password": _("gewählt (wird nicht angezeigt)"),
        "kind": next(kind["label"] for kind in order_words.kinds("") if kind["code"] == given["kind"]),
        "tariff": f"{tariff.name[request.language]}: {order_words.offer(tariff)}",
    }
    if given["birth_date"]:
        shown["birth_date"] = format_date(date.fromisoformat(given["birth_date"]), "long", locale=region())
    names = {"kind": _("Bestellt von"), "tariff": _("Tarif"), "localpart": _("E-Mail-Adresse")}
    return [(names.get(name) or labels[name].label, shown[name]) for name in catalogue.CATALOGUE if shown[name]]
