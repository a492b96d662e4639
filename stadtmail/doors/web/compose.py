"""Writing a message: a new one, an answer, one that is passed on, a draft that is taken up again. It works without JavaScript.

Whatever is wrong is said beside its field, and nothing that was typed or attached is lost by it.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from babel.dates import format_datetime, format_time
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, compose_form, mailbox, mailhtml
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.compose_form import Sent
from stadtmail.doors.web.fields import Problem, errors_of, refuse_surplus
from stadtmail.doors.web.request import PortalRequest
from stadtmail.doors.web.templatetags.portal import region
from stadtmail.kit import errors
from stadtmail.mail import drafts
from stadtmail.mail.actions import drafting, planning
from stadtmail.mail.actions.storing import MailboxFull
from stadtmail.mail.drafts import Draft
from stadtmail.wire import typed

STEPS = frozenset({"save", "auto", "attach", "remove", "send", "plan", "discard"})
SAVED_EVERY, SAVED_BYTES_A_SECOND = 10, 256 * 1024  # seconds between two savings by the script: what is large is written less often
STATES = frozenset({"gespeichert", "angehaengt", "entfernt", "zurueck"})


@access.writer
def compose(request: PortalRequest, box: Box) -> HttpResponse:
    """/postfach/schreiben: a new message; whatever is done with a message that is being written is sent here."""
    if request.method != "POST":
        return _page(request, box, _signed(box, Draft()))
    sent = compose_form.read(request)
    try:
        if sent.step not in STEPS:
            raise errors.NotFound
        return _done(request, box, sent)
    finally:
        for one in sent.uploads:
            one.forget()


@access.writer
def draft(request: PortalRequest, box: Box, uid: int) -> HttpResponse:
    """GET /postfach/schreiben/<uid>: a draft is taken up again. One that waits to be sent shows that instead."""
    found = drafts.draft(box.opened, mailbox.number(uid))
    if found.planned is not None:
        return HttpResponseRedirect(reverse("waiting", args=[found.message]))
    state = request.GET.get("stand", "")
    return _page(request, box, found, state=state if state in STATES else "")


@access.writer
def answer(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponse:
    """GET /postfach/<folder>/<uid>/antworten: an answer to its sender, or with ?an=alle to everybody. Nothing is stored yet."""
    known = compose_form.identities(request, box)
    head = drafts.heading(box.opened, folder, mailbox.number(uid))
    name, address = next(iter(head.sender), ("", ""))
    said = _("Am %(day)s schrieb %(name)s:") % {"day": _day(request, head.date or head.received_at), "name": name or address}
    own = {one.person[1] for one in known}
    found = drafts.answer(box.opened, folder, uid, to_all=request.GET.get("an") == "alle", own=own, said=said)
    return _page(request, box, _signed(box, found))


@access.writer
def forward(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponse:
    """POST /postfach/<folder>/<uid>/weiterleiten: a draft with the message in its text and its attachments, or with all of it attached."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("message", args=[folder, uid]))
    refuse_surplus(request.POST, ("how",))
    is_whole = request.POST.get("how") == "attached"
    head = "" if is_whole else _forward_head(request, box, folder, mailbox.number(uid))
    found = _signed(box, drafts.passed_on(box.opened, folder, uid, head=head))
    sender = compose_form.identities(request, box)[0]
    try:
        saved = drafting.pass_on(
            box.opened, replace(found, sender=sender.value), folder, uid, sender=sender.person, whole=is_whole, now=request.now
        )
    except (drafting.TooLarge, MailboxFull) as error:
        return _page(request, box, found, problems=[_too_large(error)])
    return HttpResponseRedirect(reverse("draft", args=[saved.uid]))


def shown(request: PortalRequest, box: Box, sent: Sent, problems: list[Problem], *, status: int = 400) -> HttpResponse:
    """The form with what was typed, of which nothing is saved yet; what was attached before is in the draft as it was."""
    try:
        older = drafts.draft(box.opened, sent.written.uid)
    except errors.NotFound:
        return _page(request, box, sent.written, problems=problems, sent=sent, status=status)
    written = replace(sent.written, files=older.files, in_reply_to=older.in_reply_to, references=older.references)
    return _page(request, box, written, problems=problems, sent=sent, status=status)


