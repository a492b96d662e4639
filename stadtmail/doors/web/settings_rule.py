"""One rule: the form that makes or changes it, without a word of Sieve. It can be tried out before it is saved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, labels, mailbox, settings, settings_rules, settings_words
from stadtmail.doors.web.fields import MEGA, Field, Problem, errors_of, megabytes, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.doors.web.settings import Choice
from stadtmail.kit import errors
from stadtmail.mail import queries, trying
from stadtmail.mail.actions import filters, rules
from stadtmail.mail.labels import KNOWN, is_label
from stadtmail.mail.rulewriting import COPY, KEEP, MOVE, PLACES, TEXTS, TRASH, Condition, Rule
from stadtmail.wire.sievelex import Wrong

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

MOST_ROWS, ROWS = 8, 2
MOST_NAME, MOST_TEXT, MOST_HEADER = 60, 200, 60
PARTS = ("what", "how", "text", "header")
PLAIN = ("step", "version", "rows", "name", "any", "place", "folder", "seen", "flagged", "label", "forward", "stop")
STEPS = ("save", "more", "try")
_HEADER = re.compile(r"[A-Za-z0-9_-]+\Z")
Given = dict[str, str]


class NoSuchRule(errors.NotFound):
    """The mailbox has no rule with this id."""


@dataclass(frozen=True)
class Row:
    """One condition as the form shows it."""

    number: int
    whats: list[Choice]
    hows: list[Choice]
    text: str
    header: str
    error: str


@access.resident
def new(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/einstellungen/filter/neu."""
    o = settings.opened(request, contract)
    if request.method != "POST":
        return _page(request, o, None, {"place": MOVE, "stop": "1", "rows": str(ROWS)})
    return _sent(request, o, None)


@access.resident
def change(request: PortalRequest, contract: "Contract", rule: str) -> HttpResponse:
    """/postfach/einstellungen/filter/<rule>."""
    o = settings.opened(request, contract)
    if request.method == "POST":
        return _sent(request, o, rule)
    found = rules.found(o).book.rule(rule)
    if found is None:
        raise NoSuchRule
    return _page(request, o, rule, {**_given(found, o), "version": rules.mark(found)})


def _sent(request: PortalRequest, o: Any, id_: str | None) -> HttpResponse:
    names = (*PLAIN, *(f"{part}{number}" for number in range(1, MOST_ROWS + 1) for part in PARTS))
    refuse_surplus(request.POST, names)
    given = texts(request.POST, names)
    if given["step"] not in STEPS:
        raise TooManyFieldsSent
    if given["step"] == "more":
        return _page(request, o, id_, {**given, "rows": str(min(_rows(given) + 2, MOST_ROWS))})
    made, problems = _made(request, o, given, id_ or "", with_name=given["step"] == "save")
    if problems:
        return _page(request, o, id_, given, problems=problems, status=400)
    return _tried(request, o, id_, given, made) if given["step"] == "try" else _saved(request, o, id_, given, made)


def _saved(request: PortalRequest, o: Any, id_: str | None, given: Given, made: Rule) -> HttpResponse:
    try:
        rules.save_rule(o, made, seen=given["version"] if id_ else "", enqueue=settings.enqueue, now=request.now)
    except rules.ChangedMeanwhile:
        return _overtaken(request, o, id_ or "", given)
    except rules.NotTheForm:
        return _page(request, o, id_, given, problems=[Problem("", settings_rules.foreign())], status=409)
    except rules.NotConfirmed:
        problems = [Problem("forward", _("Diese Adresse ist noch nicht bestätigt."))]
    except (errors.OverQuota, filters.BadScript):
        problems = [Problem("", settings_rules.too_much())]
    else:
        return settings.back(settings_rules.FORM, "gespeichert")
    return _page(request, o, id_, given, problems=problems, status=400)


def _overtaken(request: PortalRequest, o: Any, id_: str, given: Given) -> HttpResponse:
    """Somebody was faster: what was typed stays in the form, and what is stored now is told; a second save decides."""
    stored = rules.found(o).book.rule(id_)
    if stored is None:
        text = _("Diese Regel wurde inzwischen gelöscht. Ihre Eingaben stehen noch hier; „Speichern“ legt sie als neue Regel an.")
        return _page(request, o, None, {**given, "version": ""}, problems=[Problem("", text)], status=409)
    when, then = settings_words.said(stored, lang=request.language)
    text = _(
        "Diese Regel wurde inzwischen an anderer Stelle geändert. Gespeichert ist jetzt: %(when)s – %(then)s. "
        "Ihre Eingaben stehen noch hier; noch einmal „Speichern“ setzt sie an deren Stelle."
    ) % {"when": when, "then": then}  # fmt: skip
    return _page(request, o, id_, {**given, "version": rules.mark(stored)}, problems=[Problem("", text)], status=409)


