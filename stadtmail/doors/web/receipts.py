"""Read receipts (RFC 8098): a message asks for one, and its reader says yes or no; one that came is said in plain words.

Nothing is ever sent by itself, and there is no way to have it sent by itself.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, done, mailbox, senders, settings, settings_words
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import drafts, queries
from stadtmail.mail.actions import changing, receipts, sending
from stadtmail.mail.senders import is_own
from stadtmail.wire import mdn
from stadtmail.wire.mdn import Request

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

MOST_NAMED = 200  # addresses of a message among which one's own is looked for
NOT_IN = frozenset({"junk", "trash"})  # whose senders learn nothing from here
NOT_NAMED, FORGED = "not_named", "forged"
YES, NO, NEVER = "senden", "nicht", "nie"


@dataclass(frozen=True, repr=False)
class Asked:
    """What the page says of a request. `may`: the reader is asked; else `text` says why nobody is."""

    title: str
    text: str
    may: bool = False
    warning: str = ""


@dataclass(frozen=True)
class Told:
    """A receipt that came, in words."""

    title: str
    text: str


def asked(request: PortalRequest, box: Box, folder: mailbox.Folder, view: Any) -> Asked | None:
    """What the page of a message says of its request for a receipt; None where there is none, where it was answered, and for whoever
    never wants to be asked.
    """
    found = mdn.request(view.head)
    if found is None or found.refusal == mdn.REPORT or box.role or folder.role in NOT_IN or receipts.is_answered(box.opened, view.bits):
        return None
    if receipts.is_off(box.opened):
        return None
    proof = senders.proof(view)
    state = proof.state if proof else senders.UNCONFIRMED
    reason = _refusal(request, box, view, found, state)
    if reason:
        return Asked(_("Es wird um eine Lesebestätigung gebeten"), _refused(reason, found.to))
    text = _("%(to)s erfährt dann, dass und wann Sie die Nachricht angezeigt haben, sonst nichts. Ohne Ihr Ja erfährt niemand etwas.")
    warning = ""
    if state != senders.CONFIRMED:
        warning = _("Der Absender ist nicht bestätigt. Eine Bestätigung verrät Fremden, dass Ihre Adresse gelesen wird.")
    return Asked(_("Es wird um eine Lesebestätigung gebeten"), text % {"to": found.to}, may=True, warning=warning)


@access.writer
def receipt(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponse:
    """POST /postfach/<folder>/<uid>/lesebestaetigung: the reader's answer. 404 where nobody is asked."""
    page = reverse("message", args=[folder, uid])
    if request.method != "POST":
        return HttpResponseRedirect(page)
    refuse_surplus(request.POST, ("antwort",))
    answer = request.POST.get("antwort")
    if answer not in (YES, NO, NEVER):
        raise errors.NotFound
    view = queries.message(box.opened, folder, mailbox.number(uid))
    place = mailbox.chosen(mailbox.folders(box), folder)
    what = _answered(request, box, (place, uid), view, is_yes=answer == YES)
    if answer == NEVER:
        receipts.never_ask(box.opened, never=True)
        what = "receipt_never"
    return HttpResponseRedirect(f"{page}?{done.STATE}={done.sealed(request, box, what, count=1)}")


