"""What is done with messages in a folder that somebody else shares, and what is put into one: by the rights that mail programs have too.

The rights are asked for anew in the transaction that writes (RFC 4314 4). What they do not allow is refused and said; nothing is done
then, not even in part of a portion. What a reader takes out lies in their own mailbox, under its own keys.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from stadtmail.doors.web import access, done, mailbox
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import refuse_surplus
from stadtmail.doors.web.mailbox import Folder
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import given, guests, queries, shares, views
from stadtmail.mail.actions import changing, crossing, storing
from stadtmail.mail.folders import FLAG_NAMES, FLAGGED, SEEN
from stadtmail.mail.given import Given
from stadtmail.usage import bell

FIELDS = ("uid", "alle", "seite", "tun", "ziel", "nachricht")
MARKS = {"gelesen": ("read", "+", SEEN, "s"), "ungelesen": ("unread", "-", SEEN, "s"), "markieren": ("flag", "+", FLAGGED, "w"),
         "unmarkieren": ("unflag", "-", FLAGGED, "w")}  # fmt: skip
COPY, MOVE, DELETE = "kopieren", "verschieben", "loeschen"
TAKES = "rte"  # rights that taking something out needs, as MOVE of a mail program does
SYSTEM = sum(FLAG_NAMES)
MOST = 500  # messages at once
_UIDS = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,10})*\Z")
Flags = Callable[[int], int]


class NotOffered(errors.NotFound):
    """The form names what it did not offer: no such action, folder or message."""


@dataclass(frozen=True)
class May:
    """What a reader may do in a shared folder, for its pages."""

    see: bool  # say what is read, for both
    mark: bool
    take: bool

    @classmethod
    def of(cls, rights: str) -> "May":
        """What these rights allow."""
        return cls("s" in rights, "w" in rights, set(TAKES) <= set(rights))


@access.writer
def handle(request: PortalRequest, box: Box, share: UUID) -> HttpResponse:
    """POST /postfach/geteilt/<share>/aendern: do it, then show the list (or the message) again, which says what was done."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("shared_folder", args=[share]))
    one = given.with_id(box.opened, share)
    if "r" not in one.rights:
        raise views.NoSuchFolder
    single = request.POST.copy()
    single.pop("uid", None)
    refuse_surplus(single, FIELDS)
    what, uids = request.POST.get("tun", ""), _uids(request.POST, one)
    if what not in {*MARKS, COPY, MOVE, DELETE}:
        raise NotOffered
    if not uids:
        return _back(request, box, one, "none")
    try:
        return _marked(request, box, one, uids, MARKS[what]) if what in MARKS else _taken(request, box, one, uids, what)
    except guests.NotShared:  # where not even reading is left, the folder's page says that it is not there
        return _back(request, box, one, "not_allowed")
    except storing.MailboxFull:
        return _back(request, box, one, "no_room")


def give(request: PortalRequest, box: Box, source: Folder, uids: Sequence[int], share: str, *, moves: bool) -> str:
    """Put messages of one's own into a shared folder. Returns what happened, for the address of the page that says it."""
    try:
        one = given.with_id(box.opened, UUID(share))
    except ValueError:
        raise NotOffered from None
    there = given.words(one) if "i" in one.rights else {}
    flags = _carried(queries.keywords(box.opened), there, shares.flags_of(one.rights))
    work = crossing.move if moves else crossing.copy
    try:
        went = work(box.opened, source.id, uids, into=one.opened("i"), to=one.guest.folder, flags=flags, now=request.now)
    except guests.NotShared:
        return done.sealed(request, box, "not_allowed", count=1)
    except storing.MailboxFull:
        return done.sealed(request, box, "no_room", count=1)
    for folder in (source.id, one.guest.folder):
        bell.ring(folder)
    word = "given" if moves else "given_copy"
    return done.sealed(request, box, word, count=len(went.old), gone=len(uids) - len(went.old))


def _marked(request: PortalRequest, box: Box, one: Given, uids: list[int], mark: tuple[str, str, int, str]) -> HttpResponse:
    what, how, flags, needs = mark
    stored = changing.store_flags(
        one.opened(f"r{needs}"), one.guest.folder, uids, how=how, flags=flags, among=shares.flags_of(one.rights), now=request.now
    )
    bell.ring(one.guest.folder)
    return _back(request, box, one, what, count=len(stored.now), gone=len(uids) - len(stored.now), stays=what != "unread")


def _taken(request: PortalRequest, box: Box, one: Given, uids: list[int], what: str) -> HttpResponse:
    """Copy or move into a folder of one's own; what is deleted goes into one's own Trash."""
    shown = mailbox.folders(box)
    to = mailbox.with_role(shown, "trash") if what == DELETE else _target(request.POST.get("ziel", ""), shown)
    if to is None:
        return _back(request, box, one, "same", count=1)
    flags = _carried(given.words(one), queries.keywords(box.opened), shares.flags_of(shares.OWNER))
    moves = what != COPY
    work, source = (crossing.move, one.opened(TAKES)) if moves else (crossing.copy, one.opened())
    if moves and not May.of(one.rights).take:
        raise guests.NotShared
    went = work(source, one.guest.folder, uids, into=box.opened, to=to.id, flags=flags, now=request.now)
    for folder in (one.guest.folder, to.id):
        bell.ring(folder)
    said = "moved" if moves else "copied"
    more: dict[str, Any] = {"count": len(went.old), "gone": len(uids) - len(went.old), "to": [to.number, to.uidvalidity]}
    return _back(request, box, one, said, stays=not moves, **more)


def _carried(words: dict[int, str], there: dict[int, str], mask: int) -> Flags:
    """The flags that come along: those of the system and keywords that the target knows, as far as the rights there allow."""
    bits = {name.lower(): bit for bit, name in there.items()}
    pairs = [(bit, bits[name.lower()]) for bit, name in words.items() if name.lower() in bits]
    return lambda old: (old & SYSTEM | sum(1 << new for bit, new in pairs if old >> bit & 1)) & mask


def _target(number: str, shown: list[Folder]) -> Folder | None:
    if not number:
        return None
    if not (number.isascii() and number.isdecimal() and len(number) <= 10):
        raise NotOffered
    return mailbox.chosen(shown, int(number))


def _uids(sent: QueryDict, one: Given) -> list[int]:
    """The uids that the boxes mean. Raises NotOffered for what this folder never gave."""
    chosen = sent.getlist("uid")
    texts = [text for text in ([*chosen, sent.get("seite", "")] if sent.get("alle") else chosen) if text]
    if not all(_UIDS.match(text) for text in texts):
        raise NotOffered
    found = {int(uid) for text in texts for uid in text.split(".")}
    if len(found) > MOST or any(not 0 < uid < one.state.uidnext for uid in found):
        raise NotOffered
    return sorted(found)


def _back(request: PortalRequest, box: Box, one: Given, what: str, *, stays: bool = True, count: int = 1, **more: Any) -> HttpResponse:
    said = done.sealed(request, box, what, count=count, **more)
    sent = request.POST
    if sent.get("nachricht") and stays and len(sent.getlist("uid")) == 1:
        page = reverse("shared_message", args=[one.id, mailbox.number(int(sent["uid"]))])
        return HttpResponseRedirect(f"{page}?{done.STATE}={said}")
    return HttpResponseRedirect(f"{reverse('shared_folder', args=[one.id])}?{done.STATE}={said}")
