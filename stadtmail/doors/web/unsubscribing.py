"""Leaving a mailing list by what its header names (List-Unsubscribe): a letter that the person sees before it goes, or a link that they
open themselves. The portal connects to nobody for it.
"""

from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, done, mailbox
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import Problem, refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import queries
from stadtmail.mail.actions import sending
from stadtmail.people import queries as people
from stadtmail.wire import mime, mimewords, unsubscribe
from stadtmail.wire.unsubscribe import Ways

BY_LETTER = "unsubscribed"


class NoList(errors.NotFound):
    """The message names no letter by which one could leave a list."""


@dataclass(frozen=True)
class Letter:
    """What would be sent: from whom, to whom, and what it says."""

    sender: str
    ways: Ways


def ways(view: Any) -> Ways | None:
    """How to leave the list that a message came from; None where it names no way."""
    found = unsubscribe.read(mimewords.text(mime.parse(view.head).first(b"list-unsubscribe")))
    return found if found.address or found.link else None


@access.reader
def page(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponse:
    """…/abbestellen: GET shows the letter, POST sends it. 404 without a letter, and for a role's mailbox."""
    found = ways(queries.message(box.opened, folder, mailbox.number(uid)))
    if found is None or not found.address or box.mailbox.contract_id is None:
        raise NoList
    contract = people.contract(request.city, UUID(str(box.mailbox.contract_id)))
    letter = Letter(people.holder(request.city, contract).address, found)
    if request.method != "POST":
        return _page(request, box, folder, uid, letter)
    refuse_surplus(request.POST, ())
    try:
        sending.send(
            request.city, contract=contract.id, sender=letter.sender, recipients=[found.address], raw=_raw(letter), now=request.now
        )
    except (sending.BadRecipient, sending.TooOften) as error:
        return _page(request, box, folder, uid, letter, problem=_why(error))
    said = done.sealed(request, box, BY_LETTER, count=1)
    return HttpResponseRedirect(f"{reverse('message', args=[folder, uid])}?{done.STATE}={said}")


def _raw(letter: Letter) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = letter.sender, letter.ways.address
    message["Subject"] = letter.ways.subject or "unsubscribe"
    message.set_content(letter.ways.body or "unsubscribe")
    return message.as_bytes()


def _why(error: errors.StadtmailError) -> str:
    if isinstance(error, sending.TooOften):
        return _("Sie haben in kurzer Zeit sehr viel gesendet. Bitte versuchen Sie es später noch einmal.")
    return _("An diese Adresse kann nichts gesendet werden.")


def _page(request: PortalRequest, box: Box, folder: int, uid: int, letter: Letter, *, problem: str = "") -> HttpResponse:
    shown = mailbox.folders(box)
    context = {
        **mailbox.side(box, shown, mailbox.chosen(shown, folder)), "uid": uid, "letter": letter,
        "problems": [Problem("", problem)] if problem else [],
    }  # fmt: skip
    return render(request, "web/unsubscribe.html", context, status=400 if problem else 200)
