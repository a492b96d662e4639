"""A new password by letter: one person of the desk asks, another one confirms on the same page with password and second factor.

Nothing is stored before the second one has confirmed. The letter is shown once, and its person reads in their mailbox that there is one.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, data_words, desk, privacy_centre, second_step, throttle
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail.actions import resets as told
from stadtmail.people import queries as people
from stadtmail.people import second_factor
from stadtmail.people.actions import accesses, credentials, resets, restriction, staff

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FIELDS = ("address", "case", "second_login", "second_password", "code")


class NotAnother(accesses.NotStaff):
    """The second person is the first one, or nobody who may."""


@access.desk
def reset(request: PortalRequest, by: UUID) -> HttpResponse:
    """/schreibtisch/zuruecksetzen: address, case, and the second person; then the letter, to be printed."""
    if request.method != "POST":
        return _form(request, {}, [])
    refuse_surplus(request.POST, FIELDS)
    given = texts(request.POST, FIELDS)
    desk.count_look(request, by)
    contract, problems = _contract(request, given)
    second, refused = (None, []) if problems else _second(request, by, given)
    problems += refused
    if contract is None or second is None or problems:
        return _form(request, given, problems)
    try:
        letter = told.issue(contract, tenant=request.city, by=by, second=second, case=given["case"], now=request.now)
    except (restriction.Restricted, restriction.NoClaim) as locked:
        return _form(request, given, [Problem("address", data_words.locked(locked))])
    return render(request, "web/desk_reset_letter.html", {"letter": letter, "address": given["address"]})


@access.resident
def stop(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """POST /datenschutz/meine-daten/brief-stoppen: whoever did not ask for the letter makes its code void."""
    if request.method == "POST":
        refuse_surplus(request.POST, ())
        if resets.stop(contract, tenant=request.city, now=request.now):
            return privacy_centre.back("brief-gestoppt")
    return privacy_centre.back()


def _contract(request: PortalRequest, given: dict[str, str]) -> "tuple[Contract | None, list[Problem]]":
    localpart, at, domain = given["address"].lower().rpartition("@")
    known = people.address(request.city, localpart) if at and domain == request.policy.domain else None
    problems = []
    if known is None or known.contract is None:
        problems.append(Problem("address", _("Unter dieser Adresse läuft kein Vertrag. Wir suchen nur nach der genauen Adresse.")))
    try:
        resets.check(given["case"])
    except resets.NoCase:
        problems.append(Problem("case", _("Bitte nennen Sie den Vorgang in drei bis 80 Zeichen.")))
    return known.contract if known else None, problems


def _second(request: PortalRequest, by: UUID, given: dict[str, str]) -> tuple[UUID | None, list[Problem]]:
    """The second person, who has shown password and second factor, and is not the first one."""
    wrong = Problem("second_login", _("Anmeldename, Passwort oder Code der zweiten Person stimmen nicht."))
    try:
        with throttle.failures(request, "desk", given["second_login"]):
            who = staff.sign_in(request.city, given["second_login"], given["second_password"])
        row = accesses.staff(request.city, who.staff, resets.PURPOSE, now=request.now)
        owner = second_factor.of_staff(request.city, row)
        if who.staff == by or not second_factor.is_on(owner):
            raise NotAnother
        second_step.prove(request, owner, {"code": given["code"]})
    except credentials.WrongCredentials:
        return None, [wrong]
    except accesses.NotStaff:
        return None, [Problem("second_login", _("Es muss eine zweite Person vom Schreibtisch sein, mit eigenem zweiten Faktor."))]
    return who.staff, []


def _form(request: PortalRequest, given: dict[str, str], problems: list[Problem]) -> HttpResponse:
    wrong = errors_of(problems)

    def made(name: str, label: str, hint: str = "", **more: object) -> Field:
        value = "" if name in ("second_password", "code") else given.get(name, "")
        return Field(name, label, hint=hint, value=value, error=wrong.get(name, ""), **more)  # type: ignore[arg-type]

    case = _("Zum Beispiel ein Aktenzeichen und wie Sie die Person erkannt haben. Die Person liest das auch.")
    context = {
        "address": made("address", _("Genaue E-Mail-Adresse"), type="email", autocomplete="off"),
        "case": made("case", _("Vorgang"), case, autocomplete="off", maxlength=80),
        "second_login": made("second_login", _("Anmeldename der zweiten Person"), autocomplete="off"),
        "second_password": made("second_password", _("Passwort der zweiten Person"), type="password", autocomplete="off", maxlength=200),
        "code": made("code", _("Code der zweiten Person"), autocomplete="off", maxlength=40),
        "problems": problems,
        "days": resets.WAITS.days,
    }
    return render(request, "web/desk_reset.html", context, status=400 if problems else 200)
