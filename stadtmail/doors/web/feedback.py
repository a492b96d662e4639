"""Report a barrier: a form for everybody, without log-in, cookie or name. What is written goes to the city as a message and nowhere else.

As with an order, proof of work or a short wait keeps programs out (C-5.x); who sends is not asked and not noted.
"""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import captcha, throttle
from stadtmail.doors.web.fields import Field, Problem, errors_of, refuse_surplus, texts
from stadtmail.doors.web.request import PortalRequest
from stadtmail.mail.actions import asking
from stadtmail.privacy.policy.authorities import LAENDER
from stadtmail.usage import limits
from stadtmail.wire import sievecheck

ASKED = ("what", "where", "reply")
SENT = (*ASKED, "wait", "solution")
MOST, PER_DAY = 4000, 200


def declaration(request: PortalRequest) -> HttpResponse:
    """GET /barrierefreiheit: what can be used by everybody, what not yet, and who helps where the city does not."""
    land = LAENDER[request.policy.land][request.language]
    return render(request, "web/accessibility.html", {"land": land, "has_ombud": request.policy.land == "NW"})


def report(request: PortalRequest) -> HttpResponse:
    """/barrierefreiheit/melden: the form, and what was written on its way. Raises asking.NotTaken, throttle.TooManyTries."""
    if request.method != "POST":
        return _form(request, {"where": request.GET.get("seite", "")[:200]}, [])
    refuse_surplus(request.POST, SENT)
    given = texts(request.POST, SENT)
    problems = _problems(given)
    if problems:
        return _form(request, given, problems, status=400)
    city, now = request.city, request.now
    if not captcha.is_solved(city, given["solution"], now=now) and not captcha.has_waited(city, given["wait"], now=now):
        return _form(request, given, [], wait_more=True)
    throttle.count(request, "feedback")
    if not limits.allow("feedback", str(city.id), limit=PER_DAY, per_seconds=86_400, now=now):
        raise throttle.TooManyTries
    lines = (given["what"], "", f"Seite: {given['where'] or '-'}", f"Antwort an: {given['reply'] or '-'}")
    asking.ask(city, "Barriere gemeldet", "\r\n".join(lines), reply_to=given["reply"], now=now)
    return render(request, "web/feedback_done.html", {"reply": bool(given["reply"])})


def _problems(given: dict[str, str]) -> list[Problem]:
    found = []
    if not given["what"]:
        found.append(Problem("what", _("Bitte beschreiben Sie das Hindernis.")))
    if len(given["what"]) > MOST or len(given["where"]) > 200:
        found.append(Problem("what", _("Das ist zu lang: höchstens %(most)s Zeichen.") % {"most": MOST}))
    if given["reply"] and (len(given["reply"]) > 254 or not sievecheck.is_address(given["reply"])):
        found.append(Problem("reply", _("Das ist keine vollständige E-Mail-Adresse.")))
    return found


def _form(
    request: PortalRequest, given: dict[str, str], problems: list[Problem], *, wait_more: bool = False, status: int = 200
) -> HttpResponse:
    wrong = errors_of(problems)
    puzzle = captcha.puzzle(request.city, now=request.now)
    if given.get("wait") and captcha.is_ours(request.city, given["wait"], now=request.now):
        puzzle = captcha.Puzzle(puzzle.challenge, given["wait"])  # the time already waited counts
    rule = request.policy.categories["CONT"].rule
    context = {
        "what": Field("what", _("Was hindert Sie?"), hint=_("Zum Beispiel: was Sie tun wollten und womit Sie die Seite lesen."),
                      value=given.get("what", ""), error=wrong.get("what", ""), maxlength=MOST),
        "where": Field("where", _("Auf welcher Seite?"), value=given.get("where", ""), optional=True, maxlength=200, autocomplete="off"),
        "reply": Field("reply", _("Ihre E-Mail-Adresse, wenn Sie eine Antwort möchten"), type="email", autocomplete="email",
                       value=given.get("reply", ""), error=wrong.get("reply", ""), optional=True, maxlength=254),
        "puzzle": puzzle, "wait_more": wait_more, "problems": problems, "period": rule.gone_by.period if rule else None,
    }  # fmt: skip
    return render(request, "web/feedback.html", context, status=status)
