"""Shared folders: what a resident shares with others of their city, and what others share with them. Nothing appears unasked.

What is new waits on this page alone until its reader wants to see it; they can put it away again, or give it back for good.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, mailbox, settings
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import given, queries, shares
from stadtmail.mail.actions import sharing

STEPS = {
    "give": ("step", "folder", "address", "may"), "back": ("step", "share"), "show": ("step", "share"), "hide": ("step", "share"),
    "leave": ("step", "share"),
}  # fmt: skip
LEVELS = {"lesen": shares.READ, "bearbeiten": shares.EDIT, "verwalten": shares.MANAGE}


@dataclass(frozen=True)
class Row:
    """A share as its holder's page shows it."""

    id: UUID
    folder: str
    address: str
    may: str


@dataclass(frozen=True)
class Theirs:
    """A folder of somebody else, as the pages of who reads in it show it."""

    id: UUID
    name: str
    address: str
    may: str
    taken: bool
    readable: bool


@dataclass(frozen=True)
class Level:
    """What can be allowed, in words."""

    value: str
    label: str
    hint: str
    chosen: bool


@access.writer
def page(request: PortalRequest, box: Box) -> HttpResponse:
    """/postfach/freigaben: POST one step with one share."""
    if request.method != "POST":
        return _page(request, box, {})
    step = request.POST.get("step", "")
    if step not in STEPS:
        raise TooManyFieldsSent
    refuse_surplus(request.POST, STEPS[step])
    fields = texts(request.POST, STEPS[step])
    if step == "give":
        return _give(request, box, fields)
    share = _id(fields["share"])
    if step == "back":
        sharing.withdraw_one(box.opened, share, now=request.now)
        return settings.back("shares", "zurueckgenommen")
    if step == "leave":
        sharing.leave(box.opened, share, now=request.now)
        return settings.back("shares", "verlassen")
    sharing.take(box.opened, share, on=step == "show", now=request.now)
    return HttpResponseRedirect(reverse("shared_folder", args=[share])) if step == "show" else settings.back("shares", "ausgeblendet")


def of_others(box: Box) -> list[Theirs]:
    """What others share with whoever is here."""
    return [_theirs(one) for one in given.given(box.opened)]


def named(name: str) -> str:
    """A folder's name as its holder has it; of the inbox in the reader's language."""
    return _("Posteingang") if name == "INBOX" else name


def _theirs(one: given.Given) -> Theirs:
    return Theirs(one.id, named(one.name), one.address, _may(one.rights), one.taken, "r" in one.rights)


def _give(request: PortalRequest, box: Box, fields: dict[str, str]) -> HttpResponse:
    folder = next((one for one in mailbox.folders(box) if str(one.number) == fields["folder"]), None)
    if fields["may"] not in LEVELS:
        raise TooManyFieldsSent
    if folder is None:
        return _page(request, box, fields, [Problem("folder", _("Bitte wählen Sie einen Ordner."))], status=400)
    if not fields["address"]:
        return _page(request, box, fields, [Problem("address", _("Bitte geben Sie eine Adresse ein."))], status=400)
    try:
        sharing.share(box.opened, folder.id, fields["address"], lambda _old: LEVELS[fields["may"]], now=request.now)
    except errors.StadtmailError as error:
        return _page(request, box, fields, [Problem("address", _why(error, request))], status=400)
    return settings.back("shares", "freigegeben")


def _why(error: errors.StadtmailError, request: PortalRequest) -> str:
    if isinstance(error, sharing.CannotShare):
        said = _("Mit dieser Adresse können Sie nichts teilen. Es geht nur mit der Hauptadresse eines anderen Postfachs von %(domain)s.")
        return said % {"domain": request.city.domain}
    if isinstance(error, sharing.SealedHere):
        return _("Ein versiegeltes Postfach kann nichts freigeben.")
    if isinstance(error, sharing.TooManyNames):
        return _("Das waren zu viele Adressen, mit denen nichts geteilt werden kann. Bitte versuchen Sie es morgen wieder.")
    if isinstance(error, sharing.TooManyShares):
        return _("Mehr Freigaben sind nicht möglich. Nehmen Sie bitte zuerst eine zurück.")
    return _("Das geht gerade nicht. Bitte laden Sie die Seite neu.")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise errors.NotFound from None


def _may(rights: str) -> str:
    """What these rights allow, in words; mail programs can give other ones than the page."""
    words = {shares.READ: _("lesen"), shares.EDIT: _("bearbeiten"), shares.MANAGE: _("verwalten")}
    return words.get(shares.ordered(rights)) or _("einzelne Rechte: %(rights)s") % {"rights": rights}


def _levels(chosen: str) -> list[Level]:
    words = {
        "lesen": (_("Lesen"), _("Was ungelesen ist, bleibt für Sie ungelesen.")),
        "bearbeiten": (_("Bearbeiten"), _("Lesen, als gelesen markieren, kennzeichnen und Nachrichten in den Ordner legen.")),
        "verwalten": (_("Verwalten"), _("Bearbeiten, und dazu Nachrichten herausnehmen und endgültig löschen.")),
    }
    return [Level(value, label, hint, value == chosen) for value, (label, hint) in words.items()]


def _done(word: str) -> str:
    return {
        "freigegeben": _("Der Ordner ist freigegeben."),
        "zurueckgenommen": _("Die Freigabe ist zurückgenommen. Sie gilt ab sofort nicht mehr."),
        "verlassen": _("Der Ordner ist nicht mehr mit Ihnen geteilt."),
        "ausgeblendet": _("Der Ordner steht nicht mehr bei Ihren Ordnern."),
    }.get(word, "")


def _page(
    request: PortalRequest, box: Box, fields: dict[str, str], problems: list[Problem] | None = None, *, status: int = 200
) -> HttpResponse:  # fmt: skip
    shown = mailbox.folders(box)
    names = {one.id: one.name for one in shown}
    wrong = errors_of(problems or [])
    picked = fields.get("folder") or request.GET.get("ordner", "")
    hint = _("Nur die Hauptadresse eines Postfachs von %(domain)s.") % {"domain": request.city.domain}
    context: dict[str, Any] = {
        **mailbox.side(box, shown, None), "problems": problems or [], "done": _done(request.GET.get("fertig", "")),
        "rows": [Row(one.id, names.get(one.folder, ""), one.address, _may(one.rights)) for one in given.lent(box.opened)],
        "theirs_all": of_others(box), "is_sealed": queries.is_sealed(box.mailbox), "levels": _levels(fields.get("may", "lesen")),
        "choices": [settings.Choice(str(one.number), one.name, str(one.number) == picked) for one in shown],
        "folder_error": wrong.get("folder", ""),
        "address": Field("address", _("Mit wem?"), hint=hint, type="email", autocomplete="off", value=fields.get("address", ""),
                         error=wrong.get("address", ""), maxlength=254),
    }  # fmt: skip
    return render(request, "web/shares.html", context, status=status)
