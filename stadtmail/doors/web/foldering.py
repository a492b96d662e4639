"""The page of the folders: make, rename, delete. Standard folders stay; what a deleted folder had goes to Trash."""

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, done, mailbox
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus
from stadtmail.doors.web.mailbox import Folder
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail.actions import foldering, handling

MOST = foldering.MOST_NAME


@access.reader
def folders(request: PortalRequest, box: Box) -> HttpResponse:
    """/postfach/ordner: all folders with their counts; POST makes one."""
    if request.method != "POST":
        return _list(request, box)
    refuse_surplus(request.POST, ("name",))
    name = request.POST.get("name", "").strip()
    try:
        foldering.create(box.opened, _free(box, name), now=request.now)
    except errors.StadtmailError as error:
        return _list(request, box, name=name, problem=_why(error))
    return HttpResponseRedirect(reverse("folders"))


@access.reader
def edit(request: PortalRequest, box: Box, folder: int) -> HttpResponse:
    """/postfach/ordner/<folder>: another name, or delete. 404 for a standard folder, and for one of somebody else."""
    shown = mailbox.folders(box)
    current = mailbox.chosen(shown, folder)
    if current.role:
        raise mailbox.NoSuchFolder
    if request.method != "POST":
        return _edit(request, box, shown, current)
    refuse_surplus(request.POST, ("name", "tun"))
    try:
        if request.POST.get("tun") == "loeschen":
            count = handling.dissolve(box.opened, current.id, now=request.now)
            trash = mailbox.with_role(shown, "trash")
            said = done.sealed(request, box, "moved", count=count, to=[trash.number, trash.uidvalidity])
            return HttpResponseRedirect(f"{reverse('folder', args=[trash.number])}?{done.STATE}={said}")
        name = request.POST.get("name", "").strip()
        if name != current.name:
            foldering.rename(box.opened, current.name, _free(box, name), now=request.now)
    except errors.NotFound:
        raise
    except errors.StadtmailError as error:
        return _edit(request, box, shown, current, name=request.POST.get("name", "").strip(), problem=_why(error))
    return HttpResponseRedirect(reverse("folders"))


def _free(box: Box, name: str) -> str:
    """A name that is not the one of a standard folder as the page shows it, so that no two look the same. Raises FolderExists."""
    taken = {one.name.casefold() for one in mailbox.folders(box) if one.role}
    if name.casefold() in taken:
        raise foldering.FolderExists
    return name


def _why(error: errors.StadtmailError) -> str:
    if isinstance(error, foldering.FolderExists):
        return _("Einen Ordner mit diesem Namen gibt es schon.")
    if isinstance(error, foldering.HasChildren):
        return _("Dieser Ordner enthält andere Ordner. Löschen Sie bitte zuerst diese.")
    if isinstance(error, foldering.TooManyFolders):
        return _("Mehr Ordner gehen nicht. Löschen Sie bitte zuerst einen.")
    if isinstance(error, foldering.BadName):
        return _("Das kann kein Name sein. Nehmen Sie bitte Buchstaben und Ziffern; ein / legt einen Ordner in einen anderen.")
    return _("Das geht mit diesem Postfach nicht.")


def _field(name: str, problem: str, label: str) -> Field:
    hint = _("Ein / legt den Ordner in einen anderen, zum Beispiel: Verein/Protokolle")
    return Field("name", label, hint=hint, value=name, maxlength=MOST, error=problem, autocomplete="off")


def _list(request: PortalRequest, box: Box, *, name: str = "", problem: str = "") -> HttpResponse:
    problems = [Problem("name", problem)] if problem else []
    field = _field(name, errors_of(problems).get("name", ""), _("Name des neuen Ordners"))
    context = {**mailbox.side(box, mailbox.folders(box), None), "field": field, "problems": problems}
    return render(request, "web/folder_list.html", context, status=400 if problem else 200)


def _edit(
    request: PortalRequest, box: Box, shown: list[Folder], current: Folder, *, name: str = "", problem: str = ""
) -> HttpResponse:
    problems = [Problem("name", problem)] if problem else []
    field = _field(name or current.name, problem, _("Name"))
    has_children = any(one.name.startswith(f"{current.name}/") for one in shown)
    context = {**mailbox.side(box, shown, current), "field": field, "problems": problems, "has_children": has_children}
    return render(request, "web/folder_edit.html", context, status=400 if problem else 200)
