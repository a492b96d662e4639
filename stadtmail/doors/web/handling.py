"""What is done with messages, from the list and from the message: one form, one address, buttons that work without JavaScript.

The mail room does it by the same actions that IMAP uses, so that the filter learns and mail programs see it at once. A uid that the
folder never gave is refused; one that has gone meanwhile (another tab, a mail program) is told and nothing else happens.
"""

import re
from dataclasses import dataclass

from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from stadtmail.doors.web import access, done, labels, mailbox, shared_handling
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import refuse_surplus
from stadtmail.doors.web.mailbox import Folder
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import listing
from stadtmail.mail.actions import changing, filing, handling, storing
from stadtmail.mail.folders import FLAGGED, SEEN
from stadtmail.usage import bell

FIELDS = ("uid", "alle", "seite", "tun", "ziel", "etikett", "stern", "nachricht")
MOST = 500  # messages at once
MARKS = {"gelesen": ("read", "+", SEEN), "ungelesen": ("unread", "-", SEEN), "markieren": ("flag", "+", FLAGGED),
         "unmarkieren": ("unflag", "-", FLAGGED)}  # fmt: skip
MOVES = {"archiv": "archive", "spam": "junk", "keinspam": "inbox", "loeschen": "trash"}
MOVE, COPY, SHARED = "verschieben", "kopieren", "geteilt-"  # what a target begins with that is somebody else's folder
LABELS = {"etikett": "label", "etikett-weg": "unlabel"}
_UIDS = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10})*\Z")


class NotAsked(errors.NotFound):
    """The form names what it did not offer: no such action, folder, label or message."""


@dataclass(frozen=True)
class Order:
    """What is to be done with which messages of a folder. `message`: it came from the page of this one."""

    folder: Folder
    what: str
    uids: list[int]
    target: str
    label: str
    message: int | None


@access.reader
def handle(request: PortalRequest, box: Box, folder: int) -> HttpResponse:
    """POST /postfach/<folder>/aendern: do it, then show the list (or the message) again, which says what was done."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("folder", args=[folder]))
    shown = mailbox.folders(box)
    order = _order(request.POST, mailbox.chosen(shown, folder))
    if not order.uids:
        return _back(request, order, done.sealed(request, box, "none"))
    if order.what in MARKS or order.what in LABELS:
        return _flags(request, box, order, _labelled(box, order) if order.what in LABELS else MARKS[order.what])
    if order.what == "loeschen" and order.folder.role == "trash":
        return _ask(request, box, shown, order)
    return _placed(request, box, shown, order)


def _placed(request: PortalRequest, box: Box, shown: list[Folder], order: Order) -> HttpResponse:
    """Move or copy to where the button or the choice says: one of one's own folders, or one that somebody shares."""
    if order.target.startswith(SHARED) and order.what in (MOVE, COPY):
        said = shared_handling.give(request, box, order.folder, order.uids, order.target.removeprefix(SHARED), moves=order.what == MOVE)
        return _back(request, order, said, stays=order.what == COPY)
    to = _target(shown, order)
    if to is None:
        return _back(request, order, done.sealed(request, box, "same"))
    return (_copied if order.what == COPY else _moved)(request, box, order, to)


