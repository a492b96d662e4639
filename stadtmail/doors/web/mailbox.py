"""The mailbox: folders with their counts, and the messages of one folder, newest first. Pages are counted by uid.

What strangers wrote (names, subjects) is text here and nothing else; the templates isolate its reading direction.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, done, headers, labels, lines, rows, storage
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.lines import Line, line
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import given, listing, queries
from stadtmail.mail.actions import rules
from stadtmail.usage import sessions

__all__ = ["Line", "line"]
PAGE, CONVERSATIONS = 50, 70  # messages of a page; of one that is shown as conversations
LARGEST = 2**32 - 1  # uids and folder numbers are 32 bits (RFC 9051 2.3.1.1); a larger one never was
FILTERS = {"ungelesen": listing.UNREAD, "markiert": listing.STARRED}
VIEWS, SWITCH = ("liste", "gespraeche"), ("aus", "an")


class NoSuchFolder(errors.NotFound):
    """The mailbox has no folder with this number."""


@dataclass(frozen=True)
class Folder:
    """A folder as the side bar shows it."""

    number: int
    icon: str
    name: str
    total: int
    unread: int
    id: UUID = field(repr=False)
    uidvalidity: int
    uidnext: int
    modseq: int
    role: str

    @property
    def shows_receivers(self) -> bool:
        """Is what lies here written by its reader?"""
        return self.role in ("sent", "drafts")


@dataclass(frozen=True)
class Where:
    """Which page of which folder: what the address says."""

    folder: int
    before: int | None = None
    after: int | None = None
    only: str = ""

    def address(self, name: str = "folder", **more: str) -> str:
        """The page's address; of another page of the portal (`name`), with the same query."""
        given = {"vor": self.before, "nach": self.after, "nur": self.only or None, **more}
        query = urlencode({key: value for key, value in given.items() if value is not None})
        return reverse(name, args=[self.folder]) + (f"?{query}" if query else "")


@access.reader
def mailbox(request: PortalRequest, box: Box) -> HttpResponse:
    """GET /postfach: the inbox."""
    shown = folders(box)
    return page(request, box, shown, next((folder for folder in shown if folder.icon == "inbox"), shown[0]))


@access.reader
def folder(request: PortalRequest, box: Box, folder: int) -> HttpResponse:
    """GET /postfach/<folder>: the newest messages; ?vor=<uid> older, ?nach=<uid> newer ones, ?nur= a filter, ?ansicht= conversations.

    404 for a folder of somebody else.
    """
    shown = folders(box)
    return page(request, box, shown, chosen(shown, folder))


@access.reader
def news(request: PortalRequest, box: Box, folder: int) -> JsonResponse:  # noqa: ARG001
    """GET /postfach/<folder>/neu: a mark that changes with whatever happens in the folder, for a page that is open."""
    response = JsonResponse({"mark": _mark(chosen(folders(box), folder))})
    headers.keep_private(response)
    return response


def folders(box: Box) -> list[Folder]:
    """The mailbox's folders, those with a role first named in the reader's language."""
    names = _names()
    return [
        Folder(row.number, row.role or "folder", names.get(row.role) or row.name, row.total, row.unread, row.id, row.uidvalidity,
               row.uidnext, row.modseq, row.role)
        for row in queries.folders(box.opened)
    ]  # fmt: skip


def side(box: Box, shown: list[Folder], current: Folder | None) -> dict[str, Any]:
    """What the side bar and the top of every mail page need."""
    others = given.given(box.opened)
    return {
        "folders": shown, "folder_links": rows.folders(shown, current), "current": current, "storage": storage.of(box.mailbox),
        "role": box.role, "section": "mail", "theirs": [one for one in others if one.taken and "r" in one.rights],
        "offered": sum(not one.taken for one in others),
    }  # fmt: skip


def chosen(shown: list[Folder], number: int) -> Folder:
    """The folder with this number. Raises NoSuchFolder."""
    for one in shown:
        if one.number == number:
            return one
    raise NoSuchFolder


def with_role(shown: list[Folder], role: str) -> Folder:
    """The folder that has a role. Raises NoSuchFolder."""
    return chosen(shown, next((one.number for one in shown if one.role == role), 0))


def number(value: int) -> int:
    """A uid that can exist. Raises NotFound for one that no store could have given."""
    if not 0 < value <= LARGEST:
        raise errors.NotFound
    return value


