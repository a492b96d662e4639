"""What is stored about me: per category what, what for, on which basis, until when, held by what, seen by whom (C-2.8, C-6.1).

And what a resident can do about it at once: withdraw, correct, download, change the password, end all sessions. Everything that
leaves the house or cannot be undone asks for the password again.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, cookies, data_words, downloads, headers, login, order_words, reauth, throttle
from stadtmail.doors.web.fields import Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import queries as mail
from stadtmail.mail.actions import sealed
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts, corrections, credentials, restriction
from stadtmail.rights import archive, receipts
from stadtmail.rights import overview as rights
from stadtmail.usage import connections, sessions

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

PASSWORDS = ("password", "password_new", "password_again")


@dataclass(frozen=True)
class Live:
    """A session of this moment, as its owner sees it."""

    way: str
    began_at: datetime
    seen_at: datetime | None  # None: a connection of a mail program, which is used as long as it lasts
    is_this: bool
    mark: str


@access.resident
def overview(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """GET /datenschutz/meine-daten: everything on one page."""
    with mail.bringing(access.halves(request)):
        shown = rights.overview(request.city, contract.id, lang=request.language, now=request.now)
    restricted = restriction.standing(contract, tenant=request.city, now=request.now)
    stays, goes = data_words.restrictable(request.policy, lang=request.language)
    context = {
        "holder": people.holder(request.city, contract),
        "contract": contract,
        "sections": [data_words.section(part, policy=request.policy, lang=request.language) for part in shown.sections],
        "accesses": [data_words.access(seen, policy=request.policy, lang=request.language) for seen in shown.accesses],
        "live": _live(request, contract),
        "is_locked": is_locked(request, contract),
        "letters": [row for row in people.resets(request.city, contract) if row.ends_at > request.now],
        "restricted": restricted,
        "correctable": restriction.leaves(restricted, "correction"),
        "reasons": data_words.restriction_reasons(request.policy),
        "stays": stays,
        "goes": goes,
        "done": data_words.done(request.GET.get("fertig", "")),
        "section": "data",
    }
    return render(request, "web/my_data.html", context)


@access.resident
def download(request: PortalRequest, contract: "Contract") -> HttpResponseBase:
    """/datenschutz/meine-daten/herunterladen: everything as one signed ZIP, streamed and never written to a disk here."""
    problems: list[Problem] = []
    if request.method == "POST":
        refuse_surplus(request.POST, ("password", "mbox"))
        problems = reauth.problems(request, contract, request.POST.get("password", ""))
        if not problems:
            made = archive.archive(request.city, contract.id, now=request.now, with_mbox="mbox" in request.POST)
            chunks = mail.brought(access.halves(request), made)
            return downloads.streamed(request, chunks, f"meine-daten-{request.now:%Y-%m-%d}.zip", kind="application/zip")
    context = {
        "password": reauth.field(errors_of(problems).get("password", "")), "problems": problems, "section": "data",
        "is_locked": is_locked(request, contract),
    }  # fmt: skip
    return render(request, "web/my_data_download.html", context, status=403 if problems else 200)


@access.resident
def receipt(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """GET /datenschutz/meine-daten/quittung: what the verifier needs later, when nothing of all this exists any more."""
    return receipt_of(request, contract)


@access.resident
def withdraw(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """POST /datenschutz/meine-daten/freiwillig: one voluntary detail is erased at once (C-2.6, C-6.2e), with one click."""
    if request.method == "POST":
        refuse_surplus(request.POST, ("field",))
        contracts.withdraw(contract, request.POST.get("field", ""), tenant=request.city, now=request.now)
        return back("widerrufen")
    return back()


@access.resident
def correct(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/datenschutz/meine-daten/berichtigen: name and address, with the password (C-6.2b, § 172(4) TKG)."""
    problems: list[Problem] = []
    if request.method == "POST":
        refuse_surplus(request.POST, (*data_words.CORRECTABLE, "password"))
        given = texts(request.POST, data_words.CORRECTABLE)
        problems = reauth.problems(request, contract, request.POST.get("password", "")) or _corrected(request, contract, given)
        if not problems:
            return back("berichtigt")
    else:
        identity = [unit for unit in people.units_of(request.city, contract) if unit.category == "BD-ID"]
        given = data_words.correctable(record for _, record in rights.records(identity))
    wrong = errors_of(problems)
    named = order_words.fields(request.policy, given, wrong)
    context = {
        "fields": {name: named[name] for name in data_words.CORRECTABLE},
        "password": reauth.field(wrong.get("password", "")),
        "problems": problems,
        "section": "data",
    }
    return render(request, "web/my_data_correct.html", context, status=400 if problems else 200)


