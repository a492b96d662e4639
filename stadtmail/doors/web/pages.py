"""Pages that say something and do nothing: start, help, terms."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import captcha
from stadtmail.doors.web.request import PortalRequest
from stadtmail.privacy.policy.clauses import CLAUSES


def start(request: PortalRequest) -> HttpResponse:
    """GET /: the city's front door."""
    context = {"tariffs": list(request.policy.tariffs.values()), "clause_count": len(CLAUSES), "section": "start"}
    return render(request, "web/start.html", context)


def help_page(request: PortalRequest) -> HttpResponse:
    """GET /hilfe."""
    return render(request, "web/help.html", {"section": "help", "seconds": captcha.WAIT.seconds, "keys": _keys()})


def _keys() -> list[tuple[str, str]]:
    """The keys of the mailbox, which mailbox.js knows, and what each does."""
    return [
        ("j", _("nächste (ältere) Nachricht")), ("k", _("vorige (neuere) Nachricht")), ("x", _("Nachricht auswählen")),
        ("e", _("archivieren")), ("#", _("löschen")), ("!", _("in den Spam")), ("i", _("als ungelesen zeigen")), ("s", _("markieren")),
        ("u", _("zurück zur Liste")), ("/", _("zum Suchfeld")),
    ]  # fmt: skip


def terms(request: PortalRequest) -> HttpResponse:
    """GET /agb: the city's terms, dated, to read, print and keep."""
    paragraphs = [part.strip() for part in request.policy.terms.text[request.language].split("\n\n") if part.strip()]
    return render(request, "web/terms.html", {"terms": request.policy.terms, "paragraphs": paragraphs})


def robots(request: PortalRequest) -> HttpResponse:  # noqa: ARG001
    """GET /robots.txt: search engines may read the public pages, nothing behind them."""
    closed = ("/postfach", "/abholen", "/schreibtisch", "/datenschutz/meine-daten", "/s/")
    lines = (f"Disallow: {prefix}{path}" for path in closed for prefix in ("", "/en"))
    return HttpResponse("\n".join(("User-agent: *", *lines, "")), content_type="text/plain; charset=utf-8")