def _done(request: PortalRequest, box: Box, sent: Sent) -> HttpResponse:
    if sent.step == "discard":
        drafting.discard(box.opened, sent.written.uid, now=request.now)
        return HttpResponseRedirect(reverse("mailbox"))
    known = compose_form.identities(request, box)
    sender = compose_form.chosen(known, sent.written.sender)
    problems = long = compose_form.too_long(sent.written)
    if sent.step in ("send", "plan"):
        repeated = planning.repeated(box.opened, sent.written) if not sent.uploads else None
        if repeated is not None:
            return HttpResponseRedirect(reverse("waiting", args=[repeated]))
        problems = compose_form.problems(request, box, sent, sender)
    problems = [*problems, *([_too_large(drafting.TooLarge())] if sent.is_too_large else [])]
    try:
        kept = compose_form.without(sent.written, {problem.field for problem in long})
        saved = drafting.save(
            box.opened, kept, sender=(sender or known[0]).person, drop=sent.drop, uploads=sent.uploads, now=request.now
        )
    except (drafting.TooLarge, MailboxFull) as error:
        return _refused(request, box, sent, [*problems, _too_large(error)])
    return _saved(request, box, sent, saved, problems)


def _saved(request: PortalRequest, box: Box, sent: Sent, saved: drafting.Saved, problems: list[Problem]) -> HttpResponse:
    """It is a draft. Now what was asked for is done."""
    if sent.step == "auto":
        return _said(request, saved, problems)
    if saved.apart or problems:
        return _again(request, box, sent, saved, problems)
    if sent.step in ("send", "plan"):
        return _plan(request, box, sent, saved)
    state = {"attach": "angehaengt", "remove": "entfernt"}.get(sent.step, "gespeichert")
    return HttpResponseRedirect(f"{reverse('draft', args=[saved.uid])}?stand={state}")


def _plan(request: PortalRequest, box: Box, sent: Sent, saved: drafting.Saved) -> HttpResponse:
    sender = sent.written.sender.partition(" ")[0]
    what = planning.Dispatch(saved.message, saved.uid, saved.ident, sender, compose_form.recipients(sent.written))
    at = request.now + planning.UNDO if sent.step == "send" else compose_form.moment(request, sent)
    assert at is not None
    try:
        message = planning.plan(box.opened, what, at=at, later=sent.step == "plan", now=request.now)
    except planning.IsRestricted:
        text = _("Solange Ihre Daten auf Ihren Wunsch eingeschränkt sind, senden wir nichts später. Sofort senden können Sie.")
        return _again(request, box, sent, saved, [Problem("day", text)])
    except planning.TooManyPlanned:
        return _again(request, box, sent, saved, [Problem("", _("Es warten schon so viele Nachrichten, wie warten dürfen."))])
    return HttpResponseRedirect(reverse("waiting", args=[message]))


def _again(request: PortalRequest, box: Box, sent: Sent, saved: drafting.Saved, problems: list[Problem]) -> HttpResponse:
    """The form once more, as a draft that is safe: with what is wrong, or because somebody was faster."""
    found = drafts.draft(box.opened, saved.uid)
    found = replace(found, sender=sent.written.sender, to=sent.written.to, cc=sent.written.cc, bcc=sent.written.bcc)
    return _page(request, box, found, problems=problems, state="apart" if saved.apart else "", sent=sent)


def _refused(request: PortalRequest, box: Box, sent: Sent, problems: list[Problem]) -> HttpResponse:
    """It could not be saved: what was typed is on the page."""
    if sent.step == "auto":
        return JsonResponse({"said": problems[0].text}, status=413)
    return shown(request, box, sent, problems)


