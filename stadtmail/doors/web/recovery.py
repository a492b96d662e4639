"""A new password with the recovery code, for whoever has forgotten the old one. Where that is lost as well, the code
of a letter does the same (desk_reset.py).

Which of address and code is wrong is not told. The code is used up; the next one is shown once.
"""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, order_words, reauth, throttle
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail.actions import sealed
from stadtmail.people.actions import credentials
from stadtmail.usage import sessions

FIELDS = ("address", "code", "password_new", "password_again")


def recover(request: PortalRequest) -> HttpResponse:
    """/anmelden/wiederherstellen: address, code and a new password. Ends every session of the person."""
    if request.method != "POST":
        return _form(request, {}, [])
    refuse_surplus(request.POST, FIELDS)
    given = texts(request.POST, FIELDS)
    if given["password_new"] != given["password_again"]:
        return _form(request, given, [Problem("password_again", _("Die beiden Passwörter sind verschieden."))], status=400)
    try:
        with throttle.failures(request, "recover", given["address"]):
            done = sealed.recover(request.city, given["address"], code=given["code"], new=given["password_new"], now=request.now)
    except credentials.WrongCredentials:
        return _form(request, given, [Problem("code", _("Adresse und Code gehören nicht zusammen. Es ist nichts geschehen."))], status=403)
    except credentials.BadPassword as weak:
        return _form(request, given, [Problem("password_new", text) for text in order_words.of_password(weak.codes)], status=400)
    sessions.end_person(request.city.id, done.contract.person_id)
    access.leave(request)
    return render(request, "web/recovered.html", {"recovery_code": done.recovery_code})


def _form(request: PortalRequest, given: dict[str, str], problems: list[Problem], *, status: int = 200) -> HttpResponse:
    wrong = errors_of(problems)
    address = Field("address", _("E-Mail-Adresse"), type="email", autocomplete="username", value=given.get("address", ""))
    hint = _("Aus der Bestätigung Ihrer Bestellung. Groß- und Kleinschreibung und Bindestriche sind egal.")
    code = Field("code", _("Wiederherstellungscode"), hint=hint, autocomplete="off", maxlength=64, error=wrong.get("code", ""))
    new, again = reauth.new_password(wrong)
    context = {"address": address, "code": code, "new": new, "again": again, "problems": problems}
    return render(request, "web/recover.html", context, status=status)
