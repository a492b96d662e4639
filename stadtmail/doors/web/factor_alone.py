"""Switch on that a passkey is enough to log in: what follows is said first, then the log-in is rehearsed, beside the password.

The rehearsal shows that the device finds the passkey by itself, verifies its user and, for a sealed mailbox, gives a key (PRF).
"""

from typing import TYPE_CHECKING

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, factors, passkey_login, reauth, second_step, tokens
from stadtmail.doors.web.fields import Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import queries as mail
from stadtmail.mail.actions import sealed
from stadtmail.people import second_factor
from stadtmail.people.actions import passwordless
from stadtmail.people.actions.second_factors import WrongCode
from stadtmail.people.second_factor import Owner

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FORM = "factor_alone"
FIELDS = ("state", "answer", "prf", "password")


@access.resident
def allow(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """…/zweiter-faktor/ohne-passwort: one passkey is enough from now on. The password, and with it a second factor, stays good."""
    owner = second_factor.of_contract(request.city, contract)
    if not second_factor.passkeys(owner).exists():
        return factors.back()
    if request.method != "POST":
        return _page(request, contract, owner, [])
    refuse_surplus(request.POST, FIELDS)
    given = texts(request.POST, FIELDS)
    problems = _without_script(given) or reauth.problems(request, contract, given["password"]) or _allowed(request, contract, owner, given)
    return _page(request, contract, owner, problems) if problems else factors.back("ohne-passwort")


def _without_script(given: dict[str, str]) -> list[Problem]:
    return [] if given["answer"] else [Problem("", _("Dafür muss im Browser JavaScript eingeschaltet sein."))]


def _allowed(request: PortalRequest, contract: "Contract", owner: Owner, given: dict[str, str]) -> list[Problem]:
    try:
        state = second_step.take_challenge(request, owner, FORM, given["state"])
        sealed.allow_passkey(
            contract, second_step.place(request), state, tenant=request.city, answer=given["answer"],
            output=passkey_login.output(given["prf"]), halves=access.halves(request), now=request.now,
        )  # fmt: skip
    except WrongCode:
        return [Problem("", _("Die Antwort des Geräts passt nicht zu dieser Seite. Es ist nichts geschehen."))]
    except sealed.WrongSecret:
        text = _(
            "Ihr Postfach ist versiegelt, und dieser Passkey gibt keinen Schlüssel dafür her. Ohne Passwort geht es damit nicht; als "
            "zweiter Faktor gilt er weiter."
        )
        return [Problem("", text)]
    return []


def _page(request: PortalRequest, contract: "Contract", owner: Owner, problems: list[Problem]) -> HttpResponse:
    box = mail.mailbox_of(request.city, contract.id)
    if mail.is_sealed(box) and not access.halves(request):  # what does not open here cannot be opened by a passkey either
        return HttpResponseRedirect(reverse("sealing"))
    asked = passwordless.ask(second_step.place(request))
    state = tokens.seal_state(request.city.id, FORM, {**asked.state, "owner": str(owner.anchor)}, now=request.now)
    context = {
        "options": asked.options, "state": state, "problems": problems, "section": "data", "is_sealed": mail.is_sealed(box),
        "password": reauth.field(errors_of(problems).get("password", "")),
    }  # fmt: skip
    status = 403 if "password" in errors_of(problems) else 400 if problems else 200
    return render(request, "web/factor_alone.html", context, status=status)