@access.resident
def password(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/datenschutz/meine-daten/passwort: a new password ends every session of the person; this browser gets a new one."""
    problems: list[Problem] = []
    if request.method == "POST":
        refuse_surplus(request.POST, PASSWORDS)
        given = texts(request.POST, PASSWORDS)
        problems, brought = _changed(request, contract, given)
        if not problems:
            sessions.end_person(request.city.id, contract.person_id)
            to = f"{request.path_info.rpartition('/')[0]}?fertig=passwort"
            return login.begin(request, "person", contract.person_id, {"contract": str(contract.id), **brought}, to=to)
    wrong = errors_of(problems)
    new, again = reauth.new_password(wrong)
    context = {
        "password": reauth.field(wrong.get("password", "")),
        "new": new,
        "again": again,
        "problems": problems,
        "section": "data",
    }
    return render(request, "web/password.html", context, status=400 if problems else 200)


@access.resident
def end_sessions(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """POST /datenschutz/meine-daten/sitzungen: log out everywhere, here too."""
    if request.method != "POST":
        return back()
    sessions.end_person(request.city.id, contract.person_id)
    was_cookie = access.leave(request)
    response = HttpResponseRedirect(reverse("goodbye"))
    if was_cookie:
        cookies.take_back(request, response)
    return response


@access.resident
def end_session(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """POST …/sitzungen/beenden: end one session, or one connection of a mail program, of this moment."""
    if request.method != "POST":
        return back()
    refuse_surplus(request.POST, ("mark",))
    done = sessions.end_one(request.city.id, contract.person_id, request.POST.get("mark", ""), request.now)
    return back("sitzung-beendet" if done else "")


def receipt_of(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """The receipt of a contract as a download. It names nobody: random ids and the openings of their commitments."""
    made = receipts.receipt(request.city, contract.id, now=request.now)
    response = HttpResponse(json.dumps(made, indent=1))
    headers.download(response, f"quittung-{request.now:%Y-%m-%d}.json", kind="application/json")
    headers.keep_private(response)
    return response


def back(done: str = "") -> HttpResponse:
    """Back to the overview, saying what was done in one closed word."""
    return HttpResponseRedirect(reverse("my_data") + (f"?fertig={done}" if done else ""))


def is_locked(request: PortalRequest, contract: "Contract") -> bool:
    """Is the mailbox sealed, and has this session nothing that opens it?"""
    try:
        mail.opened(mail.mailbox_of(request.city, contract.id), holder=contract.id, halves=access.halves(request))
    except mail.Locked:
        return True
    return False


def _corrected(request: PortalRequest, contract: "Contract", given: dict[str, str]) -> list[Problem]:
    try:
        corrections.correct(contract, tenant=request.city, changes=given, now=request.now)
    except corrections.BadCorrection as bad:
        return order_words.of(bad.problems, request.policy)
    return []


def _changed(request: PortalRequest, contract: "Contract", given: dict[str, str]) -> tuple[list[Problem], dict[str, str]]:
    """What is wrong with the form, and what opens a sealed mailbox in the next session."""
    if given["password_new"] != given["password_again"]:
        return [Problem("password_again", _("Die beiden Passwörter sind verschieden."))], {}
    try:
        with throttle.failures(request, "reauth", str(contract.id)):
            return [], sealed.set_password(
                contract, tenant=request.city, old=given["password"], new=given["password_new"], now=request.now
            )
    except credentials.WrongCredentials:
        return [Problem("password", _("Das Passwort stimmt nicht. Es ist nichts geschehen."))], {}
    except credentials.BadPassword as weak:
        return [Problem("password_new", text) for text in order_words.of_password(weak.codes)], {}


def _live(request: PortalRequest, contract: "Contract") -> list[Live]:
    ways = {
        "cookie": _("Portal, Browser mit Cookie"), "url": _("Portal, Browser ohne Cookie"), "imap": _("Mailprogramm, liest (IMAP)"),
        "submission": _("Mailprogramm, sendet (SMTP)"), "sieve": _("Mailprogramm, bearbeitet Filter (ManageSieve)"),
    }  # fmt: skip
    this = request.visit.session if request.visit else None
    found = sessions.live_of(request.city.id, contract.person_id, request.now)
    lines = [Live(ways[one.kind], one.began_at, one.seen_at, _is_same(one, this), one.mark) for one in found]
    held = connections.live_of(request.city.id, contract.person_id, request.now)
    lines += [Live(ways[one.service], one.began_at, None, is_this=False, mark=one.mark) for one in held]
    return sorted(lines, key=lambda line: (line.is_this, line.seen_at or line.began_at), reverse=True)


def _is_same(one: Any, this: Any) -> bool:
    return this is not None and (one.kind, one.began_at) == (this.kind, this.began_at)
