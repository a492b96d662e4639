"""Log in with a passkey alone: no name, no password, no second step, because the device has verified its user. Needs JavaScript.

The challenge is asked for when somebody clicks: sealed, bound to city and host, good for five minutes and once. Whatever is wrong gets
one answer. Of a sealed mailbox the device's pseudo-random function brings the key (PRF); where it does not, nobody is let in.
"""

import base64
import binascii
from functools import partial

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import headers, login, second_step, throttle, tokens
from stadtmail.doors.web.fields import Problem, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail.actions import sealed
from stadtmail.people.actions import passwordless
from stadtmail.people.actions.credentials import SignedIn
from stadtmail.people.actions.second_factors import WrongCode
from stadtmail.usage import challenges

FORM = "passkey_login"
FIELDS = ("challenge", "passkey", "prf", "way", "next")


def ask(request: PortalRequest) -> HttpResponse:
    """GET /anmelden/passkey/frage: what the browser asks its device. The same for everybody; nothing is stored."""
    asked = passwordless.ask(second_step.place(request))
    state = {**asked.state, "host": request.get_host()}
    response = JsonResponse({"options": asked.options, "challenge": tokens.seal_state(request.city.id, FORM, state, now=request.now)})
    headers.keep_private(response)
    return response


def enter(request: PortalRequest) -> HttpResponse:
    """POST /anmelden/passkey: the session begins here, or not at all."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("login"))
    refuse_surplus(request.POST, FIELDS)
    given = texts(request.POST, FIELDS)
    try:
        with throttle.failures(request, "login"):
            who = _entered(request, given)
        brought = sealed.bring_by_passkey(request.city, who, output(given["prf"]))
    except WrongCode:
        return _refused(request, given, _("Das hat nicht geklappt. Melden Sie sich mit Adresse und Passwort an."))
    except sealed.WrongSecret:
        text = _("Ihr Postfach ist versiegelt, und dieser Passkey öffnet es nicht. Melden Sie sich mit Adresse und Passwort an.")
        return _refused(request, given, text)
    stands = partial(passwordless.stands, request.city, who)
    data = {"contract": str(who.contract.id), **brought}
    return login.begin(request, "person", who.person, data, way=given["way"], to=given["next"], stands=stands)


def output(text: str) -> bytes:
    """What the pseudo-random function gave; empty for nothing, and for what is none."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""


def _entered(request: PortalRequest, given: dict[str, str]) -> SignedIn:
    """Raises WrongCode, tokens.StaleForm (too old, of another city)."""
    state = tokens.open_state(request.city.id, FORM, given["challenge"], now=request.now, lasts=second_step.lasts(request))
    until = request.now + second_step.lasts(request)
    is_fresh = challenges.use_code(f"passkey/{state['challenge']}", tenant=request.city.id, until=until, now=request.now)
    if not is_fresh or state["host"] != request.get_host():
        raise WrongCode
    return passwordless.enter(request.city, second_step.place(request), state, answer=given["passkey"])


def _refused(request: PortalRequest, given: dict[str, str], text: str) -> HttpResponse:
    return login.form(request, {"next": given["next"]}, [Problem("", text)], status=403)