def _tried(request: PortalRequest, o: Any, id_: str | None, given: Given, made: Rule) -> HttpResponse:
    try:
        found, looked = trying.matching(o, made, zone=request.policy.tz, now=request.now)
    except Wrong:
        return _page(request, o, id_, given, problems=[Problem("", _("Diese Bedingungen können wir nicht prüfen."))], status=400)
    except queries.Locked:
        return _page(request, o, id_, given, problems=[Problem("", settings.locked())], status=409)
    lines = [mailbox.line(request, row) for row in found]
    return _page(request, o, id_, given, tried=settings_words.tried(len(found), looked), letters=lines, folder_number=trying.INBOX)


def _made(request: PortalRequest, o: Any, given: Given, id_: str, *, with_name: bool) -> tuple[Rule, list[Problem]]:
    """The rule of the form, and what is wrong with it."""
    conditions, problems = _conditions(given)
    folder, role = "", ""
    place = given["place"] if given["place"] in PLACES else KEEP
    if place == TRASH:
        role = "trash"
        folder = next(one.name for one in queries.folders(o) if one.role == role)
    elif place in (MOVE, COPY):
        state = next((one for one, _name in settings.folders(o, lang=request.language) if str(one.number) == given["folder"]), None)
        if state is None:
            problems.append(Problem("folder", _("Bitte wählen Sie einen Ordner.")))
        else:
            folder, role = state.name, state.role
    if given["label"] and given["label"] not in {one.value for one in _labels(o, given)}:
        problems.append(Problem("label", _("Dieses Etikett gibt es nicht.")))
    if given["forward"] and not rules.confirmed(o).get(given["forward"].lower()):
        problems.append(Problem("forward", _("Diese Adresse ist noch nicht bestätigt.")))
    name = given["name"] or (conditions[0].text or settings_words.whats()[conditions[0].what] if conditions else "")
    if with_name and not settings.is_line(name, MOST_NAME):
        name = name[:MOST_NAME]
        if given["name"]:
            problems.append(Problem("name", _("Der Name ist zu lang.")))
    if with_name and place == KEEP and not any(given[one] for one in ("seen", "flagged", "label", "forward", "stop")):
        problems.append(Problem("place", _("Bitte wählen Sie, was geschehen soll.")))
    made = Rule(
        id=id_, name=name, conditions=tuple(conditions), any=given["any"] == "1", place=place, folder=folder, role=role,
        seen=bool(given["seen"]), flagged=bool(given["flagged"]), label=given["label"], forward=given["forward"], stop=bool(given["stop"]),
        on=_is_on(o, id_),
    )  # fmt: skip
    return made, problems


def _is_on(o: Any, id_: str) -> bool:
    """A rule that rests goes on resting when it is changed."""
    known = rules.found(o).book.rule(id_) if id_ else None
    return known is None or known.on


def _conditions(given: Given) -> tuple[list[Condition], list[Problem]]:
    found, problems = [], []
    for number in range(1, MOST_ROWS + 1):
        what, how, text, header = (given.get(f"{part}{number}", "") for part in PARTS)
        if not what or (what in TEXTS and not text and not header):
            continue
        wrong = _wrong(what, how, text, header)
        if wrong:
            problems.append(Problem(f"text{number}", wrong))
        elif what in ("larger", "smaller"):
            found.append(Condition(what, text=str(megabytes(text))))
        elif what in TEXTS:
            found.append(Condition(what, how, text, header if what == "header" else ""))
        else:
            found.append(Condition(what))
    if not found and not problems:
        problems.append(Problem("text1", _("Bitte geben Sie mindestens eine Bedingung an.")))
    return found, problems


def _wrong(what: str, how: str, text: str, header: str) -> str:
    if what not in settings_words.whats() or (what in TEXTS and how not in settings_words.hows()):
        return _("Bitte wählen Sie, was verglichen werden soll.")
    if what in ("larger", "smaller") and megabytes(text) is None:
        return _("Bitte geben Sie eine Zahl an, zum Beispiel 5 oder 0,5.")
    if what in TEXTS and not (text and settings.is_line(text, MOST_TEXT)):
        return _("Bitte geben Sie einen Text mit höchstens %(most)s Zeichen an.") % {"most": MOST_TEXT}
    if what == "header" and not (_HEADER.match(header) and len(header) <= MOST_HEADER):
        return _("So kann keine Kopfzeile heißen. Ein Beispiel: List-Id")
    if what == "body" and how not in ("contains", "not_contains"):
        return _("Im Text der Nachricht geht nur „enthält“ und „enthält nicht“.")
    return ""


