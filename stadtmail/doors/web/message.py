"""One message: its headers, its text or its HTML in a frame that reaches nobody, its attachments as downloads (C-4.7).

Nothing that the sender wrote runs here or loads anything. Opening a message marks it as read; nothing else about that is kept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, downloads, headers, mailbox, mailhtml
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import queries
from stadtmail.mail.actions import messages


@dataclass(frozen=True)
class File:
    """An attachment as the page shows it."""

    id: str
    name: str
    kind: str
    size_bytes: int


DOUBTFUL = timedelta(hours=1)  # a sender's date that differs by more from the arrival is shown beside it


class NoHtml(errors.NotFound):
    """The message has no HTML part."""


@access.reader
def message(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponse:
    """GET /postfach/<folder>/<uid>: the message; ?als=text shows its plain text where it has both."""
    view = queries.message(box.opened, folder, mailbox.number(uid))
    if request.method == "GET":
        messages.mark_seen(box.opened, folder, uid, now=request.now)
    as_html = view.html is not None and (view.text is None or request.GET.get("als") != "text")
    shown = mailbox.folders(box)
    safe = mailhtml.safe(view.html, view.pictures) if view.html and as_html else mailhtml.Safe("", 0)
    context = {
        **mailbox.side(box, shown, mailbox.chosen(shown, folder)),
        "uid": uid,
        "subject": view.subject or _("(kein Betreff)"),
        "people": _people(view),
        "at": view.received_at,
        "claimed": _claimed(view),
        "files": [File(part.id, part.filename or _("anhang"), shown_type(part.type), part.size_bytes) for part in view.parts],
        "as_html": as_html,
        "has_both": view.html is not None and view.text is not None,
        "blocked": safe.blocked,
        "is_cut": safe.is_cut,
        "is_empty": as_html and not mailhtml.is_visible(safe.html),
        "text": "" if as_html else mailhtml.plain(view.text or ""),
    }
    return render(request, "web/message.html", context)


@access.reader
def frame(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponse:
    """GET …/html: the document of the frame. Its policy allows no host at all and no script; 404 without HTML."""
    view = queries.message(box.opened, folder, mailbox.number(uid))
    if view.html is None:
        raise NoHtml
    safe = mailhtml.safe(view.html, view.pictures)
    response = HttpResponse(mailhtml.document(safe.html, lang=request.language))
    response.headers["Content-Security-Policy"] = mailhtml.FRAME_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    headers.keep_private(response)
    return response


@access.reader
def attachment(request: PortalRequest, box: Box, folder: int, uid: int, part: str) -> HttpResponseBase:
    """GET …/teil/<part>: one attachment, always as a download."""
    filename, kind, chunks = queries.part(box.opened, folder, mailbox.number(uid), part)
    return downloads.streamed(request, chunks, filename or _("anhang"), kind=kind)


@access.reader
def source(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponseBase:
    """GET …/quelltext: the message as it came, byte for byte, as a download."""
    chunks = queries.raw(box.opened, folder, mailbox.number(uid))
    return downloads.streamed(request, chunks, f"nachricht-{folder}-{uid}.eml", kind="message/rfc822")


def shown_type(kind: str) -> str:
    """A media type in a word that people know."""
    if kind == "application/pdf":
        return _("PDF-Dokument")
    names = {"image": _("Bild"), "audio": _("Ton"), "video": _("Film"), "text": _("Text"), "message": _("Nachricht")}
    return names.get(kind.partition("/")[0]) or _("Datei")


def _claimed(view: Any) -> datetime | None:
    """The date that the sender gives, where it differs from the arrival."""
    return view.date if view.date and abs(view.date - view.received_at) > DOUBTFUL else None


def _people(view: Any) -> list[dict[str, Any]]:
    """Who wrote to whom. The address is always shown: a name alone could claim to be anybody."""
    named = ((_("Von"), view.sender), (_("An"), view.to), (_("Kopie"), view.cc))
    return [
        {"label": label, "people": [{"name": name if name != address else "", "address": address} for name, address in found]}
        for label, found in named
        if found
    ]
