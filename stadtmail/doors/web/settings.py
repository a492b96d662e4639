"""The settings of a mailbox: what the pages have in common, and the overview. Only the mailbox's holder has any.

Everything that they set lies where mail programs find it too: rules, absence and forwarding in one Sieve script.
"""

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, viewing
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import queries, trusted, views
from stadtmail.mail.actions import loginnotes, outgoing, receipts, rules
from stadtmail.mail.folders import standard_name
from stadtmail.mail.rulewriting import BY_RULES, Away
from stadtmail.people import queries as people

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

enqueue = outgoing.enqueue
CLOSED = frozenset({"inbox", "drafts", "trash"})  # folders that no rule puts anything into by name
TURNED = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # they turn the direction of what is read


@dataclass(frozen=True)
class Choice:
    """One option of a list."""

    value: str
    label: str
    chosen: bool = False


@access.resident
def overview(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """GET /postfach/einstellungen: what is set now, and where it is changed."""
    o = opened(request, contract)
    found = rules.found(o)
    away, agreed = found.book.away, rules.confirmed(o)
    passings = [one for one in found.book.passings if one.mode != BY_RULES]
    context = {
        "found": found, "rules": len(found.book.rules), "active_rules": sum(one.on for one in found.book.rules),
        "away": away, "away_state": away_state(request, away), "away_days": days(away),
        "passings": len(passings), "waiting": sum(not agreed.get(one.address.lower()) for one in passings),
        "addresses": people.identities(request.city, contract), "most": request.policy.mail.aliases + 1,
        "zone_name": viewing.zone_name(request), "picture_senders": len(trusted.senders(o)),
        "asks_receipts": not receipts.is_off(o), "notes_logins": loginnotes.is_on(o), "section": "mail",
    }  # fmt: skip
    return render(request, "web/settings.html", context)


def opened(request: PortalRequest, contract: "Contract") -> Any:
    """The mailbox of whoever is here. What is set lies beside its messages: of a sealed one it opens in any session of its holder."""
    return queries.outside(queries.mailbox_of(request.city, contract.id), holder=contract.id, halves=access.halves(request))


def locked() -> str:
    """Something that only messages can tell, of a mailbox that this session does not open."""
    return _("Ihr Postfach ist versiegelt und in dieser Sitzung nicht offen. Öffnen Sie es zuerst, auf der Seite „Versiegelung“.")


def back(to: str, done: str = "") -> HttpResponse:
    """To a page of the settings, saying what was done in one closed word."""
    return HttpResponseRedirect(reverse(to) + (f"?fertig={done}" if done else ""))


def folders(o: Any, *, lang: str) -> list[tuple[views.State, str]]:
    """The folders into which a rule may put something, with their names in the reader's language."""
    rows = sorted((one for one in views.states(o) if one.role not in CLOSED), key=lambda one: (one.role == "", one.name.lower()))
    return [(one, standard_name(one.role, lang) or one.name) for one in rows]


def today(request: PortalRequest) -> date:
    """The day in the city."""
    return request.now.astimezone(request.policy.tz).date()


def away_state(request: PortalRequest, away: Away | None) -> str:
    """off, later, now or past."""
    if away is None or not away.on:
        return "off"
    day = today(request).isoformat()
    return "later" if day < away.since else "past" if day > away.until else "now"


def days(away: Away | None) -> tuple[date, date] | None:
    """First and last day of an absence."""
    return (date.fromisoformat(away.since), date.fromisoformat(away.until)) if away is not None else None


def is_line(text: str, most: int) -> bool:
    """A text of one line, without signs that nobody sees."""
    return len(text) <= most and not any(unicodedata.category(sign) in ("Cc", "Cs") or sign in "\u2028\u2029" for sign in text)


def is_text(text: str, most: int) -> bool:
    """A text of several lines, without control characters."""
    return is_line(text.replace("\r\n", "\n").replace("\n", "").replace("\t", ""), most)