def _given(rule: Rule, o: Any) -> Given:
    """A stored rule as the form sends it."""
    given = {
        "name": rule.name, "any": "1" if rule.any else "", "place": rule.place, "label": rule.label, "forward": rule.forward,
        "seen": "1" if rule.seen else "", "flagged": "1" if rule.flagged else "", "stop": "1" if rule.stop else "",
        "rows": str(max(ROWS, len(rule.conditions))), "folder": _number(rule, o),
    }  # fmt: skip
    for number, one in enumerate(rule.conditions, 1):
        is_size = one.what in ("larger", "smaller")
        text = f"{int(one.text) / MEGA:.3f}".rstrip("0").rstrip(".").replace(".", ",") if is_size else one.text
        given |= {f"what{number}": one.what, f"how{number}": one.how, f"text{number}": text, f"header{number}": one.header}
    return given


def _number(rule: Rule, o: Any) -> str:
    rows = settings.folders(o, lang="de")
    found = next((one for one, _name in rows if (one.role == rule.role if rule.role else one.name == rule.folder)), None)
    return str(found.number) if found is not None else ""


def _rows(given: Mapping[str, str]) -> int:
    used = max((number for number in range(1, MOST_ROWS + 1) if given.get(f"text{number}")), default=1)
    asked = int(given["rows"]) if given.get("rows", "").isdecimal() and len(given["rows"]) < 3 else ROWS
    return min(max(asked, used, 1), MOST_ROWS)


def _labels(o: Any, given: Given) -> list[Choice]:
    """The labels that a rule may give: those of every mail program, and the mailbox's own."""
    own = [name for name in queries.keywords(o).values() if is_label(name)]
    known = {name.lower(): name for name in (*KNOWN, *own)}
    return [Choice(name, labels.named(name), name == given.get("label")) for name in known.values()]


def _page(
    request: PortalRequest, o: Any, id_: str | None, given: Given, *, problems: list[Problem] | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    wrong = errors_of(problems or [])
    agreed = [address for address, is_confirmed in rules.confirmed(o).items() if is_confirmed]
    context = {
        "rule": id_, "given": given, "problems": problems or [],
        "rows": [_row(number, given, wrong) for number in range(1, _rows(given) + 1)], "row_count": str(_rows(given)),
        "may_add": _rows(given) < MOST_ROWS,
        "name": Field("name", _("Name der Regel"), hint=_("Nur für Sie. Ohne Namen nehmen wir die erste Bedingung."), required=False,
                      value=given.get("name", ""), maxlength=MOST_NAME, error=wrong.get("name", ""), autocomplete="off"),
        "places": _places(given), "place_error": wrong.get("place", ""), "folder_error": wrong.get("folder", ""),
        "label_error": wrong.get("label", ""), "forward_error": wrong.get("forward", ""),
        "folders": [Choice(str(one.number), name, str(one.number) == given.get("folder"))
                    for one, name in settings.folders(o, lang=request.language)],
        "labels": _labels(o, given), "forwards": [Choice(one, one, one == given.get("forward")) for one in agreed], "section": "mail",
        **more,
    }  # fmt: skip
    return render(request, "web/settings_rule.html", context, status=status)


def _places(given: Given) -> list[Choice]:
    words = {
        MOVE: _("In einen Ordner verschieben"), COPY: _("In einen Ordner kopieren, das Original bleibt im Posteingang"),
        TRASH: _("In den Papierkorb legen"), KEEP: _("Im Posteingang lassen"),
    }  # fmt: skip
    return [Choice(place, label, place == given.get("place")) for place, label in words.items()]


def _row(number: int, given: Given, wrong: Mapping[str, str]) -> Row:
    what, how, text, header = (given.get(f"{part}{number}", "") for part in PARTS)
    return Row(
        number, [Choice(code, label, code == what) for code, label in settings_words.whats().items()],
        [Choice(code, label, code == how) for code, label in settings_words.hows().items()], text, header, wrong.get(f"text{number}", ""),
    )  # fmt: skip
