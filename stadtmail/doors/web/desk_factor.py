"""The second factor of the staff: at the first log-in it is set up before anything is shown; later there are new spare codes.

Between password and first code there is no session: the new secret lies sealed in the form, bound to the account and to time.
"""

from datetime import timedelta
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, factors, login, second_step, tokens
from stadtmail.doors.web.fields import Problem, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.people import second_factor, totp
from stadtmail.people.actions import accesses, second_factors, staff

FORM = "desk_setup"
LASTS = timedelta(minutes=15)


def entered(request: PortalRequest, who: staff.StaffSession) -> HttpResponse:
    """The password was right: on to the second step, or at the first log-in to setting it up."""
    owner = second_factor.of_staff(request.city, accesses.staff(request.city, who.staff, "dsr", now=request.now))
    state = {"staff": str(who.staff), "mark": staff.mark(who.staff, tenant=request.city)}
    if second_factor.is_on(owner):
        return second_step.ask(request, owner, second_step.seal(request, state))
    return _ask(request, tokens.seal_state(request.city.id, FORM, {**state, "secret": totp.new_secret()}, now=request.now), [])


def set_up(request: PortalRequest) -> HttpResponse:
    """POST /schreibtisch/anmelden/einrichten: a code of the new secret; then the spare codes, and the session begins."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("desk_login"))
    refuse_surplus(request.POST, ("state", "app_code"))
    given = texts(request.POST, ("state", "app_code"))
    state = tokens.open_state(request.city.id, FORM, given["state"], now=request.now, lasts=LASTS)
    row = accesses.staff(request.city, UUID(state["staff"]), "dsr", now=request.now)
    if state["mark"] != staff.mark(row.unit_id, tenant=request.city):
        raise tokens.StaleForm
    owner = second_factor.of_staff(request.city, row)
    step = totp.step(state["secret"], given["app_code"], request.now)
    if step is None:
        return _ask(request, given["state"], [Problem("app_code", _("Dieser Code passt nicht. Stimmt die Uhr des Geräts?"))])
    made = second_factors.turn_on_app(owner, secret=state["secret"], code=given["app_code"], now=request.now)
    second_step.used(request, owner, step)
    begun = login.begin_staff(request, row)
    request.visit = None  # an older one, which has ended with that
    shown = factors.show_codes(request, made.codes, begun.headers["Location"])
    shown.cookies = begun.cookies
    return shown


@access.staff
def codes(request: PortalRequest, by: UUID) -> HttpResponse:
    """/schreibtisch/ersatzcodes: how many are left; a new set for a code."""
    owner = second_factor.of_staff(request.city, accesses.staff(request.city, by, "dsr", now=request.now))
    problems: list[Problem] = []
    if request.method == "POST":
        refuse_surplus(request.POST, second_step.FIELDS)
        problems = second_step.problems(request, owner, texts(request.POST, second_step.FIELDS))
        if not problems:
            return factors.show_codes(request, second_factors.new_spare_codes(owner, now=request.now), reverse("desk_codes"))
    left = second_factor.standing(owner).spare_codes
    context = {"left": left, "second": second_step.inputs(request, owner, problems), "problems": problems}
    return render(request, "web/desk_codes.html", context, status=403 if problems else 200)


def _ask(request: PortalRequest, sealed: str, problems: list[Problem]) -> HttpResponse:
    secret = tokens.open_state(request.city.id, FORM, sealed, now=request.now, lasts=LASTS)["secret"]
    name = _("Schreibtisch")
    words = factors.setup_words(request, secret, name, problems)
    context = {**words, "state": sealed, "problems": problems, "minutes": LASTS.seconds // 60}
    return render(request, "web/desk_setup.html", context, status=403 if problems else 200)
