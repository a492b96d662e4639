"""What the city says about privacy: notice with its old versions, register, annex, imprint. All of it compiled from the policy."""

from django.http import HttpResponse
from django.shortcuts import render

from stadtmail.doors.web.request import PortalRequest
from stadtmail.privacy import notice as compiled
from stadtmail.privacy import policy as policies
from stadtmail.privacy.notice import kept


def notice(request: PortalRequest) -> HttpResponse:
    """GET /datenschutz: today's notice, every clause with its id as anchor."""
    rules = request.policy
    said = kept.Shown(rules.service, rules.version, rules.effective_from.date(), compiled.notice(rules, request.language))
    return _notice(request, said, old=False)


def version(request: PortalRequest, number: int, wording: int | None = None) -> HttpResponse:
    """GET /datenschutz/version/<n>[/wortlaut/<m>]: word for word what whoever ordered then was shown. 404 for one that never was."""
    said = kept.shown(request.city, number, request.language, wording=wording)
    is_old = number != request.policy.version or (wording is not None and wording < len(said.wordings))
    return _notice(request, said, old=is_old)


def register(request: PortalRequest) -> HttpResponse:
    """GET /datenschutz/verzeichnis: processing activities, deletion concept and cookies on one page."""
    context = {"register": compiled.register(request.policy, request.language), "section": "privacy"}
    return render(request, "web/register.html", context)


def annex(request: PortalRequest) -> HttpResponse:
    """GET /datenschutz/auftragsverarbeitung: the annex to the processing contract."""
    return render(request, "web/annex.html", {"annex": compiled.annex(request.policy, request.language), "section": "privacy"})


def imprint(request: PortalRequest) -> HttpResponse:
    """GET /impressum."""
    return render(request, "web/imprint.html", {"imprint": compiled.imprint(request.policy, request.language)})


def _notice(request: PortalRequest, shown: kept.Shown, *, old: bool) -> HttpResponse:
    context = {
        "sections": shown.sections,
        "shown": shown,
        "old": old,
        "versions": policies.versions(request.city),
        "section": "privacy",
    }
    return render(request, "web/notice.html", context)
