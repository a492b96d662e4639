"""What the city says about privacy: notice with its old versions, register, annex, imprint. All of it compiled from the policy."""

from django.http import HttpResponse
from django.shortcuts import render

from stadtmail.doors.web.request import PortalRequest
from stadtmail.privacy import notice as compiled
from stadtmail.privacy import policy as policies
from stadtmail.privacy.policy import Policy


def notice(request: PortalRequest) -> HttpResponse:
    """GET /datenschutz: today's notice, every clause with its id as anchor."""
    return _notice(request, request.policy, old=False)


def version(request: PortalRequest, number: int) -> HttpResponse:
    """GET /datenschutz/version/<n>: a notice as it was shown to whoever ordered then. 404 for one that never was."""
    return _notice(request, policies.version(request.city, number), old=number != request.policy.version)


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


def _notice(request: PortalRequest, shown: Policy, *, old: bool) -> HttpResponse:
    context = {
        "sections": compiled.notice(shown, request.language),
        "shown": shown,
        "old": old,
        "versions": policies.versions(request.city),
        "section": "privacy",
    }
    return render(request, "web/notice.html", context)