@access.reader
def undo(request: PortalRequest, box: Box) -> HttpResponse:
    """POST /postfach/rueckgaengig: move back what is still where it was moved to."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("mailbox"))
    refuse_surplus(request.POST, ("state",))
    state = done.opened(request, box, request.POST.get("state", ""))
    if not state.get("uids"):
        raise NotAsked
    source, to = done.place(state["source"]), done.place(state["to"])
    try:
        moved = handling.give_back(box.opened, state["uids"], source=to, to=source, now=request.now)
        old = moved.old
    except errors.NotFound:  # one of the two folders is no more: what lies there stays there
        old = []
    _ring(box, source.number, to.number)
    said = done.sealed(request, box, "back", count=len(old), gone=len(state["uids"]) - len(old), to=[source.number, source.uidvalidity])
    shown = {one.number for one in mailbox.folders(box)}
    return _to_list(source.number if source.number in shown else None, said)


@access.reader
def delete(request: PortalRequest, box: Box, folder: int) -> HttpResponse:
    """/postfach/<folder>/endgueltig: GET asks whether Trash is to be emptied; POST deletes for good what was confirmed."""
    shown = mailbox.folders(box)
    current = mailbox.chosen(shown, folder)
    if current.role not in ("trash", "junk"):
        raise NotAsked
    if request.method != "POST":
        return _confirm(request, box, shown, current, [])
    refuse_surplus(request.POST, ("state",))
    state = done.opened(request, box, request.POST.get("state", ""))
    if state["what"] != "delete" or done.place(state["source"]) != handling.Place(current.number, current.uidvalidity):
        raise NotAsked
    if state["list"]:
        count = len(handling.erase(box.opened, current.id, state["list"], now=request.now))
    else:
        count = handling.empty(box.opened, current.id, until=state["until"], now=request.now)
    bell.ring(current.id)
    gone = max(0, len(state["list"]) - count)
    return _to_list(current.number, done.sealed(request, box, "erased", count=count, gone=gone))


def _order(sent: QueryDict, current: Folder) -> Order:
    """What was sent, read strictly. Raises Surplus, NotAsked."""
    single = sent.copy()
    single.pop("uid", None)
    refuse_surplus(single, FIELDS)
    star = sent.get("stern", "")
    if star:
        uids = _uids([star.removeprefix("-")], current)
        return Order(current, "unmarkieren" if star.startswith("-") else "markieren", uids, "", "", _message(sent, uids))
    chosen = sent.getlist("uid")
    uids = _uids([*chosen, sent.get("seite", "")] if sent.get("alle") else chosen, current)
    what = sent.get("tun", "")
    if what not in {*MARKS, *MOVES, *LABELS, MOVE, COPY}:
        raise NotAsked
    return Order(current, what, uids, sent.get("ziel", ""), sent.get("etikett", ""), _message(sent, uids))


def _uids(values: list[str], current: Folder) -> list[int]:
    """The uids that the boxes mean. Raises NotAsked for what this folder never gave."""
    texts = [one for one in values if one]
    if not all(_UIDS.match(one) for one in texts):
        raise NotAsked
    found = {int(uid) for one in texts for uid in one.split(".")}
    if len(found) > MOST or any(not 0 < uid < current.uidnext for uid in found):
        raise NotAsked
    return sorted(found)


def _message(sent: QueryDict, uids: list[int]) -> int | None:
    return uids[0] if sent.get("nachricht") and len(uids) == 1 else None


def _labelled(box: Box, order: Order) -> tuple[str, str, int]:
    """The change that gives or takes a label; of no label, none."""
    if not order.label:
        return "same", "+", 0
    known = labels.of(box)
    bit = int(order.label) if order.label.isascii() and order.label.isdecimal() and len(order.label) < 3 else 0
    if bit not in known:
        raise NotAsked
    return LABELS[order.what], "+" if order.what == "etikett" else "-", 1 << bit


def _flags(request: PortalRequest, box: Box, order: Order, change: tuple[str, str, int]) -> HttpResponse:
    what, how, flags = change
    stored = changing.store_flags(box.opened, order.folder.id, order.uids, how=how, flags=flags, now=request.now)
    bell.ring(order.folder.id)
    there = len(stored.now)
    return _back(request, order, done.sealed(request, box, what, count=there, gone=len(order.uids) - there), stays=what != "unread")


def _target(shown: list[Folder], order: Order) -> Folder | None:
    """The folder that is meant; None where none was chosen."""
    if order.what not in (MOVE, COPY):
        return mailbox.with_role(shown, MOVES[order.what])
    if not order.target:
        return None
    if not (order.target.isascii() and order.target.isdecimal() and len(order.target) <= 10):
        raise NotAsked
    return mailbox.chosen(shown, int(order.target))


def _moved(request: PortalRequest, box: Box, order: Order, to: Folder) -> HttpResponse:
    if to.id == order.folder.id:
        return _back(request, order, done.sealed(request, box, "moved"))
    moved = changing.move(box.opened, order.folder.id, order.uids, to=to.id, now=request.now)
    for folder in (order.folder.id, to.id):
        bell.ring(folder)
    said = done.sealed(
        request, box, "moved", count=len(moved.old), gone=len(order.uids) - len(moved.old), uids=moved.new,
        source=[order.folder.number, order.folder.uidvalidity], to=[to.number, to.uidvalidity],
    )  # fmt: skip
    return _back(request, order, said, stays=False)


def _copied(request: PortalRequest, box: Box, order: Order, to: Folder) -> HttpResponse:
    try:
        copied = filing.copy(box.opened, order.folder.id, order.uids, to=to.id, now=request.now)
    except storing.MailboxFull:
        return _back(request, order, done.sealed(request, box, "no_room", count=1))
    bell.ring(to.id)
    more = {"count": len(copied.old), "gone": len(order.uids) - len(copied.old), "to": [to.number, to.uidvalidity]}
    return _back(request, order, done.sealed(request, box, "copied", **more))


def _ask(request: PortalRequest, box: Box, shown: list[Folder], order: Order) -> HttpResponse:
    there = [row.uid for row in listing.rows(box.opened, order.folder.id, order.uids)]
    if not there:
        return _back(request, order, done.sealed(request, box, "erased", gone=len(order.uids)), stays=False)
    return _confirm(request, box, shown, order.folder, there)


def _confirm(request: PortalRequest, box: Box, shown: list[Folder], current: Folder, uids: list[int]) -> HttpResponse:
    """Ask before something goes for good; without uids: everything that lies there now."""
    place = [current.number, current.uidvalidity]
    state = done.sealed(request, box, "delete", source=place, list=uids, until=current.uidnext - 1)
    context = {**mailbox.side(box, shown, current), "count": len(uids) or current.total, "is_all": not uids, "state": state}
    return render(request, "web/delete.html", context)


def _back(request: PortalRequest, order: Order, said: str, *, stays: bool = True) -> HttpResponse:
    """To the page that the form stood on."""
    if order.message is not None and stays:
        return HttpResponseRedirect(f"{reverse('message', args=[order.folder.number, order.message])}?{done.STATE}={said}")
    return HttpResponseRedirect(mailbox.where(request, order.folder.number).address(**{done.STATE: said}))


def _to_list(folder: int | None, said: str) -> HttpResponse:
    address = reverse("folder", args=[folder]) if folder else reverse("mailbox")
    return HttpResponseRedirect(f"{address}?{done.STATE}={said}")


def _ring(box: Box, *numbers: int) -> None:
    for one in mailbox.folders(box):
        if one.number in numbers:
            bell.ring(one.id)
