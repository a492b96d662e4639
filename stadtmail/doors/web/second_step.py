"""The second step of a log-in, and of whatever gives access: a code of the app, a spare code, or a passkey.

Between the two steps there is no session: what the first one found out lies sealed in the form, for five minutes, bound to the city.
A code, and a passkey's challenge, is good once; tries are counted before they are looked at. Both in RAM, under keyed hashes (K17).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.http import HttpResponse
from django.http.request import split_domain_port
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import origin, throttle, tokens
from stadtmail.doors.web.fields import Field, Problem
from stadtmail.doors.web.request import PortalRequest
from stadtmail.people import second_factor, totp
from stadtmail.people.actions import passkeys, second_factors
from stadtmail.people.actions.second_factors import WrongCode
from stadtmail.people.second_factor import Owner
from stadtmail.people.webauthn import Place
from stadtmail.usage import challenges

MINUTES = 5
TRIES = 5  # for one owner, from anywhere, within the throttle's period: whoever tries has the password already
FORM, CHALLENGE = "second_step", "passkey"
FIELDS = ("code", "passkey", "challenge")


@dataclass(frozen=True)
class Second:
    """The inputs: a code, and where there are passkeys what the browser is asked."""

    code: Field
    options: str = field(repr=False, default="")
    challenge: str = field(repr=False, default="")


def lasts(request: PortalRequest) -> timedelta:
    """How long the second step may take, and a used challenge is remembered: no longer than the notice says (K17)."""
    return min(timedelta(minutes=MINUTES), timedelta(seconds=throttle.window(request.policy)))


def seal(request: PortalRequest, state: Mapping[str, str]) -> str:
    """What the first step found out, for the form to carry."""
    return tokens.seal_state(request.city.id, FORM, dict(state), now=request.now)


def opened(request: PortalRequest, sealed: str) -> dict[str, str]:
    """What `seal` sealed. Raises tokens.StaleForm after five minutes, in another city, or damaged."""
    return tokens.open_state(request.city.id, FORM, sealed, now=request.now, lasts=lasts(request))


def ask(request: PortalRequest, owner: Owner, sealed: str, *, problems: Sequence[Problem] = (), status: int = 200) -> HttpResponse:
    """The page of the second step."""
    context = {"second": inputs(request, owner, problems), "state": sealed, "problems": problems, "minutes": lasts(request).seconds // 60}
    return render(request, "web/second_step.html", context, status=status)


def inputs(request: PortalRequest, owner: Owner, problems: Collection[Problem] = ()) -> Second:
    """The inputs with which somebody proves their second factor."""
    hint = _("Sechs Ziffern aus Ihrer Code-App, oder einer Ihrer Ersatzcodes.")
    wrong = next((one.text for one in problems if one.field == "code"), "")
    code = Field("code", _("Code"), hint=hint, autocomplete="one-time-code", maxlength=40, error=wrong)
    asked = passkeys.ask(owner, place(request))
    if asked is None:
        return Second(code)
    challenge = {**asked.state, "owner": str(owner.anchor)}
    return Second(code, asked.options, tokens.seal_state(request.city.id, CHALLENGE, challenge, now=request.now))


def prove(request: PortalRequest, owner: Owner, given: Mapping[str, str]) -> None:
    """Is it the owner's second factor? Used up by that. Raises WrongCode, throttle.TooManyTries, tokens.StaleForm."""
    throttle.claim(request, "code", str(owner.anchor), most=TRIES)
    with throttle.failures(request, "code", str(owner.anchor)):
        if given.get("passkey"):
            _prove_passkey(request, owner, given)
        elif totp.is_code(given.get("code", "")):
            if not used(request, owner, second_factors.step(owner, given["code"], request.now)):
                raise WrongCode
        else:
            second_factors.use_spare_code(owner, given.get("code", ""), now=request.now)


def problems(request: PortalRequest, owner: Owner, given: Mapping[str, str]) -> list[Problem]:
    """`prove`, as what is wrong with a form; nothing where no second factor is on."""
    if not second_factor.is_on(owner):
        return []
    try:
        prove(request, owner, given)
    except WrongCode:
        return [wrong()]
    return []


def wrong() -> Problem:
    """What is said of a wrong code, a used one, and a passkey that is not the owner's."""
    return Problem("code", _("Das stimmt nicht, oder der Code wurde schon benutzt. Warten Sie auf den nächsten Code Ihrer App."))


def used(request: PortalRequest, owner: Owner, step: int) -> bool:
    """The code of this half minute is used. False where it was already, by an app that is off by now too."""
    until = datetime.fromtimestamp((step + totp.DRIFT + 1) * totp.SECONDS, UTC)  # from then on it is accepted no more
    return challenges.use_code(f"totp/{owner.anchor}/{step}", tenant=request.city.id, until=until, now=request.now)


def take_challenge(request: PortalRequest, owner: Owner, form: str, sealed: str) -> dict[str, str]:
    """The challenge that a form carried: of this owner, five minutes, once. Raises tokens.StaleForm, WrongCode."""
    state = tokens.open_state(request.city.id, form, sealed, now=request.now, lasts=lasts(request))
    until = request.now + lasts(request)
    if state.pop("owner", "") != str(owner.anchor):
        raise tokens.StaleForm
    if not challenges.use_code(f"passkey/{state['challenge']}", tenant=request.city.id, until=until, now=request.now):
        raise WrongCode
    return {name: str(value) for name, value in state.items()}


def place(request: PortalRequest) -> Place:
    """The city's host, and the origin that a passkey must have been asked by."""
    return Place(split_domain_port(request.get_host())[0], origin.own(request), request.policy.service)


def _prove_passkey(request: PortalRequest, owner: Owner, given: Mapping[str, str]) -> None:
    state = take_challenge(request, owner, CHALLENGE, given.get("challenge", ""))
    passkeys.check(owner, place(request), state, answer=given["passkey"])
