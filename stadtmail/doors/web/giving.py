"""Voluntary details once more: each with its own consent, given as easily as it is withdrawn, with one click and without a reason (C-2.6).

Which fields there are, and what for, is the field catalogue's (people/fields.py) to say; nothing else is taken.
"""

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render

from stadtmail.doors.web import access, data_words, order_words, privacy_centre
from stadtmail.doors.web.fields import Problem, errors_of, refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.people import fields as catalogue
from stadtmail.people import queries as people
from stadtmail.people.actions import voluntary
from stadtmail.rights import overview as rights

if TYPE_CHECKING:
    from stadtmail.people.models import Contract


@access.resident
def give(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/datenschutz/meine-daten/freiwillig/angeben: what stands, and a form for each detail that does not."""
    if request.method != "POST":
        return _page(request, contract, {}, [])
    name = request.POST.get("field", "")
    refuse_surplus(request.POST, ("field", *(one for one in catalogue.VOLUNTARY if one == name)))
    value = request.POST.get(name, "").strip()
    try:
        voluntary.give(contract, name, value, tenant=request.city, now=request.now)
    except voluntary.BadDetail as bad:
        return _page(request, contract, {name: value}, order_words.of(bad.problems, request.policy))
    return privacy_centre.back("angegeben")


def _page(request: PortalRequest, contract: "Contract", given: dict[str, str], problems: list[Problem]) -> HttpResponse:
    inputs = order_words.fields(request.policy, given, errors_of(problems))
    rows = [unit for unit in people.units_of(request.city, contract) if unit.category == "BD-OPT"]
    standing = {one.field: one for one in data_words.details(record for _, record in rights.records(rows))}
    details = [{"name": name, "input": inputs[name], "standing": standing.get(name)} for name in catalogue.VOLUNTARY]
    context = {"details": details, "problems": problems, "section": "data"}
    return render(request, "web/my_data_give.html", context, status=400 if problems else 200)
