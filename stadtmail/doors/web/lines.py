"""A message, or a whole conversation, as a line of a list: who, what, when, and its labels. What strangers wrote is text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any

from babel.dates import format_date, format_skeleton, format_time
from django.utils.translation import gettext as _

from stadtmail.doors.web import viewing
from stadtmail.doors.web.labels import Label
from stadtmail.doors.web.request import PortalRequest

MOST_SIGNS = 160  # of a subject, or of names, in a line
MOST_NAMES = 3  # people of a conversation that are named


@dataclass(frozen=True)
class Line:
    """A message as the list shows it; `below`: the older messages of its conversation, `choice`: what its box to tick means."""

    uid: int
    is_seen: bool
    sender: str
    subject: str
    at: datetime | None
    when: str
    size_bytes: int
    has_attachments: bool
    is_starred: bool = False
    is_answered: bool = False
    preview: str = ""
    labels: tuple[Label, ...] = ()
    choice: str = ""
    below: tuple["Line", ...] = field(default=())

    @property
    def iso(self) -> str:
        """The moment as programs read it."""
        return self.at.astimezone(UTC).isoformat(timespec="seconds") if self.at else ""

    @property
    def shown_bytes(self) -> int:
        """Its size in whole KB: smaller steps say nothing in a list."""
        return max(1024, self.size_bytes)

    @property
    def count(self) -> int:
        """How many messages the conversation has on this page."""
        return len(self.below) + 1


def line(request: PortalRequest, row: Any, labels: Mapping[int, Label] | None = None, *, receivers: bool = False) -> Line:
    """A message of the mail room's list as a page shows it; `receivers`: to whom it is, instead of by whom."""
    return Line(
        uid=row.uid,
        is_seen=row.seen,
        sender=_short(_receivers(row) if receivers else row.sender_name or row.sender_address) or _("Unbekannt"),
        subject=_short(row.subject) or _("(kein Betreff)"),
        at=row.date,
        when=_when(request, row.date),
        size_bytes=row.size_bytes,
        has_attachments=row.has_attachments,
        is_starred="\\Flagged" in row.flags,
        is_answered="\\Answered" in row.flags,
        preview=(row.envelope.preview or "")[:100],
        labels=tuple(label for bit, label in (labels or {}).items() if row.bits >> bit & 1),
        choice=str(row.uid),
    )


def conversation(request: PortalRequest, group: Sequence[Any], labels: Mapping[int, Label], *, receivers: bool) -> Line:
    """A conversation as a line: that of its newest message, with the names of all who wrote. One message is a conversation, too."""
    first, *below = [line(request, row, labels, receivers=receivers) for row in group]
    if not below:
        return first
    names = list(dict.fromkeys(one.sender for one in (first, *below)))
    more = len(names) - MOST_NAMES
    named = ", ".join(names[:MOST_NAMES]) + (_(" und %(count)s weitere") % {"count": more} if more > 0 else "")
    return replace(
        first, sender=named, below=tuple(below), choice=".".join(str(row.uid) for row in group),
        is_seen=all(one.is_seen for one in (first, *below)),
    )  # fmt: skip


def _short(text: str) -> str:
    """What a line has room for: a stranger writes a thousand signs."""
    return text if len(text) <= MOST_SIGNS else f"{text[: MOST_SIGNS - 1]}…"


def _receivers(row: Any) -> str:
    people = [*row.envelope.to, *row.envelope.cc]
    return ", ".join(name or address for name, address in people[:MOST_NAMES]) or _("(kein Empfänger)")


def _when(request: PortalRequest, at: datetime | None) -> str:
    """The time of today's messages, the day of this year's, the whole date of older ones."""
    if at is None:
        return ""
    zone, lang = viewing.zone(request), "en_GB" if request.language == "en" else "de"
    local, today = at.astimezone(zone), request.now.astimezone(zone).date()
    if local.date() == today:
        return _hour(local.hour, local.minute, lang)
    return _day(local.date(), lang, is_this_year=local.year == today.year)


@lru_cache(maxsize=2 * 24 * 60)
def _hour(hour: int, minute: int, lang: str) -> str:
    return str(format_time(time(hour, minute), "short", locale=lang))


@lru_cache(maxsize=4096)
def _day(day: date, lang: str, *, is_this_year: bool) -> str:
    """A day as people write it: formatting is slow, and a list has few days."""
    return str(format_skeleton("MMMd", day, locale=lang) if is_this_year else format_date(day, "medium", locale=lang))