def where(request: PortalRequest, folder: int) -> Where:
    """The page that the address means. Raises NotFound for one that cannot be."""
    only = request.GET.get("nur", "")
    if only and only not in FILTERS:
        raise errors.NotFound
    before, after = _uid(request, "vor"), _uid(request, "nach", least=0)
    return Where(folder, before, None if before is not None else after, only)


def page(request: PortalRequest, box: Box, shown: list[Folder], current: Folder, *, status: int = 200) -> HttpResponse:
    """The page of a folder that the address means."""
    at = where(request, current.number)
    is_grouped = _choice(request, "ansicht", "view", VIEWS) == "gespraeche"
    count = CONVERSATIONS if is_grouped else PAGE
    only = FILTERS.get(at.only, "")
    found = listing.page(box.opened, current.id, before=at.before, after=at.after, only=only, count=count)
    marks = labels.of(box)
    groups = listing.conversations(found.rows) if is_grouped else [[row] for row in found.rows]
    context = {
        **side(box, shown, current), **_pages(at, found), "at": at, "is_grouped": is_grouped, "labels": list(marks.values()),
        "lines": rows.listed(
            [lines.conversation(request, group, marks, receivers=current.shows_receivers) for group in groups],
            reverse("folder", args=[current.number]),
        ),
        "seite": ".".join(str(row.uid) for row in found.rows), "filters": _filters(at, current), "handle": at.address("handle"),
        "targets": [one for one in shown if one.number != current.number],
        "views": {name: Where(at.folder, only=at.only).address(ansicht=name) for name in VIEWS},
        "done": done.shown(request, box, shown), "away_until": _away_until(request, box), "mark": _mark(current),
        "has_keys": has_keys(request), "keys": at.address(tasten="aus" if has_keys(request) else "an"),
    }  # fmt: skip
    return render(request, "web/mailbox.html", context, status=status)


def _pages(at: Where, found: listing.Listed) -> dict[str, Any]:
    """Ways to other pages; empty where there is none."""
    newest, oldest = (found.rows[0].uid, found.rows[-1].uid) if found.rows else (at.before or 1, at.after or 1)
    bare = Where(at.folder, only=at.only)
    return {
        "is_first": at.before is None and (at.after is None or not found.has_newer),
        "newest": bare.address() if found.has_newer else "",
        "newer": Where(at.folder, None, newest, at.only).address() if found.has_newer else "",
        "older": Where(at.folder, oldest, None, at.only).address() if found.has_older else "",
        "oldest": Where(at.folder, None, 0, at.only).address() if found.has_older else "",
    }


def _filters(at: Where, current: Folder) -> list[dict[str, Any]]:
    named = (("", _("Alle"), None), ("ungelesen", _("Ungelesen"), current.unread), ("markiert", _("Markiert"), None))
    return [
        {"name": name, "href": Where(at.folder, only=only).address(), "count": count, "is_current": at.only == only}
        for only, name, count in named
    ]


def _away_until(request: PortalRequest, box: Box) -> date | None:
    """The last day of an absence whose reply answers now."""
    away, day = rules.away(box.opened), request.now.astimezone(request.policy.tz).date().isoformat()
    return date.fromisoformat(away.until) if away is not None and away.on and away.since <= day <= away.until else None


def has_keys(request: PortalRequest) -> bool:
    """Has the reader switched the keys on in this session? They are off until then (WCAG 2.1.4)."""
    return _choice(request, "tasten", "keys", SWITCH) == "an"


def _mark(current: Folder) -> str:
    return f"{current.uidvalidity}.{current.modseq}"


def _choice(request: PortalRequest, name: str, kept_as: str, values: tuple[str, str]) -> str:
    """What the reader has chosen last in this session; the first value until then."""
    assert request.visit is not None
    wanted = request.GET.get(name, "")
    if wanted and wanted not in values:
        raise errors.NotFound
    kept = request.visit.session.data.get(kept_as, values[0])
    if wanted and wanted != kept and request.method == "GET":
        sessions.keep(request.visit.token, {kept_as: wanted}, tenant=request.city.id, now=request.now)
    return wanted or kept


def _uid(request: PortalRequest, name: str, *, least: int = 1) -> int | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise errors.NotFound
    return number(int(text)) if int(text) or least else 0


def _names() -> dict[str, str]:
    return {
        "inbox": _("Posteingang"),
        "drafts": _("Entwürfe"),
        "sent": _("Gesendet"),
        "junk": _("Spam"),
        "trash": _("Papierkorb"),
        "archive": _("Archiv"),
    }