@access.resident
def choice(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/einstellungen/lesebestaetigung: is the reader asked, or never?"""
    o = settings.opened(request, contract)
    if request.method == "POST":
        refuse_surplus(request.POST, ("fragen",))
        wanted = request.POST.get("fragen")
        if wanted not in ("ja", "nie"):
            raise errors.NotFound
        receipts.never_ask(o, never=wanted == "nie")
        return settings.back("receipt_choice", "bestaetigung-nie" if wanted == "nie" else "bestaetigung-fragen")
    context = {"is_off": receipts.is_off(o), "done": settings_words.done(request.GET.get("fertig", "")), "section": "mail"}
    return render(request, "web/settings_receipts.html", context)


def told(box: Box, folder: int, uid: int, view: Any) -> Told | None:
    """What a message says that is a receipt itself; None for every other message."""
    part = next((one for one in view.parts if one.type in (mdn.PART, mdn.GLOBAL_PART)), None)
    if part is None or part.size_bytes > mdn.MOST_NOTICE:
        return None
    found = mdn.read(b"".join(queries.part(box.opened, folder, uid, part.id)[2]))
    if found is None:
        return None
    subject = drafts.sent_as(box.opened, found.message_id) if found.message_id and not box.role else None
    words = {"subject": subject or _("(kein Betreff)"), "who": found.recipient or _("unbekannt")}
    if subject is None:
        text = _("Sie nennt keine Nachricht, die unter Ihren zuletzt gesendeten liegt. Für wen sie gilt: %(who)s.")
        return Told(_("Diese Nachricht gibt sich als Lesebestätigung aus"), text % words)
    if found.state != mdn.DISPLAYED:
        text = _("Ihre Nachricht „%(subject)s“ an %(who)s wurde bearbeitet, aber nicht angezeigt, zum Beispiel ungelesen gelöscht.")
        return Told(_("Lesebestätigung"), text % words)
    text = _("Ihre Nachricht „%(subject)s“ an %(who)s wurde angezeigt. Ob sie auch gelesen und verstanden wurde, sagt das nicht.")
    return Told(_("Lesebestätigung"), text % words)


def _answered(request: PortalRequest, box: Box, at: tuple[mailbox.Folder, int], view: Any, *, is_yes: bool) -> str:
    """Do what the reader said. Returns the word for what became of it."""
    place, uid = at
    found = asked(request, box, place, view)
    if found is None or not found.may:
        return _unasked(box, view)
    try:
        if is_yes:
            receipts.send(box.opened, place.number, uid, _notice(request, box, view), now=request.now)
        else:
            receipts.refuse(box.opened, place.number, uid, now=request.now)
    except receipts.Answered:
        return "receipt_answered"
    except changing.TooManyKeywords:
        return "receipt_full"
    except sending.TooOften:
        return "receipt_later"
    except sending.BadRecipient:
        return "receipt_failed"
    return "receipt_sent" if is_yes else "receipt_refused"


def _unasked(box: Box, view: Any) -> str:
    """Why an answer comes where nobody is asked: another tab was first. Raises NotFound where nobody ever was."""
    if receipts.is_answered(box.opened, view.bits):
        return "receipt_answered"
    if receipts.is_off(box.opened):
        return "receipt_never"
    raise errors.NotFound


def _notice(request: PortalRequest, box: Box, view: Any) -> mdn.Notice:
    found = mdn.request(view.head)
    assert found is not None
    return mdn.Notice(_named(request, box, view), found.to, view.subject, found.message_id, str(uuid4()), request.now)


def _named(request: PortalRequest, box: Box, view: Any) -> str:
    """The reader's address to which the message was sent, so that no other one is told; empty where none is named."""
    named = [address for _, address in (*view.to, *view.cc)[:MOST_NAMED]]
    return next((one for one in named if is_own(request.city, box.mailbox.contract_id, one)), "")


def _refusal(request: PortalRequest, box: Box, view: Any, found: Request, state: str) -> str:
    if found.refusal:
        return found.refusal
    if state == senders.FORGED:
        return FORGED
    return "" if _named(request, box, view) else NOT_NAMED


def _refused(reason: str, to: str) -> str:
    """Why nobody is asked, in words."""
    return {
        mdn.SEVERAL: _("Die Bitte ist unklar: Sie nennt nicht genau eine Adresse. Darum wird keine gesendet."),
        mdn.ELSEWHERE: _("Die Bestätigung ginge an %(to)s, von dort kam die Nachricht aber nicht. Darum wird keine gesendet.") % {"to": to},
        mdn.NOWHERE: _("Die Nachricht nennt keine Adresse, von der sie kam. Darum wird keine gesendet."),
        mdn.LIST: _("Die Nachricht kommt von einem Verteiler. Darum wird keine gesendet."),
        mdn.UNKNOWN: _("Sie soll mehr enthalten, als eine Lesebestätigung hier enthält. Darum wird keine gesendet."),
        NOT_NAMED: _("Die Nachricht nennt Ihre Adresse nicht. Eine Bestätigung würde sie verraten, darum wird keine gesendet."),
        FORGED: _("Der Absender ist vielleicht gefälscht. Darum wird keine gesendet."),
    }[reason]
