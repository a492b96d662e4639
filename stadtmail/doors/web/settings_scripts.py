"""For experts: the Sieve scripts of a mailbox as text, the same that mail programs see by ManageSieve. Checked when they are saved."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, settings, settings_words
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail.actions import filters, rules
from stadtmail.wire.sievegrammar import EXTENSIONS
from stadtmail.wire.sievelex import MOST_TEXT

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FORM = "scripts"
FIELDS = {"save": ("step", "version", "name", "text"), "check": ("step", "version", "name", "text"), "run": ("step",), "rest": ("step",),
          "delete": ("step", "version")}  # fmt: skip


@access.resident
def listed(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """GET /postfach/einstellungen/filter/skripte."""
    o = settings.opened(request, contract)
    context = {
        "scripts": filters.listed(o), "form_name": rules.NAME, "extensions": EXTENSIONS, "section": "mail",
        "done": settings_words.done(request.GET.get("fertig", "")),
    }  # fmt: skip
    return render(request, "web/settings_scripts.html", context)


@access.resident
def new(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/einstellungen/filter/skripte/neu."""
    o = settings.opened(request, contract)
    return _posted(request, o, None) if request.method == "POST" else _page(request, o, None, {"name": "", "text": "", "version": ""})


@access.resident
def change(request: PortalRequest, contract: "Contract", script: UUID) -> HttpResponse:
    """/postfach/einstellungen/filter/skripte/<script>: the text. POST save, check, run, rest, delete."""
    o = settings.opened(request, contract)
    found = next((one for one in filters.listed(o) if one.id == script), None)
    if found is None:
        raise filters.NoSuchScript
    if request.method == "POST":
        return _posted(request, o, found)
    text = filters.text_of(o, found.name)
    return _page(request, o, found, {"name": found.name, "text": text, "version": filters.version(text)})


def _posted(request: PortalRequest, o: Any, found: filters.Listed | None) -> HttpResponse:
    step = request.POST.get("step", "")
    if step not in FIELDS or (found is None and step not in ("save", "check")):
        raise TooManyFieldsSent
    refuse_surplus(request.POST, FIELDS[step])
    given = {name: request.POST.get(name, "") for name in FIELDS[step]}
    if step in ("save", "check"):
        return _checked(request, o, found, given)
    assert found is not None
    if step == "delete":
        return _deleted(request, o, found, given["version"])
    filters.activate(o, found.name if step == "run" else "", now=request.now)
    return settings.back(FORM, "skript-laeuft" if step == "run" else "skript-ruht")


def _checked(request: PortalRequest, o: Any, found: filters.Listed | None, given: dict[str, str]) -> HttpResponse:
    text = given["text"].encode("utf-8", "surrogatepass")
    name = found.name if found is not None else given["name"].strip()
    try:
        if given["step"] == "check":
            return _page(request, o, found, given, remarks=filters.check(o, text), is_right=True)
        remarks = filters.put(o, name, text, enqueue=settings.enqueue, now=request.now, was=given["version"])
    except filters.ScriptChanged:
        return _overtaken(request, o, found, given)
    except (filters.BadScript, filters.BadScriptName, errors.OverQuota) as error:
        return _page(request, o, found, given, problems=[_problem(error, request.language)], status=400)
    if remarks:
        saved = next(one for one in filters.listed(o) if one.name == name)
        return _page(request, o, saved, {**given, "version": filters.version(filters.text_of(o, name))}, remarks=remarks, is_saved=True)
    return settings.back(FORM, "skript")


def _problem(error: Exception, lang: str) -> Problem:
    """Why it was not stored; of a script also in which line and column."""
    if isinstance(error, filters.BadScript):
        return Problem("text", error.problem.words(lang)[:1].upper() + error.problem.words(lang)[1:])
    if isinstance(error, filters.BadScriptName):
        return Problem("name", _("Bitte geben Sie einen Namen mit höchstens %(most)s Zeichen an.") % {"most": filters.MOST_NAME})
    return Problem("", _("So viele oder so lange Skripte passen nicht in Ihr Postfach."))


def _overtaken(request: PortalRequest, o: Any, found: filters.Listed | None, given: dict[str, str]) -> HttpResponse:
    """Somebody was faster: what was typed stays in its field, what is stored now stands below it; a second save decides."""
    if found is None:
        problems = [Problem("name", _("Ein Skript mit diesem Namen gibt es schon. Bitte wählen Sie einen anderen."))]
        return _page(request, o, None, given, problems=problems, status=409)
    stored = filters.text_of(o, found.name)
    text = _(
        "Dieses Skript wurde inzwischen geändert. Ihr Text steht noch hier, der gespeicherte darunter; "
        "noch einmal „Speichern“ ersetzt ihn."
    )  # fmt: skip
    given = {**given, "version": filters.version(stored)}
    return _page(request, o, found, given, problems=[Problem("text", text)], stored=stored, status=409)


def _deleted(request: PortalRequest, o: Any, found: filters.Listed, version: str) -> HttpResponse:
    text = filters.text_of(o, found.name)
    if filters.version(text) != version:
        return _overtaken(request, o, found, {"name": found.name, "text": text, "version": version})
    try:
        filters.delete(o, found.name, now=request.now)
    except filters.ScriptActive:
        problems = [Problem("", _("Dieses Skript läuft gerade. Bitte schalten Sie es zuerst aus."))]
        return _page(request, o, found, {"name": found.name, "text": text, "version": version}, problems=problems, status=409)
    context = {
        "scripts": filters.listed(o), "form_name": rules.NAME, "extensions": EXTENSIONS, "section": "mail",
        "gone": {"name": found.name, "text": text},
    }  # fmt: skip
    return render(request, "web/settings_scripts.html", context)


def _page(
    request: PortalRequest, o: Any, found: filters.Listed | None, given: dict[str, str], *, problems: list[Problem] | None = None,
    status: int = 200, **more: Any,
) -> HttpResponse:  # fmt: skip
    wrong = errors_of(problems or [])
    remarks = [one.words(request.language) for one in more.pop("remarks", ())]
    context = {
        "script": found, "given": given, "problems": problems or [], "most": MOST_TEXT, "text_error": wrong.get("text", ""),
        "remarks": remarks, "is_form": found is not None and found.name == rules.NAME and rules.found(o).state == rules.FORM,
        "name": Field("name", _("Name des Skripts"), value=given.get("name", ""), maxlength=filters.MOST_NAME, error=wrong.get("name", ""),
                      autocomplete="off"),
        "section": "mail", **more,
    }  # fmt: skip
    return render(request, "web/settings_script.html", context, status=status)
