"""Addresses of a mailbox: further ones, for good or until a day; the name before each; from which one new messages are written."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, order_words, settings, settings_words, throttle
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail.actions import aliases
from stadtmail.people import orders
from stadtmail.people import queries as people
from stadtmail.people.actions import aliases as further
from stadtmail.people.actions import contracts, corrections
from stadtmail.privacy import periods

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FORM = "addresses"
STEPS = {
    "add": ("step", "localpart", "temporary", "days", "display"), "name": ("step", "address", "display"), "default": ("step", "address"),
}  # fmt: skip
MOST_NAME, USUAL_DAYS, MOST_DAYS = 80, 30, 365
SPECIAL = '<>",;:@()[]\\'  # signs that a name before an address only causes trouble with


@dataclass(frozen=True)
class Row:
    """An address as the page shows it."""

    sender: people.SenderRow
    last_day: date | None


@access.resident
def page(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/einstellungen/adressen: POST add, name or default."""
    if request.method != "POST":
        return _page(request, contract, {"temporary": "", "days": str(USUAL_DAYS)})
    step = request.POST.get("step", "")
    if step not in STEPS:
        raise TooManyFieldsSent
    refuse_surplus(request.POST, STEPS[step])
    given = texts(request.POST, STEPS[step])
    if step == "add":
        return _added(request, contract, given)
    alias = _row(request, contract, given["address"]).alias
    if step == "default":
        further.set_default(contract, alias, tenant=request.city)
        return settings.back(FORM, "gespeichert-adresse")
    if not _is_name(given["display"]) or (alias is None and not given["display"]):
        return _page(request, contract, {}, problems=[Problem("", _bad_name())], status=400)
    if alias is None:
        corrections.rename(contract, given["display"], tenant=request.city, now=request.now)
    else:
        further.set_name(contract, alias, given["display"], tenant=request.city)
    return settings.back(FORM, "name")


@access.resident
def remove(request: PortalRequest, contract: "Contract", alias: UUID) -> HttpResponse:
    """/postfach/einstellungen/adressen/<alias>: what follows from deleting it; POST: it is deleted."""
    row = next((one for one in people.identities(request.city, contract) if one.alias == alias), None)
    if row is None:
        raise further.NoSuchAlias
    if request.method == "POST":
        refuse_surplus(request.POST, ())
        further.remove(contract, alias, tenant=request.city, now=request.now)
        return settings.back(FORM, "adresse-weg")
    return render(request, "web/settings_address.html", {"row": row, "quarantine": _quarantine(request), "section": "mail"})


def _added(request: PortalRequest, contract: "Contract", given: dict[str, str]) -> HttpResponse:
    days = int(given["days"]) if given["days"].isascii() and given["days"].isdecimal() and len(given["days"]) < 4 else 0
    problems = []
    if given["temporary"] and not 0 < days <= MOST_DAYS:
        problems.append(Problem("days", _("Bitte geben Sie eine Zahl von 1 bis %(most)s an.") % {"most": MOST_DAYS}))
    if not _is_name(given["display"]):
        problems.append(Problem("display", _bad_name()))
    if problems:
        return _page(request, contract, given, problems=problems, status=400)
    throttle.count(request, "alias", str(contract.id))
    today, zone = settings.today(request), request.policy.tz
    until = periods.midnight(today + timedelta(days=days + 1), zone) if given["temporary"] else None
    try:
        made = aliases.add(contract, given["localpart"], tenant=request.city, until=until, now=request.now)
    except further.NoAddress:
        problem = _refused(request, given["localpart"])
    except contracts.AddressTaken:
        problem = order_words.of_address(people.TAKEN)
    except further.TooManyAliases:
        text = _("Sie haben schon %(most)s weitere Adressen; mehr sind es in Ihrem Tarif nicht.") % {"most": request.policy.mail.aliases}
        problem = Problem("localpart", text)
    else:
        if given["display"]:
            alias = next(one.id for one in people.aliases(request.city, contract) if one.address == made)
            further.set_name(contract, alias, given["display"], tenant=request.city)
        return settings.back(FORM, "adresse")
    return _page(request, contract, given, problems=[problem], status=400)


def _refused(request: PortalRequest, localpart: str) -> Problem:
    if orders.is_localpart(localpart.lower()):
        return order_words.of_address("reserved")
    found = order_words.of([orders.Problem("localpart", "bad_localpart")], request.policy)
    return found[0]


def _row(request: PortalRequest, contract: "Contract", address: str) -> people.SenderRow:
    found = next((one for one in people.identities(request.city, contract) if one.address == address), None)
    if found is None:
        raise further.NoSuchAlias
    return found


def _is_name(text: str) -> bool:
    return settings.is_line(text, MOST_NAME) and not any(sign in text for sign in (*SPECIAL, *settings.TURNED))


def _bad_name() -> str:
    return _("Ein Name hat höchstens %(most)s Zeichen und keine von diesen: %(signs)s") % {"most": MOST_NAME, "signs": SPECIAL}


def _quarantine(request: PortalRequest) -> Any:
    """For how long an address that was given up goes to nobody else."""
    rule = request.policy.categories["TOMB"].rule
    starts = [one.gone_by for one in rule.starts if one.event == further.END] if rule is not None else []
    return starts[0].period if starts else None


def _page(
    request: PortalRequest, contract: "Contract", given: dict[str, str], *, problems: list[Problem] | None = None, status: int = 200
) -> HttpResponse:  # fmt: skip
    wrong, rows = errors_of(problems or []), people.identities(request.city, contract)
    zone, most = request.policy.tz, request.policy.mail.aliases
    hint = _("Zum Beispiel für einen Verein oder für Bestellungen. Sie führt in dasselbe Postfach.")
    context = {
        "rows": [Row(one, one.until.astimezone(zone).date() - timedelta(days=1) if one.until else None) for one in rows],
        "left": most - (len(rows) - 1), "most": most, "given": given, "problems": problems or [], "quarantine": _quarantine(request),
        "localpart": Field("localpart", _("Neue Adresse"), hint=hint, value=given.get("localpart", ""), suffix=f"@{request.city.domain}",
                           error=wrong.get("localpart", ""), maxlength=40, autocomplete="off"),
        "display": Field("display", _("Name, der vor der Adresse steht"), hint=_("Ohne Angabe Ihr üblicher Name."), autocomplete="off",
                         optional=True, value=given.get("display", ""), error=wrong.get("display", ""), maxlength=MOST_NAME),
        "days": Field("days", _("Tage"), inputmode="numeric", value=given.get("days", str(USUAL_DAYS)), error=wrong.get("days", ""),
                      required=False, maxlength=3, autocomplete="off"),
        "done": settings_words.done(request.GET.get("fertig", "")), "section": "mail",
    }  # fmt: skip
    return render(request, "web/settings_addresses.html", context, status=status)
