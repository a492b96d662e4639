"""The second factor of a resident: turn an app or a passkey on, spare codes, turn off again.

Whatever changes here asks for the password, and for the second factor where there is one. Secrets and codes are shown once, in the
answer to the form that made them; until a code has confirmed it a new secret lies in the form alone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, data_words, login, pictures, reauth, second_step, tokens
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import wraps
from stadtmail.people import queries as people
from stadtmail.people import second_factor, totp
from stadtmail.people.actions import passkeys, passwordless, second_factors
from stadtmail.people.second_factor import Owner
from stadtmail.usage import connections, sessions

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

APP, NEW_PASSKEY = "factor_app", "factor_passkey"
PROOF = ("password", *second_step.FIELDS)


@dataclass(frozen=True)
class Whose:
    """The resident whose page it is."""

    contract: "Contract"
    owner: Owner
    standing: second_factor.Standing


@access.resident
def overview(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """GET /datenschutz/meine-daten/zweiter-faktor: what is on, and what can be done."""
    context = {"standing": _whose(request, contract).standing, "done": data_words.done(request.GET.get("fertig", "")), "section": "data"}
    return render(request, "web/factors.html", context)


@access.resident
def app(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """…/zweiter-faktor/app: a new secret as QR code and as text; it counts once a code of it has come back."""
    whose = _whose(request, contract)
    if whose.standing.app:
        return back()
    if request.method != "POST":
        return _app(request, whose, tokens.seal_state(request.city.id, APP, _secret(contract), now=request.now), [])
    refuse_surplus(request.POST, ("state", "app_code", *PROOF))
    given = texts(request.POST, ("state", "app_code", *PROOF))
    state = tokens.open_state(request.city.id, APP, given["state"], now=request.now)
    if state["contract"] != str(contract.id):
        raise tokens.StaleForm
    step = totp.step(state["secret"], given["app_code"], request.now)
    problems = [] if step else [Problem("app_code", _("Dieser Code passt nicht. Stimmt die Uhr des Geräts?"))]
    problems = problems or _unproven(request, whose, given)
    if problems:
        return _app(request, whose, given["state"], problems)
    made = second_factors.turn_on_app(whose.owner, secret=state["secret"], code=given["app_code"], now=request.now)
    second_step.used(request, whose.owner, step or 0)
    return _turned_on(request, made, "app")


@access.resident
def passkey(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """…/zweiter-faktor/passkey: one more passkey, under a name. Needs JavaScript, and says so."""
    whose = _whose(request, contract)
    if request.method != "POST":
        return _passkey(request, whose, "", [])
    refuse_surplus(request.POST, ("state", "answer", "label", *PROOF))
    given = texts(request.POST, ("state", "answer", "label", *PROOF))
    problems = _unnamed(given) or _unproven(request, whose, given)
    if problems:
        return _passkey(request, whose, given["label"], problems)
    try:
        state = second_step.take_challenge(request, whose.owner, NEW_PASSKEY, given["state"])
        made = passkeys.add(
            whose.owner, second_step.place(request), state, answer=given["answer"], label=given["label"], now=request.now
        )
    except second_factors.WrongCode:
        problem = Problem("", _("Die Antwort des Geräts passt nicht zu dieser Seite. Es ist nichts geschehen."))
        return _passkey(request, whose, given["label"], [problem])
    except passkeys.TooManyPasskeys:
        return back()
    return _turned_on(request, made, "passkey")


@access.resident
def codes(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """…/zweiter-faktor/ersatzcodes: a new set, shown once; the old one is void."""
    whose, problems = _whose(request, contract), []
    if not whose.standing.is_on:
        return back()
    if request.method == "POST":
        refuse_surplus(request.POST, PROOF)
        problems = _unproven(request, whose, texts(request.POST, PROOF))
        if not problems:
            made = second_factors.new_spare_codes(whose.owner, now=request.now)
            return show_codes(request, made, reverse("second_factor"))
    context = {
        "title": _("Neue Ersatzcodes"), "text": _("Ihre bisherigen Ersatzcodes gelten dann nicht mehr, auch die unbenutzten."),
        "action": reverse("factor_codes"), "form": "factor_codes", "button": _("Neue Ersatzcodes zeigen"),
    }  # fmt: skip
    return _confirm(request, whose, context, problems)


@access.resident
def off(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """…/zweiter-faktor/abschalten: the app, one passkey, all of it, or that a passkey is enough. Needs the second factor itself, too.

    With a passkey that was enough every other session of the person ends: one of them may have begun with it (C-2.8).
    """
    whose, problems = _whose(request, contract), []
    sent = request.POST if request.method == "POST" else request.GET
    what = sent.get("what", "")
    names = {"app": _("Code-App"), "all": _("Zweiten Faktor"), "alone": _("Ohne Passwort anmelden")}
    names |= {str(one.id): one.label for one in whose.standing.passkeys}
    if not whose.standing.is_on or what not in names or {"app": not whose.standing.app, "alone": not whose.standing.is_enough}.get(what):
        return back()
    if request.method == "POST":
        refuse_surplus(request.POST, ("what", *PROOF))
        problems = _unproven(request, whose, texts(request.POST, PROOF))
        if not problems:
            _turn_off(request, whose, what)
            if not any(one.is_enough and what in ("alone", "all", str(one.id)) for one in whose.standing.passkeys):
                return back("faktor-aus")
            sessions.end_person(request.city.id, contract.person_id)
            data = {"contract": str(contract.id), **wraps.packed(access.halves(request))}
            return login.go_on(request, contract.person_id, data, lambda: back("faktor-aus"))
    last = what == "all" or (what != "alone" and len(whose.standing.passkeys) + whose.standing.app == 1)
    alone = _("Danach genügt zum Anmelden das Passwort. Auch die Ersatzcodes werden gelöscht.")
    kept = _("Ihre Passkeys bleiben als zweiter Faktor nach dem Passwort.") if what == "alone" else _("Alles andere bleibt, wie es ist.")
    context = {
        "title": _("%(name)s abschalten?") % {"name": names[what]}, "text": alone if last else kept,
        "action": reverse("factor_off"), "form": "factor_off", "button": _("Abschalten"), "what": what,
    }  # fmt: skip
    return _confirm(request, whose, context, problems)


def _turn_off(request: PortalRequest, whose: Whose, what: str) -> None:
    if what == "alone":
        passwordless.end(whose.owner, now=request.now)
    else:
        second_factors.turn_off(whose.owner, now=request.now, only=_unit(whose, what))


def back(done: str = "") -> HttpResponse:
    """Back to what is on, saying what was done in one closed word."""
    return HttpResponseRedirect(reverse("second_factor") + (f"?fertig={done}" if done else ""))


def show_codes(request: PortalRequest, made: tuple[str, ...], to: str) -> HttpResponse:
    """New spare codes, to be printed or copied down; shown in this answer and never again."""
    return render(request, "web/spare_codes.html", {"codes": made, "to": to, "section": "data"})


def _whose(request: PortalRequest, contract: "Contract") -> Whose:
    owner = second_factor.of_contract(request.city, contract)
    return Whose(contract, owner, second_factor.standing(owner))


def _secret(contract: "Contract") -> dict[str, str]:
    return {"secret": totp.new_secret(), "contract": str(contract.id)}


def _unproven(request: PortalRequest, whose: Whose, given: dict[str, str]) -> list[Problem]:
    return reauth.problems(request, whose.contract, given["password"]) or second_step.problems(request, whose.owner, given)


def _unnamed(given: dict[str, str]) -> list[Problem]:
    try:
        passkeys.check_label(given["label"])
    except passkeys.BadLabel:
        return [Problem("label", _("Bitte geben Sie einen Namen mit höchstens 60 Zeichen an."))]
    if not given["answer"]:
        return [Problem("", _("Dafür muss im Browser JavaScript eingeschaltet sein. Die Code-App geht auch ohne."))]
    return []


def _turned_on(request: PortalRequest, made: second_factors.TurnedOn, what: str) -> HttpResponse:
    if made.closed is not None:
        connections.end_credential(request.city.id, made.closed)
    if made.codes:
        return show_codes(request, made.codes, f"{reverse('second_factor')}?fertig=faktor-{what}")
    return back(f"faktor-{what}")


def _app(request: PortalRequest, whose: Whose, sealed: str, problems: list[Problem]) -> HttpResponse:
    secret = tokens.open_state(request.city.id, APP, sealed, now=request.now)["secret"]
    address = people.holder(request.city, whose.contract).address
    context = {**setup_words(request, secret, address, problems), "state": sealed}
    return _form(request, "web/factor_app.html", whose, context, problems)


def setup_words(request: PortalRequest, secret: str, name: str, problems: list[Problem]) -> dict[str, Any]:
    """A secret as QR code and in groups of four, and the input for the first code."""
    hint = _("Sechs Ziffern, wie sie die App gerade zeigt.")
    return {
        "picture": pictures.code(totp.address(secret, name=name, issuer=request.policy.service)),
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "app_code": Field("app_code", _("Code aus der App"), hint=hint, autocomplete="one-time-code", inputmode="numeric", maxlength=10,
                          error=errors_of(problems).get("app_code", "")),
    }  # fmt: skip


def _passkey(request: PortalRequest, whose: Whose, label: str, problems: list[Problem]) -> HttpResponse:
    try:
        name = people.holder(request.city, whose.contract).address
        asked = passkeys.ask_new(whose.owner, second_step.place(request), name=name)
    except passkeys.TooManyPasskeys:
        return back()
    state = {**asked.state, "owner": str(whose.owner.anchor)}
    hint = _("Zum Beispiel „Telefon“ oder „Schlüssel am Bund“. Nur Sie sehen diesen Namen.")
    context = {
        "label": Field("label", _("Name"), hint=hint, value=label, maxlength=60, error=errors_of(problems).get("label", "")),
        "options": asked.options,
        "state": tokens.seal_state(request.city.id, NEW_PASSKEY, state, now=request.now),
    }
    return _form(request, "web/factor_passkey.html", whose, context, problems)


def _confirm(request: PortalRequest, whose: Whose, context: dict[str, Any], problems: list[Problem]) -> HttpResponse:
    return _form(request, "web/factor_confirm.html", whose, context, problems)


def _form(request: PortalRequest, template: str, whose: Whose, context: dict[str, Any], problems: list[Problem]) -> HttpResponse:
    context |= {
        "password": reauth.field(errors_of(problems).get("password", "")),
        "second": second_step.inputs(request, whose.owner, problems) if whose.standing.is_on else None,
        "problems": problems,
        "section": "data",
    }
    status = 403 if {"password", "code"} & errors_of(problems).keys() else 400 if problems else 200
    return render(request, template, context, status=status)


def _unit(whose: Whose, what: str) -> UUID | None:
    if what == "app":
        return second_factor.authenticators(whose.owner).values_list("unit", flat=True).first()
    return None if what == "all" else UUID(what)
