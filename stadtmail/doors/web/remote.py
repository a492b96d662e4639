"""Pictures from the internet in a message: fetched by this server, when its reader asks for them, and written into the frame's HTML.

The browser gets no address of a picture and asks nobody for one: there is nothing that could be forged into a proxy for others, and the
frame's policy stays as it is. Who may see the pictures of a message, a token says that is good for one session and this message; of a
remembered sender they are shown where our own door has confirmed that it is the sender (decisions/017).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stadtmail.doors.web import access, mailbox, mailhtml, origin, senders, throttle, tokens
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import refuse_surplus
from stadtmail.doors.web.mailhtml import Safe
from stadtmail.doors.web.places import Held, NoPlace
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import fetching, queries, trusted
from stadtmail.mail.actions import trusting
from stadtmail.tenants import queries as tenants
from stadtmail.usage import limits

SHOWN = "bilder"  # in the address of a message, its frame and its paper: pictures are shown
MOST_ASKED = 600  # pictures that one reader may have fetched within the window of all limits
MOST_WRITTEN = 2 * fetching.MOST_TOGETHER  # bytes of pictures in a document: a message may name one of them ten thousand times
ASKED, OPEN, DEMO, NEVER = "asked", "open", "demo", "never"


class NotShown(errors.NotFound):
    """The address says that pictures are to be shown, and was made for another session, message, city, or not here."""


class NotConfirmed(errors.NotAllowed):
    """Nobody has shown that the message comes from this sender: their pictures cannot be shown always."""


@dataclass(frozen=True)
class Notice:
    """What the page says about pictures from the internet. `state`: ASKED (they are shown), OPEN (one may ask), DEMO, NEVER."""

    state: str
    token: str = ""  # for the addresses of frame and paper
    sender: str = ""  # whose pictures could always be shown: confirmed, and not remembered yet
    remembered: str = ""


def notice(request: PortalRequest, box: Box, view: Any, folder: mailbox.Folder) -> Notice:
    """What the page of a message with such pictures says. A token that is too old counts for nothing here."""
    if request.policy.pictures is None or not fetching.leads():
        return Notice(NEVER if request.policy.pictures is None else DEMO)
    sender = _sender(box, view, folder)
    remembered = sender if sender and trusted.is_trusted(box.opened, sender) else ""
    own = "" if remembered else sender
    if remembered:
        return Notice(ASKED, remembered=remembered)
    given = request.GET.get(SHOWN, "")
    return Notice(ASKED, token=given, sender=own) if given and _is_ours(request, box, view, given) else Notice(OPEN, sender=own)


def are_shown(request: PortalRequest, box: Box, view: Any, folder: int) -> bool:
    """Does whoever asks for this frame want its pictures? Raises NotShown."""
    given = request.GET.get(SHOWN, "")
    if given and not _is_ours(request, box, view, given):
        raise NotShown
    return notice(request, box, view, mailbox.chosen(mailbox.folders(box), folder)).state == ASKED


@access.reader
def page(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponse:
    """POST …/bilder: show them now, or from this sender always. Raises NotConfirmed. GET leads to the message."""
    view = queries.message(box.opened, folder, mailbox.number(uid))
    there = reverse("message", args=[folder, uid])
    if request.method != "POST":
        return HttpResponseRedirect(there)
    refuse_surplus(request.POST, ("step",))
    if request.POST.get("step") != "always":
        return HttpResponseRedirect(f"{there}?{SHOWN}={_token(request, box, view)}")
    sender = _sender(box, view, mailbox.chosen(mailbox.folders(box), folder))
    if not sender:
        raise NotConfirmed
    trusting.remember(box.opened, sender)
    return HttpResponseRedirect(there)


def streamed(request: PortalRequest, box: Box, safe: Safe, around: tuple[str, str]) -> HttpResponseBase:
    """The document with its pictures, each in its place as soon as it is there; nothing of them is kept. Where too much is asked for
    at this moment, the document without them, saying so.
    """
    begin, end = around
    who, seconds = f"{request.city.id}/{box.mailbox.id}", throttle.window(request.policy)
    if not limits.allow("pictures", who, limit=MOST_ASKED, per_seconds=seconds, now=request.now, count=len(safe.remote)):
        said = _said(_("Sie haben in kurzer Zeit sehr viele Bilder geladen. Bitte warten Sie etwas."))
        return HttpResponse(f"{begin}{said}{safe.html}{end}")
    pieces = _pieces(safe, around, request.language, [host for city in tenants.cities() for host in tenants.hosts_of(city)])
    try:
        return StreamingHttpResponse(Held(pieces, origin.network(request)))
    except NoPlace:
        said = _said(_("Zurzeit werden zu viele Bilder geladen. Bitte laden Sie die Seite gleich noch einmal."))
        return HttpResponse(f"{begin}{said}{safe.html}{end}")


def _pieces(safe: Safe, around: tuple[str, str], language: str, own: list[str]) -> Iterator[bytes]:
    coming, left = fetching.every(safe.remote, own=own), MOST_WRITTEN
    found: list[fetching.Picture | None] = []
    yield around[0].encode()
    for text, number in safe.pieces:
        yield text.encode()
        while number is not None and len(found) <= number:
            found.append(next(coming))
        picture = found[number] if number is not None else None
        left -= len(picture.content) if picture is not None else 0
        if picture is not None and left >= 0:
            yield mailhtml.source(picture.kind, picture.content).encode()
    missing = sum(one is None for one in found)
    with translation.override(language):
        said = ngettext("%(count)s Bild ließ sich nicht laden.", "%(count)s Bilder ließen sich nicht laden.", missing) % {"count": missing}
    yield (_said(said) if missing else "").encode() + around[1].encode()


def _said(text: str) -> str:
    return f'<p style="font:15px/1.5 sans-serif;color:#444;border:1px solid #bbb;padding:.4rem .8rem">{escape(text)}</p>'


def _sender(box: Box, view: Any, folder: mailbox.Folder) -> str:
    """Whose pictures this reader could always have shown: where our door has confirmed the one sender, outside of Junk and Sent."""
    proof = senders.proof(view)
    if box.role or folder.shows_receivers or folder.icon == "junk" or proof is None or proof.state != senders.CONFIRMED:
        return ""
    return trusted.plain(view.sender[0][1]) if len(view.sender) == 1 else ""


def _token(request: PortalRequest, box: Box, view: Any) -> str:
    assert request.visit is not None
    return tokens.token(request.city.id, _purpose(box, view), session=request.visit.mark, now=request.now)


def _is_ours(request: PortalRequest, box: Box, view: Any, given: str) -> bool:
    assert request.visit is not None
    try:
        tokens.check(request.city.id, _purpose(box, view), given, session=request.visit.mark, now=request.now)
    except tokens.StaleForm:
        return False
    return True


def _purpose(box: Box, view: Any) -> str:
    return f"pictures {box.mailbox.id} {view.id}"
