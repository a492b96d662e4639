"""Out of office: what is answered, from which day to which, to whom. It ends by itself on its last day."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, settings, settings_rules, settings_words
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import queries, written
from stadtmail.mail.actions import filters, rules
from stadtmail.mail.rulewriting import Away
from stadtmail.wire.sievecheck import is_address

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

FORM = "away"
FIELDS = ("step", "version", "since", "until", "subject", "text", "text_en", "addresses", "known")
STEPS = ("save", "end")
MOST_SUBJECT, MOST_TEXT, MOST_ADDRESSES = 150, 4000, 10
LONGEST = timedelta(days=366)


@access.resident
def page(request: PortalRequest, contract: "Contract") -> HttpResponse:
    """/postfach/einstellungen/abwesenheit: POST save or end."""
    o = settings.opened(request, contract)
    if request.method != "POST":
        return _page(request, o, _given(request, rules.found(o).book.away))
    refuse_surplus(request.POST, FIELDS)
    given = texts(request.POST, FIELDS)
    if given["step"] not in STEPS:
        raise TooManyFieldsSent
    if given["step"] == "end":
        return _stored(request, o, given, None)
    try:
        made, problems = _made(request, o, given)
    except queries.Locked:  # whom its holder wrote to stands in the messages
        return _page(request, o, given, problems=[Problem("", settings.locked())], status=409)
    if problems or made is None:
        return _page(request, o, given, problems=problems, status=400)
    return _stored(request, o, given, made)


def _stored(request: PortalRequest, o: Any, given: dict[str, str], away: Away | None) -> HttpResponse:
    try:
        rules.set_away(o, away, seen=given["version"], enqueue=settings.enqueue, now=request.now)
    except rules.ChangedMeanwhile:
        return _overtaken(request, o, given)
    except rules.NotTheForm:
        return _page(request, o, given, problems=[Problem("", settings_rules.foreign())], status=409)
    except (errors.OverQuota, filters.BadScript):
        problems = [Problem("", _("Ihre Filter sind zusammen zu lang. Bitte löschen Sie zuerst einen."))]
        return _page(request, o, given, problems=problems, status=400)
    return settings.back(FORM, "abwesend" if away is not None else "anwesend")


def _overtaken(request: PortalRequest, o: Any, given: dict[str, str]) -> HttpResponse:
    """Somebody was faster: what was typed stays, what is stored now is told; a second save decides."""
    stored = rules.found(o).book.away
    said = _("keine Abwesenheitsnotiz") if stored is None else f"{stored.since} – {stored.until}: {stored.text[:200]}"
    text = _(
        "Die Abwesenheitsnotiz wurde inzwischen an anderer Stelle geändert. Gespeichert ist jetzt: %(stored)s. "
        "Ihre Eingaben stehen noch hier; noch einmal „Speichern“ setzt sie an deren Stelle."
    ) % {"stored": said}  # fmt: skip
    given = _given(request, stored) if given["step"] == "end" else {**given, "version": rules.mark(stored)}
    return _page(request, o, given, problems=[Problem("", text)], status=409)


def _made(request: PortalRequest, o: Any, given: dict[str, str]) -> tuple[Away | None, list[Problem]]:
    since, until = _day(given["since"]), _day(given["until"])
    addresses = [one.strip() for one in given["addresses"].replace(";", ",").split(",") if one.strip()]
    problems = []
    if since is None:
        problems.append(Problem("since", _("Dieses Datum gibt es nicht.")))
    if until is None:
        problems.append(Problem("until", _("Dieses Datum gibt es nicht.")))
    elif until < settings.today(request):
        problems.append(Problem("until", _("Dieser Tag ist schon vorbei.")))
    elif since is not None and not since <= until <= since + LONGEST:
        problems.append(Problem("until", _("Der letzte Tag liegt vor dem ersten oder mehr als ein Jahr danach.")))
    if not settings.is_line(given["subject"], MOST_SUBJECT):
        problems.append(Problem("subject", _("Ein Betreff hat eine Zeile und höchstens %(most)s Zeichen.") % {"most": MOST_SUBJECT}))
    if not given["text"]:
        problems.append(Problem("text", _("Bitte schreiben Sie, was Absender lesen sollen.")))
    problems += [
        Problem(name, _("Der Text ist zu lang oder enthält Zeichen, die niemand sieht."))
        for name in ("text", "text_en") if not settings.is_text(given[name], MOST_TEXT)
    ]  # fmt: skip
    if len(addresses) > MOST_ADDRESSES or not all(settings.is_line(one, 254) and is_address(one) for one in addresses):
        problems.append(Problem("addresses", _("Bitte geben Sie Mailadressen an, mit Komma getrennt, höchstens zehn.")))
    if problems or since is None or until is None:
        return None, problems
    known = tuple(written.written_to(o)) if given["known"] else None
    made = Away(
        on=True, text=given["text"].replace("\r\n", "\n"), text_en=given["text_en"].replace("\r\n", "\n"), subject=given["subject"],
        since=since.isoformat(), until=until.isoformat(), addresses=tuple(addresses), known=known,
    )  # fmt: skip
    return made, []


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2200 else None


def _given(request: PortalRequest, away: Away | None) -> dict[str, str]:
    if away is None:
        return {"version": "", "since": settings.today(request).isoformat()}
    return {
        "version": rules.mark(away), "since": away.since, "until": away.until, "subject": away.subject, "text": away.text,
        "text_en": away.text_en, "addresses": ", ".join(away.addresses), "known": "1" if away.known is not None else "",
    }  # fmt: skip


def _page(
    request: PortalRequest, o: Any, given: dict[str, str], *, problems: list[Problem] | None = None, status: int = 200
) -> HttpResponse:  # fmt: skip
    wrong, found = errors_of(problems or []), rules.found(o)
    made = _fields(given, wrong)
    context = {
        "found": found, "given": given, "problems": problems or [], "fields": made, "state": settings.away_state(request, found.book.away),
        "days": settings.days(found.book.away), "known_count": len(found.book.away.known or ()) if found.book.away else 0,
        "most_known": written.MOST, "done": settings_words.done(request.GET.get("fertig", "")), "section": "mail",
        "text_error": wrong.get("text", ""), "text_en_error": wrong.get("text_en", ""), "most_text": MOST_TEXT,
    }  # fmt: skip
    return render(request, "web/settings_away.html", context, status=status)


def _fields(given: dict[str, str], wrong: Any) -> dict[str, Field]:
    labels = {
        "since": (_("Erster Tag"), "", "date", 10, True),
        "until": (_("Letzter Tag (einschließlich)"), "", "date", 10, True),
        "subject": (_("Betreff der Antwort"), _("Ohne Angabe: „Auto:“ und der Betreff der Nachricht."), "text", MOST_SUBJECT, False),
        "addresses": (_("Adressen anderswo, von denen Post zu Ihnen weitergeleitet wird"),
                      _("Nur wenn Sie auch darauf antworten wollen. Ihre Adressen bei uns gehören immer dazu."), "text", 2000, False),
    }  # fmt: skip
    return {
        name: Field(name, label, hint=hint, type=kind, value=given.get(name, ""), error=wrong.get(name, ""), maxlength=most,
                    optional=not needed, autocomplete="off")
        for name, (label, hint, kind, most, needed) in labels.items()
    }  # fmt: skip
