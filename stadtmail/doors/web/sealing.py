"""Sealing a mailbox: what follows from it, said before; on and off; another recovery code; and what helps where it does not open.

Each step asks for the password. Codes are shown once, in the answer to the form that made them. Nobody at the desk has a page like this.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, data_words, headers, login, reauth
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import queries, wraps
from stadtmail.mail.actions import importing, sealed
from stadtmail.usage import sessions
from stadtmail.vault import epochs

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FIELDS = {
    "seal": ("step", "password", "understood"), "unseal": ("step", "password"), "code": ("step", "password"),
    "unlock": ("step", "password", "code"), "anew": ("step", "password", "understood"),
}  # fmt: skip
# state of the mailbox -> what can be done there, the first without being asked for
STEPS = {"standard": ("seal",), "open": ("", "code", "unseal"), "locked": ("unlock", "anew")}
VIEWS = {"code": "code", "aufheben": "unseal", "leer": "anew"}  # in the address


@dataclass(frozen=True)
class State:
    """How the mailbox is, and what the page shows of it."""

    name: str  # standard | open | locked
    step: str
    imports: bool
    is_ending: bool


@access.resident
def sealing(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/datenschutz/meine-daten/versiegelung: how the mailbox is, and the steps that lead on from there."""
    state = _state(request, contract, request.GET.get("tun", ""))
    if request.method != "POST":
        return _page(request, state, [])
    step = request.POST.get("step", "")
    if step not in FIELDS:
        raise TooManyFieldsSent
    refuse_surplus(request.POST, FIELDS[step])
    if step not in STEPS[state.name]:  # another tab was faster
        raise sealed.CannotSeal
    state = State(state.name, step, state.imports, state.is_ending)
    problems = _unclear(request, state) or reauth.problems(request, contract, request.POST.get("password", ""))
    if problems:
        return _page(request, state, problems, status=400)
    return _done(request, contract, state)


def _done(request: PortalRequest, contract: "Contract", state: State) -> HttpResponse:
    given: dict[str, Any] = {"tenant": request.city, "password": request.POST.get("password", ""), "now": request.now}
    if state.step == "seal":
        done = sealed.seal_mailbox(contract, **given)
        return _go_on(request, contract, done.halves, lambda: _codes(request, "seal", done.recovery_code, done.old_unreadable_at))
    if state.step == "unlock":
        try:
            again = sealed.open_again(contract, **given, code=request.POST.get("code", ""))
        except sealed.WrongSecret:
            text = _("Mit diesem Code öffnet sich das Postfach nicht. Es ist nichts geschehen.")
            return _page(request, state, [Problem("code", text)], status=403)
        return _go_on(request, contract, again.halves, lambda: _codes(request, "unlock", again.recovery_code))
    if state.step == "code":
        code = sealed.new_recovery_code(contract, **given)
        return _codes(request, "code", code)
    if state.step == "unseal":
        sealed.unseal_mailbox(contract, **given)
        return HttpResponseRedirect(f"{reverse('sealing')}?fertig=entsiegelt")
    sealed.begin_anew(contract, **given)
    return _go_on(request, contract, {}, lambda: HttpResponseRedirect(f"{reverse('sealing')}?fertig=leer"))


def _go_on(request: PortalRequest, contract: "Contract", halves: wraps.Halves, page: Callable[[], HttpResponse]) -> HttpResponse:
    """All sessions and connections of the person end; this browser goes on in a new one that carries the halves."""
    sessions.end_person(request.city.id, contract.person_id)
    return login.go_on(request, contract.person_id, {"contract": str(contract.id), **wraps.packed(halves)}, page)


def _state(request: PortalRequest, contract: "Contract", wish: str) -> State:
    box = queries.mailbox_of(request.city, contract.id)
    outside = queries.outside(box, holder=contract.id)
    name = "standard"
    if queries.is_sealed(box):
        name = "locked" if set(wraps.sealed_pairs(box.id)) - set(access.halves(request)) else "open"
    step = VIEWS.get(wish, "")
    step = step if step in STEPS[name] else STEPS[name][0]
    imports = name == "standard" and importing.progress(outside, now=request.now) is not None
    return State(name, step, imports, contract.ends_at is not None)


def _unclear(request: PortalRequest, state: State) -> list[Problem]:
    """What is missing; looked at first, so that it costs no try of the password."""
    if "understood" in FIELDS[state.step] and request.POST.get("understood") != "1":
        return [Problem("understood", _("Bitte bestätigen Sie, dass Sie das gelesen haben."))]
    if state.step == "seal" and state.imports:
        return [Problem("", _("Es läuft eine Übernahme von Nachrichten. Versiegeln Sie danach."))]
    if state.step == "seal" and state.is_ending:
        text = _("Ihr Vertrag ist gekündigt, und der Abholcode steht schon fest: Er könnte ein versiegeltes Postfach nicht öffnen.")
        return [Problem("", text)]
    return []


def _page(request: PortalRequest, state: State, problems: list[Problem], *, status: int = 200) -> HttpResponse:
    wrong = errors_of(problems)
    hint = _("Der Code, den wir Ihnen beim Versiegeln gezeigt haben, oder der letzte danach.")
    context: dict[str, Any] = {
        "state": state,
        "password": reauth.field(wrong.get("password", "")),
        "code": Field("code", _("Wiederherstellungscode"), hint=hint, autocomplete="off", maxlength=64, error=wrong.get("code", "")),
        "understood_error": wrong.get("understood", ""),
        "unreadable_at": epochs.irrecoverable_at(request.now),
        "done": data_words.done(request.GET.get("fertig", "")),
        "problems": problems,
        "section": "data",
    }
    return render(request, "web/sealing.html", context, status=status)


def _codes(request: PortalRequest, step: str, code: str, unreadable_at: Any = None) -> HttpResponse:
    context = {"step": step, "recovery_code": code, "unreadable_at": unreadable_at, "section": "data"}
    response = render(request, "web/sealing_code.html", context)
    headers.keep_private(response)
    return response

