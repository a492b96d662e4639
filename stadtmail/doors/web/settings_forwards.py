"""Forwarding: an address is asked first, by a code that is sent there. A copy stays here, unless somebody wants it otherwise."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, settings, settings_rules, settings_words, throttle
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import rulebook
from stadtmail.mail.actions import filters, forwarding, rules
from stadtmail.mail.rulewriting import BY_RULES, COPIED, MODES, MOVED, Passing
from stadtmail.wire.sievecheck import is_address

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FORM = "forwards"
STEPS = {
    "add": ("step", "address", "mode"), "mode": ("step", "to", "mode"), "confirm": ("step", "code"), "again": ("step", "to"),
    "remove": ("step", "to"),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """An address as the page shows it."""

    address: str
    mode: str
    words: str
    is_confirmed: bool
    is_asked: bool  # a code is on its way and may still be given back


@access.resident
def page(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/einstellungen/weiterleitung: POST one step with one address."""
    o = settings.opened(request, contract)
    if request.method != "POST":
        return _page(request, o, {})
    step = request.POST.get("step", "")
    if step not in STEPS:
        raise TooManyFieldsSent
    refuse_surplus(request.POST, STEPS[step])
    given = texts(request.POST, STEPS[step])
    try:
        return _done(request, contract, o, step, given)
    except (rules.ChangedMeanwhile, rules.NotTheForm):
        return settings_rules.shown(request, o, problems=[Problem("", settings_rules.changed())], status=409)
    except rules.OwnAddress:
        problem = Problem("address", _("Diese Adresse führt in Ihr eigenes Postfach."))
    except filters.BadScript:
        problem = Problem("address", _("Das ist keine E-Mail-Adresse."))
    except rules.StillNeeded:
        problem = Problem("", _("Eine Regel leitet an diese Adresse weiter. Bitte ändern Sie zuerst die Regel."))
    except forwarding.WrongCode:
        problem = Problem("code", _("Dieser Code gilt nicht oder nicht mehr. Er gilt %(days)s Tage.") % {"days": forwarding.CODE_DAYS})
    except errors.OverQuota:
        problem = Problem("address", _("Mehr als %(most)s Adressen sind nicht möglich.") % {"most": rulebook.MOST_PASSINGS})
    return _page(request, o, given, problems=[problem], status=400)


def _done(request: PortalRequest, contract: "Contract", o: Any, step: str, given: dict[str, str]) -> HttpResponse:
    now, enqueue = request.now, settings.enqueue
    if step == "confirm":
        throttle.count(request, "forward.code", str(contract.id))
        filters.confirm(o, given["code"], now=now)
        return settings.back(FORM, "bestaetigt")
    if step == "again":
        sent = rules.ask_again(o, given["to"], enqueue=enqueue, now=now)
        return settings.back(FORM, "gefragt" if sent else "nicht-gefragt")
    if step == "remove":
        rules.drop_passing(o, given["to"], enqueue=enqueue, now=now)
        return settings.back(FORM, "nicht-mehr")
    address = given["address"] if step == "add" else given["to"]
    if given["mode"] not in MODES:
        raise TooManyFieldsSent
    if not settings.is_line(address, 254) or not is_address(address):
        return _page(request, o, given, problems=[Problem("address", _("Das ist keine E-Mail-Adresse."))], status=400)
    rules.set_passing(o, Passing(address, given["mode"]), enqueue=enqueue, now=now)
    row = next(one for one in _rows(o) if one.address == address)
    return settings.back(FORM, "gespeichert" if row.is_confirmed else "gefragt" if row.is_asked else "nicht-gefragt")


def _rows(o: Any) -> list[Row]:
    words, agreed = _modes(), rules.confirmed(o)
    return [
        Row(one.address, one.mode, words[one.mode], agreed.get(one.address.lower(), False), one.address.lower() in agreed)
        for one in rules.found(o).book.passings
    ]


def _modes() -> dict[str, str]:
    return {
        COPIED: _("Alles weiterleiten, eine Kopie bleibt hier"), MOVED: _("Alles weiterleiten, hier bleibt nichts"),
        BY_RULES: _("Nur was eine Regel dorthin weiterleitet"),
    }  # fmt: skip


def _page(
    request: PortalRequest, o: Any, given: dict[str, str], *, problems: list[Problem] | None = None, status: int = 200
) -> HttpResponse:  # fmt: skip
    wrong = errors_of(problems or [])
    chosen = given.get("mode", COPIED)
    hint = _("Wir senden einen Code dorthin. Erst wenn er hier eingegeben ist, wird etwas weitergeleitet.")
    rows = _rows(o)
    context = {
        "found": rules.found(o), "rows": rows, "waits": any(not row.is_confirmed for row in rows), "problems": problems or [],
        "modes": [settings.Choice(code, label, code == chosen) for code, label in _modes().items()],
        "address": Field("address", _("An welche Adresse?"), hint=hint, type="email", autocomplete="off", value=given.get("address", ""),
                         error=wrong.get("address", ""), maxlength=254),
        "code": Field("code", _("Code aus der Nachricht"), autocomplete="off", error=wrong.get("code", ""), maxlength=100),
        "done": settings_words.done(request.GET.get("fertig", "")), "section": "mail",
    }  # fmt: skip
    return render(request, "web/settings_forwards.html", context, status=status)
