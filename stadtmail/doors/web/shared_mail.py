"""A folder that somebody shares with the reader: its messages, one message, its attachments. Here they are read; mail programs do more.

Each page asks for the right anew, so it ends with the right. Who looked at what, and when, is kept nowhere (C-4.2).
"""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, attachments, downloads, lines, mailbox, mailhtml, message, senders, sharing
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import given, listing, queries, views
from stadtmail.mail.actions import changing
from stadtmail.mail.folders import SEEN


@access.writer
def folder(request: PortalRequest, box: Box, share: UUID) -> HttpResponse:
    """GET /postfach/geteilt/<share>: the newest messages; ?vor=<uid> older, ?nach=<uid> newer ones."""
    one = _readable(box, share)
    at = mailbox.where(request, 0)
    found = listing.page(one.opened(), one.guest.folder, before=at.before, after=at.after, count=mailbox.PAGE)
    here, rows = reverse("shared_folder", args=[share]), found.rows
    context = {
        **_side(box, one), "lines": [lines.line(request, row) for row in rows],
        "newer": f"{here}?nach={rows[0].uid}" if rows and found.has_newer else "",
        "older": f"{here}?vor={rows[-1].uid}" if rows and found.has_older else "",
    }  # fmt: skip
    return render(request, "web/shared_folder.html", context)


@access.writer
def read(request: PortalRequest, box: Box, share: UUID, uid: int) -> HttpResponse:
    """GET …/<uid>: the message; ?als=text its plain text. Marks it as read where its reader has the right to."""
    one = _readable(box, share)
    view = queries.message(one.opened(), one.state.number, mailbox.number(uid))
    if request.method == "GET" and "s" in one.rights and not view.bits & SEEN:
        changing.store_flags(one.opened("rs"), one.guest.folder, [uid], how=changing.ADD, flags=SEEN, now=request.now)
    as_html = view.html is not None and (view.text is None or request.GET.get("als") != "text")
    safe = mailhtml.safe(view.html, view.pictures) if view.html and as_html else mailhtml.Safe("", 0)
    newer, older = listing.beside(one.guest.folder, uid)
    context = {
        **_side(box, one), "uid": uid, "newer": newer, "older": older, "subject": view.subject or _("(kein Betreff)"),
        "people": message.people_of(view), "at": view.received_at, "claimed": message.claimed(view), "files": attachments.files(view),
        "as_html": as_html, "has_both": view.html is not None and view.text is not None, "blocked": safe.blocked,
        "is_cut": safe.is_cut, "is_empty": as_html and not mailhtml.is_visible(safe.html), **_judged(request, box, one, view),
        "text": "" if as_html else mailhtml.plain(view.text or ""),
    }  # fmt: skip
    return render(request, "web/shared_message.html", context)


@access.writer
def frame(request: PortalRequest, box: Box, share: UUID, uid: int) -> HttpResponseBase:
    """GET …/<uid>/html: the document of the frame, as of one's own messages."""
    one = _readable(box, share)
    view = queries.message(one.opened(), one.state.number, mailbox.number(uid))
    if view.html is None:
        raise message.NoHtml
    begin, end = mailhtml.around(lang=request.language)
    return message.of_a_stranger(HttpResponse(f"{begin}{mailhtml.safe(view.html, view.pictures).html}{end}"))


@access.writer
def part(request: PortalRequest, box: Box, share: UUID, uid: int, part: str) -> HttpResponseBase:
    """GET …/<uid>/teil/<part>: one attachment, as a download."""
    one = _readable(box, share)
    filename, kind, chunks = queries.part(one.opened(), one.state.number, mailbox.number(uid), part)
    return downloads.streamed(request, chunks, filename or _("anhang"), kind=kind)


def _judged(request: PortalRequest, box: Box, one: given.Given, view: Any) -> dict[str, Any]:
    """What should make its reader careful, as in a mailbox of their own. Who writes for the first time writes to somebody else here."""
    if one.state.role in ("sent", "drafts"):
        return {}
    return {"proof": senders.proof(view), "cautions": [found for found in senders.cautions(request, box, view) if found.kind != "info"]}


def _readable(box: Box, share: UUID) -> given.Given:
    """The folder, where the reader may read it now; else it is not there. Raises NoSuchFolder."""
    one = given.with_id(box.opened, share)
    if "r" not in one.rights:
        raise views.NoSuchFolder
    return one


def _side(box: Box, one: given.Given) -> dict[str, object]:
    shown = {"name": sharing.named(one.name), "address": one.address, "id": one.id, "seen": "s" in one.rights}
    return {**mailbox.side(box, mailbox.folders(box), None), "shared": shown}
