"""What every template knows: the city, its policy, the language, who is logged in."""

from typing import Any

from stadtmail.doors.web import viewing
from stadtmail.doors.web.looks import look
from stadtmail.doors.web.request import PortalRequest


def portal(request: PortalRequest) -> dict[str, Any]:
    """City, policy, language and session of the request; nothing personal."""
    policy = getattr(request, "policy", None)
    if policy is None:
        return {"lang": "de", "request": request}
    lang = request.language
    here = request.get_full_path_info() if request.method == "GET" else request.path_info
    path = f"/{here.lstrip('/')}"  # two slashes at the front would be the name of another host
    other = "de" if lang == "en" else "en"
    return {
        "request": request,
        "policy": policy,
        "lang": lang,
        "other_lang": other,
        "other_url": f"{request.session_prefix}{'/en' if other == 'en' else ''}{path}",
        "session": request.visit.session if request.visit else None,
        "url_session": bool(request.session_prefix),
        "zone": viewing.zone(request),
        "dense": viewing.is_dense(request),
        "look": look(policy),
        "controller": policy.parties.controller,
    }