def _said(request: PortalRequest, saved: drafting.Saved, problems: list[Problem]) -> HttpResponse:
    """What the script is told after it has saved by itself."""
    at = format_time(request.now.astimezone(request.policy.tz), "short", tzinfo=request.policy.tz, locale=region())
    text = _("Entwurf gespeichert um %(time)s") % {"time": at}
    if saved.apart:
        text = _("Dieser Entwurf wurde auch anderswo geändert oder gesendet. Ihr Text liegt jetzt als eigener Entwurf da.")
    text = " ".join([*(problem.text for problem in problems), text])
    return JsonResponse({"draft": saved.uid, "ident": str(saved.ident), "said": text})


def _page(
    request: PortalRequest, box: Box, shown: Draft, *, problems: list[Problem] | None = None, state: str = "", sent: Sent | None = None,
    status: int = 400,
) -> HttpResponse:  # fmt: skip
    known = compose_form.identities(request, box)
    selected = compose_form.chosen(known, shown.sender) or known[0]
    folders = mailbox.folders(box)
    status = status if problems else 409 if state == "apart" else 200
    values: dict[str, Any] = {
        **mailbox.side(box, folders, next((one for one in folders if one.icon == "drafts"), None)),
        "draft": shown,
        "html": mailhtml.written(shown.html),
        "identities": known,
        "selected": selected.value,
        "problems": problems or [],
        "errors": errors_of(problems or []),
        "state": state,
        "people": drafts.correspondents(box.opened),
        "recipients": [(name, label, getattr(shown, name)) for name, label in _labels()],
        "most": compose_form.MOST_UPLOAD,
        "every": SAVED_EVERY + sum(file.size_bytes for file in shown.files) // SAVED_BYTES_A_SECOND,
        "day": sent.day if sent else "",
        "time": sent.time if sent else "",
        "today": request.now.astimezone(request.policy.tz).date().isoformat(),
        "zone_name": request.policy.tz.key,
    }
    return render(request, "web/compose.html", values, status=status)


def _labels() -> list[tuple[str, str]]:
    return [("to", _("An")), ("cc", _("Kopie (Cc)")), ("bcc", _("Blindkopie (Bcc)"))]


def _signed(box: Box, found: Draft) -> Draft:
    """With the person's signature, above what is quoted."""
    signature = drafts.signature(box.opened)
    lead = f"\n\n-- \n{signature}\n" if signature else "\n\n" if found.text else ""
    text = f"{lead}\n{found.text}" if signature and found.text and not found.text.startswith("\n") else f"{lead}{found.text}"
    return replace(found, text=text)


def _too_large(error: errors.StadtmailError) -> Problem:
    if isinstance(error, MailboxFull):
        return Problem("file", _("Dafür reicht der Platz in Ihrem Postfach nicht. Löschen Sie etwas, oder hängen Sie weniger an."))
    most = compose_form.MOST_UPLOAD // (1024 * 1024)
    text = _("Das ist zu groß: Alle Anhänge zusammen dürfen höchstens %(most)d MB haben. Ihr Text ist noch da, die Datei nicht.")
    return Problem("file", text % {"most": most})


def _forward_head(request: PortalRequest, box: Box, folder: int, uid: int) -> str:
    head = drafts.heading(box.opened, folder, uid)
    title, at = _("Weitergeleitete Nachricht"), _day(request, head.date or head.received_at)
    named = [(_("Von"), typed.shown(head.sender)), (_("Datum"), at), (_("Betreff"), head.subject), (_("An"), typed.shown(head.to)),
             (_("Kopie"), typed.shown(head.cc))]  # fmt: skip
    return "\n".join([f"---------- {title} ----------", *(f"{label}: {value}" for label, value in named if value)])


def _day(request: PortalRequest, at: datetime) -> str:
    zone, form = request.policy.tz, "d. MMMM y, HH:mm" if request.language == "de" else "d MMMM y, HH:mm"
    return str(format_datetime(at.astimezone(zone), form, tzinfo=zone, locale=region()))
