"""Mail programs: make app passwords, see which are in use, revoke each, and the switch for the login password.

A new one is shown once, in the answer to the form that made it. Whatever gives access asks for the password again, and for
the second factor where there is one: no mail program will ever be asked for it. Whatever takes access away does not.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, data_words, headers, reauth, second_step
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import queries as mail
from stadtmail.mail.actions import sealed
from stadtmail.people import queries as people
from stadtmail.people import second_factor
from stadtmail.people.actions import app_passwords, credentials
from stadtmail.usage import connections

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FIELDS = ("label", *people.SCOPES, "password", *second_step.FIELDS)
USUAL = ("imap", "submission")


@dataclass(frozen=True)
class Row:
    """One app password as the page shows it."""

    id: UUID
    label: str
    scopes: tuple[str, ...]
    made_on: date
    in_use: bool


@dataclass(frozen=True)
class Scope:
    """One thing that an app password may be for."""

    code: str
    label: str
    chosen: bool


@access.resident
def mail_programs(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/datenschutz/meine-daten/mailprogramme: the list and the form. POST: make one and show it."""
    if request.method != "POST":
        return _page(request, contract, {"label": "", **dict.fromkeys(USUAL, "1")}, [])
    refuse_surplus(request.POST, FIELDS)
    given = texts(request.POST, FIELDS)
    wanted = [name for name in people.SCOPES if given[name]]
    unclear = _unclear(given["label"], wanted)
    if unclear:
        return _page(request, contract, given, unclear, status=400)
    owner = second_factor.of_contract(request.city, contract)
    problems = reauth.problems(request, contract, given["password"]) or second_step.problems(request, owner, given)
    if problems:
        return _page(request, contract, given, problems, status=403)
    try:
        made = sealed.make_app_password(
            contract, tenant=request.city, label=given["label"], scopes=wanted, halves=access.halves(request), now=request.now
        )
    except mail.Locked:
        text = _("Ihr Postfach ist versiegelt und in dieser Sitzung nicht offen. Öffnen Sie es zuerst, auf der Seite „Versiegelung“.")
        return _page(request, contract, given, [Problem("imap", text)], status=409)
    except app_passwords.TooManyAppPasswords:
        text = _("Sie haben schon %(count)s App-Passwörter. Bitte widerrufen Sie zuerst eines.") % {"count": app_passwords.MOST}
        return _page(request, contract, given, [Problem("label", text)], status=400)
    context = {
        "made": made, "label": given["label"], "holder": people.holder(request.city, contract), "section": "data",
        "scopes": [scope_words()[name] for name in wanted],
    }  # fmt: skip
    response = render(request, "web/app_password.html", context)
    headers.keep_private(response)
    return response


@access.resident
def revoke(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """POST …/mailprogramme/widerrufen: the app password is gone, and so are the connections that began with it."""
    if request.method != "POST":
        return back()
    refuse_surplus(request.POST, ("id",))
    try:
        wanted = UUID(request.POST.get("id", ""))
    except ValueError:
        return back()
    done = app_passwords.revoke(contract, wanted, tenant=request.city, now=request.now)
    connections.end_credential(request.city.id, wanted)
    return back("app-widerrufen" if done else "")


@access.resident
def mail_login(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """…/mailprogramme/loginpasswort: may mail programs use the login password? POST on: with the password; off: at once."""
    problems: list[Problem] = []
    if request.method == "POST":
        refuse_surplus(request.POST, ("password", "step"))
        password = request.POST.get("password", "")
        if request.POST.get("step") == "off":
            credential = credentials.set_mail_login(contract, tenant=request.city, on=False)
            if credential is not None:
                connections.end_credential(request.city.id, credential)
            return back("mail-login-aus")
        problems = _open_only(request, contract) or _barred(request, contract) or reauth.problems(request, contract, password)
        if not problems:
            sealed.open_mail_login(contract, tenant=request.city, password=password)
            return back("mail-login-an")
    context = {
        "on": _is_on(request, contract),
        "barred": bool(_barred(request, contract)),
        "password": reauth.field(errors_of(problems).get("password", "")),
        "problems": problems,
        "section": "data",
    }
    return render(request, "web/mail_login.html", context, status=403 if problems else 200)


def _open_only(request: PortalRequest, contract: "Contract") -> list[Problem]:
    if not mail.is_sealed(mail.mailbox_of(request.city, contract.id)):
        return []
    return [Problem("password", _("Ein versiegeltes Postfach öffnet sich in Mailprogrammen nur mit App-Passwörtern."))]


def back(done: str = "") -> HttpResponse:
    """Back to the list, saying what was done in one closed word."""
    return HttpResponseRedirect(reverse("mail_programs") + (f"?fertig={done}" if done else ""))


def scope_words() -> dict[str, str]:
    """What an app password may be for, in words."""
    return {name: data_words.codewords("scopes")[name] for name in people.SCOPES}


def _unclear(label: str, wanted: list[str]) -> list[Problem]:
    """What is wrong with the form; looked at first, so that it costs no try of the password."""
    try:
        app_passwords.check(label, wanted)
    except app_passwords.BadLabel:
        return [Problem("label", _("Bitte geben Sie einen Namen mit höchstens 60 Zeichen an."))]
    except app_passwords.NoScope:
        return [Problem("imap", _("Bitte wählen Sie mindestens eines aus."))]
    return []


def _page(
    request: PortalRequest, contract: "Contract", given: dict[str, str], problems: list[Problem], *, status: int = 200
) -> HttpResponse:
    words, wrong, owner = scope_words(), errors_of(problems), second_factor.of_contract(request.city, contract)
    rows = [
        Row(row.id, row.label, tuple(words[name] for name in row.scopes), row.made_on, bool(_in_use(request, row.id)))
        for row in people.app_passwords(request.city, contract)
    ]
    hint = _("Zum Beispiel „Telefon“ oder „Thunderbird zu Hause“. Nur Sie sehen diesen Namen.")
    context = {
        "rows": rows,
        "label": Field("label", _("Für welches Programm?"), hint=hint, value=given["label"], maxlength=60, error=wrong.get("label", "")),
        "scopes": [Scope(name, words[name], bool(given.get(name))) for name in people.SCOPES],
        "scope_error": wrong.get("imap", ""),
        "password": reauth.field(wrong.get("password", "")),
        "second": second_step.inputs(request, owner, problems) if second_factor.is_on(owner) else None,
        "on": _is_on(request, contract),
        "is_sealed": mail.is_sealed(mail.mailbox_of(request.city, contract.id)),
        "done": data_words.done(request.GET.get("fertig", "")),
        "problems": problems,
        "section": "data",
    }
    return render(request, "web/mail_programs.html", context, status=status)


def _in_use(request: PortalRequest, credential: UUID) -> int:
    return connections.of_credential(request.city.id, credential, request.now)


def _barred(request: PortalRequest, contract: "Contract") -> list[Problem]:
    """Beside a second factor the login password opens no mail program: none of them could be asked for the second one."""
    if not second_factor.is_on(second_factor.of_contract(request.city, contract)):
        return []
    return [Problem("", _("Sie benutzen einen zweiten Faktor. Mailprogramme brauchen dann App-Passwörter."))]


def _is_on(request: PortalRequest, contract: "Contract") -> bool:
    credential = people.credential(request.city, contract)
    return credential is not None and credential.mail_login
