"""A calendar invitation in a message, shown as one: what, when in the reader's time, where, by whom. Nothing is answered by itself."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from babel.dates import format_date, format_datetime
from django.utils.translation import gettext as _

from stadtmail.doors.web import viewing
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.request import PortalRequest
from stadtmail.doors.web.templatetags.portal import region
from stadtmail.mail import queries
from stadtmail.wire import invitation
from stadtmail.wire.invitation import Invitation

TYPE = "text/calendar"


@dataclass(frozen=True)
class Shown:
    """An invitation as the page shows it. `part`: the file for a calendar program."""

    part: str
    title: str
    summary: str
    when: str
    location: str
    organizer: str
    repeats: bool
    is_cancelled: bool


def of(request: PortalRequest, box: Box, at: tuple[int, int], view: Any) -> Shown | None:
    """The invitation of the message at (folder, uid), if it has one that can be read."""
    part = next((one for one in view.parts if one.type == TYPE and one.size_bytes <= invitation.MOST_BYTES), None)
    if part is None:
        return None
    _name, _type, chunks = queries.part(box.opened, *at, part.id)
    found = invitation.read(b"".join(islice(chunks, 100)), zone=viewing.zone(request))
    if found is None:
        return None
    titles = {
        invitation.REQUEST: _("Einladung"), invitation.CANCEL: _("Absage eines Termins"), invitation.REPLY: _("Antwort auf eine Einladung"),
    }  # fmt: skip
    name, address = found.organizer
    return Shown(
        part.id, titles.get(found.method) or _("Termin"), found.summary or _("(ohne Titel)"), _when(request, found), found.location,
        f"{name} <{address}>" if name and address else name or address, found.repeats, found.method == invitation.CANCEL,
    )  # fmt: skip


def _when(request: PortalRequest, found: Invitation) -> str:
    if not isinstance(found.start, datetime):
        return _days(found.start, found.end)
    zone, lang = viewing.zone(request), region()
    start = found.start.astimezone(zone)
    pattern = "EEEE, d MMMM y, HH:mm" if lang == "en_GB" else "EEEE, d. MMMM y, HH:mm"
    text = str(format_datetime(start, pattern, tzinfo=zone, locale=lang))
    if isinstance(found.end, datetime):
        end = found.end.astimezone(zone)
        shorter = "HH:mm" if end.date() == start.date() else pattern
        text += f" – {format_datetime(end, shorter, tzinfo=zone, locale=lang)}"
    named = format_datetime(start, "zzz", tzinfo=zone, locale=lang)
    return text + (_(" (ohne Angabe der Zeitzone)") if found.is_floating else f" ({named})")


def _days(start: date, end: date | datetime | None) -> str:
    first = str(format_date(start, "full", locale=region()))
    if end is None or end == start or isinstance(end, datetime):
        return first
    return f"{first} – {format_date(end, 'full', locale=region())}"
