"""The mailbox: folders with their counts, and the messages of one folder, newest first. Pages are counted by uid.

What strangers wrote (names, subjects) is text here and nothing else; the templates isolate its reading direction.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from babel.dates import format_date, format_skeleton, format_time
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, viewing
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import queries
from stadtmail.mail.actions import rules

PAGE = 50
LARGEST = 2**32 - 1  # uids and folder numbers are 32 bits (RFC 9051 2.3.1.1); a larger one never was


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


@dataclass(frozen=True)
class Line:
    """A message as the list shows it."""

    uid: int
    is_seen: bool
    sender: str
    subject: str
    at: datetime | None
    when: str
    size_bytes: int
    has_attachments: bool


@access.reader
def mailbox(request: PortalRequest, box: Box) -> HttpResponse:
    """GET /postfach: the inbox."""
    shown = folders(box)
    return _page(request, box, shown, next((folder for folder in shown if folder.icon == "inbox"), shown[0]))


@access.reader
def folder(request: PortalRequest, box: Box, folder: int) -> HttpResponse:
    """GET /postfach/<folder>: the newest messages, or with ?vor=<uid> older ones. 404 for a folder of somebody else."""
    shown = folders(box)
    return _page(request, box, shown, chosen(shown, folder))


def folders(box: Box) -> list[Folder]:
    """The mailbox's folders, those with a role first named in the reader's language."""
    names = _names()
    return [
        Folder(row.number, row.role or "folder", names.get(row.role) or row.name, row.total, row.unread)
        for row in queries.folders(box.opened)
    ]


def side(box: Box, shown: list[Folder], current: Folder | None) -> dict[str, Any]:
    """What the side bar and the top of every mail page need."""
    used, quota = queries.used(box.mailbox)
    high = quota * 9 // 10
    return {"folders": shown, "current": current, "used": used, "quota": quota, "quota_high": high, "nearly_full": 0 < high <= used,
            "role": box.role, "section": "mail"}  # fmt: skip


def chosen(shown: list[Folder], number: int) -> Folder:
    """The folder with this number. Raises NoSuchFolder."""
    for one in shown:
        if one.number == number:
            return one
    raise NoSuchFolder


def number(value: int) -> int:
    """A uid that can exist. Raises NotFound for one that no store could have given."""
    if not 0 < value <= LARGEST:
        raise errors.NotFound
    return value


def _page(request: PortalRequest, box: Box, shown: list[Folder], current: Folder) -> HttpResponse:
    before = _before(request)
    rows = queries.page(box.opened, current.number, before=before, count=PAGE + 1)
    lines = [line(request, row) for row in rows[:PAGE]]
    context = {
        **side(box, shown, current),
        "lines": lines,
        "older": lines[-1].uid if len(rows) > PAGE else None,
        "is_first": before is None,
        "away_until": _away_until(request, box),
    }
    return render(request, "web/mailbox.html", context)


def _away_until(request: PortalRequest, box: Box) -> date | None:
    """The last day of an absence whose reply answers now."""
    away, day = rules.away(box.opened), request.now.astimezone(request.policy.tz).date().isoformat()
    return date.fromisoformat(away.until) if away is not None and away.on and away.since <= day <= away.until else None


def _before(request: PortalRequest) -> int | None:
    text = request.GET.get("vor", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise errors.NotFound
    return number(int(text))


def line(request: PortalRequest, row: Any) -> Line:
    """A message of the mail room's list as a page shows it."""
    return Line(
        uid=row.uid,
        is_seen=row.seen,
        sender=row.sender_name or row.sender_address or _("Unbekannt"),
        subject=row.subject or _("(kein Betreff)"),
        at=row.date,
        when=_when(request, row.date),
        size_bytes=row.size_bytes,
        has_attachments=row.has_attachments,
    )


def _when(request: PortalRequest, at: datetime | None) -> str:
    """The time of today's messages, the day of this year's, the whole date of older ones."""
    if at is None:
        return ""
    zone, lang = viewing.zone(request), "en_GB" if request.language == "en" else "de"
    local, today = at.astimezone(zone), request.now.astimezone(zone).date()
    if local.date() == today:
        return str(format_time(local, "short", tzinfo=zone, locale=lang))
    if local.year == today.year:
        return str(format_skeleton("MMMd", local, tzinfo=zone, locale=lang))
    return str(format_date(local.date(), "medium", locale=lang))


def _names() -> dict[str, str]:
    return {
        "inbox": _("Posteingang"),
        "drafts": _("Entwürfe"),
        "sent": _("Gesendet"),
        "junk": _("Spam"),
        "trash": _("Papierkorb"),
        "archive": _("Archiv"),
    }
