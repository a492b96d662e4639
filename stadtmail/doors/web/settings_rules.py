"""The list of rules: their order, on and off, delete and take back; and what to do where they do not run."""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, settings, settings_words, tokens
from stadtmail.doors.web.fields import Problem, refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import rulebook, views
from stadtmail.mail.actions import filters, rules
from stadtmail.mail.rulewriting import COPY, MOVE, Rule

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FORM = "rules"
STEPS = {
    "up": ("step", "rule"), "down": ("step", "rule"), "on": ("step", "rule"), "off": ("step", "rule"), "delete": ("step", "rule"),
    "undo": ("step", "gone"), "run": ("step",), "anew": ("step",),
}  # fmt: skip
BY = {"up": -1, "down": 1}


@dataclass(frozen=True)
class Line:
    """A rule as the list shows it."""

    rule: Rule
    when: str
    then: str
    warning: str
    is_first: bool
    is_last: bool


@access.resident
def page(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/einstellungen/filter: the list. POST: one step with one rule."""
    o = settings.opened(request, contract)
    if request.method != "POST":
        return shown(request, o)
    step = request.POST.get("step", "")
    if step not in STEPS:
        raise TooManyFieldsSent
    refuse_surplus(request.POST, STEPS[step])
    try:
        return _done(request, o, step, request.POST.get("rule", ""))
    except (rules.ChangedMeanwhile, rules.NotTheForm, filters.NoSuchScript):
        return shown(request, o, problems=[Problem("", changed())], status=409)
    except (rules.TooManyRules, filters.TooManyScripts, filters.BadScript):
        return shown(request, o, problems=[Problem("", too_much())], status=400)
    except rules.NotConfirmed:
        problem = Problem("", _("Die Adresse, an die diese Regel weiterleitet, ist nicht bestätigt."))
        return shown(request, o, problems=[problem], status=400)


def shown(request: PortalRequest, o: Any, *, problems: list[Problem] | None = None, gone: str = "", status: int = 200) -> HttpResponse:
    """The list with what there is to say. `gone`: a rule that was just deleted, sealed for taking it back."""
    found = rules.found(o)
    context = {
        "found": found, "lines": lines(request, o, found), "problems": problems or [], "gone": gone, "section": "mail",
        "done": settings_words.done(request.GET.get("fertig", "")),
        "text": filters.text_of(o, rules.NAME) if found.state == rules.TEXT else "",
    }  # fmt: skip
    return render(request, "web/settings_rules.html", context, status=status)


def changed() -> str:
    """Somebody was faster."""
    return _("Ihre Filter wurden inzwischen an anderer Stelle geändert. Hier steht, was jetzt gilt; es ist nichts verloren gegangen.")


def foreign() -> str:
    """Somebody made a text of it while a form was open."""
    return _(
        "Ihre Filter wurden inzwischen an anderer Stelle geändert: Sie sind jetzt ein eigenes Skript, in das das Formular nichts eintragen "
        "kann. Ihre Eingaben stehen noch hier; unter „Filter“ können Sie das Skript aufheben und neu beginnen."
    )  # fmt: skip


def too_much() -> str:
    """As many rules, or as long ones, as there can be."""
    return _("Mehr oder längere Regeln sind nicht möglich. Bitte löschen Sie zuerst eine.")


def lines(request: PortalRequest, o: Any, found: rules.Found) -> list[Line]:
    """The rules in words, with what is wrong with each."""
    if not found.book.rules:
        return []
    names, agreed = {one.name for one in views.states(o)}, rules.confirmed(o)
    last = len(found.book.rules) - 1
    return [
        Line(one, *settings_words.said(one, lang=request.language), _warning(one, names, agreed), at == 0, at == last)
        for at, one in enumerate(found.book.rules)
    ]


def _warning(rule: Rule, names: set[str], agreed: dict[str, bool]) -> str:
    if rule.place in (MOVE, COPY) and not rule.role and views.canonical(rule.folder) not in names:
        return _("Den Ordner „%(folder)s“ gibt es nicht mehr. Solange bleiben die Nachrichten im Posteingang.") % {"folder": rule.folder}
    if rule.forward and not agreed.get(rule.forward.lower()):
        return _("Die Adresse %(address)s ist nicht mehr bestätigt. Dorthin wird nichts weitergeleitet.") % {"address": rule.forward}
    return ""


def _done(request: PortalRequest, o: Any, step: str, id_: str) -> HttpResponse:
    now, enqueue = request.now, settings.enqueue
    if step in BY:
        rules.move_rule(o, id_, by=BY[step], enqueue=enqueue, now=now)
        return settings.back(FORM, "verschoben")
    if step in ("on", "off"):
        rules.switch_rule(o, id_, on=step == "on", enqueue=enqueue, now=now)
        return settings.back(FORM, "an" if step == "on" else "aus")
    if step == "delete":
        rule, at = rules.drop_rule(o, id_, enqueue=enqueue, now=now)
        return shown(request, o, gone=_sealed(request, o, rule, at))
    if step == "undo":
        rule, at = _unsealed(request, o)
        rules.restore_rule(o, rule, at, enqueue=enqueue, now=now)
        return settings.back(FORM, "zurueck")
    if step == "run":
        rules.run(o, now=now)
        return settings.back(FORM, "laeuft")
    rules.begin_anew(o, now=now)
    return settings.back(FORM, "neu-begonnen")


def _sealed(request: PortalRequest, o: Any, rule: Rule, at: int) -> str:
    """A deleted rule lies nowhere but in the page that says so."""
    state = {"box": str(o.mailbox.id), "rule": asdict(rule), "at": at}
    return tokens.seal_state(request.city.id, FORM, state, now=request.now)


def _unsealed(request: PortalRequest, o: Any) -> tuple[Rule, int]:
    state = tokens.open_state(request.city.id, FORM, request.POST.get("gone", ""), now=request.now)
    if state.get("box") != str(o.mailbox.id):
        raise tokens.StaleForm
    return rulebook.rule_of(json.dumps(state["rule"])), int(state["at"])
