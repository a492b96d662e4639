"""The search of a mailbox: a field on every mail page, and a page for who wants it more exactly. It works without JavaScript.

What somebody looks for stands in no address and in no log: it is sent in a form, and the address of the answer carries it sealed
for this mailbox, so that "back" and "older" work.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, mailbox, rows, tokens
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import Field, Problem, errors_of, megabytes, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail import finding

FORM, STATE = "find", "suche"
TEXTS = ("text", "sender", "receiver", "subject", "name", "since", "until", "larger", "folder")
MARKS = ("attached", "unread")
MOST = 200  # signs of a field


@access.reader
def find(request: PortalRequest, box: Box) -> HttpResponse:
    """/postfach/suchen: the form, and what was found."""
    shown = mailbox.folders(box)
    if request.method == "POST":
        return _sent(request, box, shown)
    if STATE not in request.GET:
        return _page(request, box, shown, {})
    try:
        state = tokens.open_state(request.city.id, FORM, request.GET[STATE], now=request.now)
    except tokens.StaleForm:  # an hour old, or somebody else's: begin again
        state = {}
    if state.get("box") != str(box.mailbox.id):
        return HttpResponseRedirect(reverse("find"))
    return _found(request, box, shown, state)


def _sent(request: PortalRequest, box: Box, shown: list[mailbox.Folder]) -> HttpResponse:
    refuse_surplus(request.POST, (*TEXTS, *MARKS))
    given = {name: value[:MOST] for name, value in texts(request.POST, (*TEXTS, *MARKS)).items() if value}
    problems = _problems(given, shown)
    if problems:
        return _page(request, box, shown, given, problems=problems, status=400)
    return HttpResponseRedirect(_address(request, box, given))


def _problems(given: dict[str, str], shown: list[mailbox.Folder]) -> list[Problem]:
    if not set(given) - {"folder"}:
        return [Problem("text", _("Schreiben Sie bitte, wonach wir suchen sollen."))]
    found = [Problem(name, _("Dieses Datum gibt es nicht.")) for name in ("since", "until") if name in given and _day(given[name]) is None]
    if "larger" in given and megabytes(given["larger"]) is None:
        found.append(Problem("larger", _("Bitte geben Sie eine Zahl an, zum Beispiel 5 oder 0,5.")))
    if "folder" in given and given["folder"] not in {str(one.number) for one in shown}:
        found.append(Problem("folder", _("Diesen Ordner gibt es nicht.")))
    return found


def _address(request: PortalRequest, box: Box, given: dict[str, str], **more: Any) -> str:
    state = tokens.seal_state(request.city.id, FORM, {"box": str(box.mailbox.id), "given": given, **more}, now=request.now)
    return f"{reverse('find')}?{STATE}={state}"


def _found(request: PortalRequest, box: Box, shown: list[mailbox.Folder], state: dict[str, Any]) -> HttpResponse:
    given: dict[str, str] = state["given"]
    found = finding.find(
        box.opened, _wish(request, given), folder=int(given["folder"]) if "folder" in given else None,
        page=finding.Page(before=state.get("before"), count=mailbox.PAGE), unseen="unread" in given,
    )  # fmt: skip
    places = {one.number: (reverse("folder", args=[one.number]), one.name) for one in shown}
    lines = rows.found((mailbox.line(request, one.row), *places[one.folder]) for one in found.rows if one.folder in places)
    older = _address(request, box, given, before=found.rows[-1].mark) if found.has_more else ""
    return _page(request, box, shown, given, lines=lines, older=older, is_first="before" not in state, is_whole=found.is_whole)


def _wish(request: PortalRequest, given: dict[str, str]) -> finding.Wish:
    since, until = _day(given.get("since", "")), _day(given.get("until", ""))
    return finding.Wish(
        text=given.get("text", ""), sender=given.get("sender", ""), receiver=given.get("receiver", ""), subject=given.get("subject", ""),
        name=given.get("name", ""),
        since=_midnight(request, since) if since else None,
        before=_midnight(request, until + timedelta(days=1)) if until and until < date.max else None,
        larger=megabytes(given.get("larger", "")) or 0,
        has_attachments="attached" in given,
    )  # fmt: skip


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 <= found.year <= 9000 else None


def _midnight(request: PortalRequest, day: date) -> datetime:
    return datetime.combine(day, time(), request.policy.tz)


def _page(
    request: PortalRequest, box: Box, shown: list[mailbox.Folder], given: dict[str, str], *, lines: str | None = None,
    problems: list[Problem] | None = None, status: int = 200, **more: Any,
) -> HttpResponse:  # fmt: skip
    wrong = errors_of(problems or [])
    context = {
        **mailbox.side(box, shown, None), "given": given, "lines": lines, "problems": problems or [], "fields": _fields(given, wrong),
        "is_exact": bool(set(given) - {"text"}), "section": "find", **more,
    }  # fmt: skip
    return render(request, "web/find.html", context, status=status)


def _fields(given: dict[str, str], wrong: Any) -> dict[str, Field]:
    labels = {
        "text": (_("Suchen nach"), "text"), "sender": (_("Absender"), "text"), "receiver": (_("Empfänger"), "text"),
        "subject": (_("Betreff"), "text"), "name": (_("Name einer Datei im Anhang"), "text"), "since": (_("Eingegangen ab"), "date"),
        "until": (_("Eingegangen bis"), "date"), "larger": (_("Größer als (in MB)"), "text"),
    }  # fmt: skip
    hints = {"text": _("Wörter oder ihr Anfang; „in Anführungszeichen“ genau so."), "larger": _("Mit allen Anhängen, zum Beispiel 5.")}
    return {
        name: Field(name, label, type=kind, value=given.get(name, ""), error=wrong.get(name, ""), required=False, maxlength=MOST,
                    hint=hints.get(name, ""), autocomplete="off", inputmode="decimal" if name == "larger" else "")
        for name, (label, kind) in labels.items()
    }  # fmt: skip
