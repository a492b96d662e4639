"""One message: its headers, its text or its HTML in a frame that reaches nobody, its attachments as downloads (C-4.7).

Nothing that the sender wrote runs here or loads anything; pictures from the internet only their reader asks for (remote.py). Opening a
message marks it as read; nothing else about that is kept.
"""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.html import escape
from django.utils.translation import gettext as _

from stadtmail.doors.web import (
    access,
    attachments,
    done,
    headers,
    invitations,
    labels,
    mailbox,
    mailhtml,
    receipts,
    remote,
    senders,
    unsubscribing,
    viewing,
)
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.request import PortalRequest
from stadtmail.doors.web.templatetags import portal
from stadtmail.kit import errors
from stadtmail.mail import listing, queries
from stadtmail.mail.actions import messages
from stadtmail.mail.folders import FLAGGED, SEEN

DOUBTFUL = timedelta(hours=1)  # a sender's date that differs by more from the arrival is shown beside it


class NoHtml(errors.NotFound):
    """The message has no HTML part."""


@access.reader
def message(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponse:
    """GET /postfach/<folder>/<uid>: the message; ?als=text shows its plain text where it has both."""
    view = queries.message(box.opened, folder, mailbox.number(uid))
    if request.method == "GET" and not view.bits & SEEN:
        messages.mark_seen(box.opened, folder, uid, now=request.now)
    as_html = view.html is not None and (view.text is None or request.GET.get("als") != "text")
    shown = mailbox.folders(box)
    current = mailbox.chosen(shown, folder)
    newer, older = listing.beside(current.id, uid)
    safe = mailhtml.safe(view.html, view.pictures) if view.html and as_html else mailhtml.Safe("", 0)
    pictures = remote.notice(request, box, view, current) if safe.remote else None
    context = {
        **mailbox.side(box, shown, current), **_judged(request, box, view, (current, uid)), **_marks(box, view, shown, current),
        "uid": uid, "has_keys": mailbox.has_keys(request), "newer": newer, "older": older, "done": done.shown(request, box, shown),
        "subject": view.subject or _("(kein Betreff)"),
        "people": people_of(view),
        "at": view.received_at,
        "claimed": claimed(view),
        "files": attachments.files(view),
        "as_html": as_html,
        "has_both": view.html is not None and view.text is not None,
        "blocked": safe.blocked,
        "pictures": pictures,
        "is_cut": safe.is_cut,
        "is_empty": as_html and not mailhtml.is_visible(safe.html) and (pictures is None or pictures.state != remote.ASKED),
        "text": "" if as_html else mailhtml.plain(view.text or ""),
    }  # fmt: skip
    return render(request, "web/message.html", context)


@access.reader
def frame(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponseBase:
    """GET …/html: the document of the frame. Its policy allows no host at all and no script; 404 without HTML."""
    view = queries.message(box.opened, folder, mailbox.number(uid))
    if view.html is None:
        raise NoHtml
    return _document(request, box, view, folder, mailhtml.around(lang=request.language))


@access.reader
def printed(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponseBase:
    """GET …/druck: the whole message on white paper, under the policy of the frame, for the browser's own printing."""
    view = queries.message(box.opened, folder, mailbox.number(uid))
    files = ", ".join(f"{one.name} ({portal.size(one.size_bytes)})" for one in attachments.files(view))
    at = portal.moment({"policy": request.policy, "zone": viewing.zone(request)}, view.received_at)  # type: ignore[arg-type]
    facts = [*((line["label"], _written(line["people"])) for line in people_of(view)), (_("Eingang"), at), (_("Anhänge"), files)]
    subject = view.subject or _("(kein Betreff)")
    rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>" for label, text in facts if text)
    head = f'<header><h1>{escape(subject)}</h1><table class="facts">{rows}</table><hr></header>'
    begin, end = mailhtml.around(lang=request.language, title=subject)
    return _document(request, box, view, folder, (begin + head, end))


def _document(request: PortalRequest, box: Box, view: Any, folder: int, around: tuple[str, str]) -> HttpResponseBase:
    """The message between what stands around it; with its pictures from the internet where its reader has asked for them."""
    begin, end = around
    safe = mailhtml.safe(view.html, view.pictures) if view.html else None
    response: HttpResponseBase
    if safe is None:
        response = HttpResponse(f"{begin}<pre>{escape(view.text or '')}</pre>{end}")
    elif safe.remote and remote.are_shown(request, box, view, folder) and request.method == "GET":
        response = remote.streamed(request, box, safe, around)
    else:
        response = HttpResponse(f"{begin}{safe.html}{end}")
    return of_a_stranger(response)


def of_a_stranger(response: HttpResponseBase) -> HttpResponseBase:
    """The answer with the policy of the frame: what a sender wrote may load nothing and run nothing."""
    response.headers["Content-Security-Policy"] = mailhtml.FRAME_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    headers.keep_private(response)
    return response


def _judged(request: PortalRequest, box: Box, view: Any, at: tuple[mailbox.Folder, int]) -> dict[str, Any]:
    """Who it is from, and what it wants: of what the reader wrote themselves nothing is asked."""
    folder, uid = at
    if folder.shows_receivers:
        return {}
    return {
        "proof": senders.proof(view), "cautions": senders.cautions(request, box, view), "unsubscribe": unsubscribing.ways(view),
        "invitation": invitations.of(request, box, (folder.number, uid), view), "receipt": receipts.asked(request, box, folder, view),
        "told": receipts.told(box, folder.number, uid, view),
    }  # fmt: skip


def _marks(box: Box, view: Any, shown: list[mailbox.Folder], current: mailbox.Folder) -> dict[str, Any]:
    """What the form of the message offers, and the labels that it has."""
    known = labels.of(box)
    return {
        "labels": list(known.values()), "own_labels": [one for bit, one in known.items() if view.bits >> bit & 1],
        "is_starred": bool(view.bits & FLAGGED), "is_message": True, "targets": [one for one in shown if one.number != current.number],
    }  # fmt: skip


def claimed(view: Any) -> datetime | None:
    """The date that the sender gives, where it differs from the arrival."""
    return view.date if view.date and abs(view.date - view.received_at) > DOUBTFUL else None


def people_of(view: Any) -> list[dict[str, Any]]:
    """Who wrote to whom. The address is always shown: a name alone could claim to be anybody."""
    named = ((_("Von"), view.sender), (_("An"), view.to), (_("Kopie"), view.cc))
    return [
        {"label": label, "people": [{"name": name if name != address else "", "address": address} for name, address in found]}
        for label, found in named
        if found
    ]


def _written(people: list[dict[str, str]]) -> str:
    return ", ".join(f"{one['name']} <{one['address']}>" if one["name"] else one["address"] for one in people)
