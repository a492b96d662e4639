"""How a city looks: its colours as CSS variables, its initial on a plain shield until it gives its coat of arms.

Colours come in pairs that were measured: each has at least 4.5:1 on white (light) and on black (dark).
"""

from dataclasses import dataclass
from hashlib import sha256

from django.http import HttpResponse

from stadtmail.doors.web.request import PortalRequest
from stadtmail.privacy.policy.model import Policy


@dataclass(frozen=True)
class Look:
    """Colours of a city: for light and for dark surroundings, and the deep tone of its bands."""

    light: str
    dark: str
    deep: str
    tint: str
    initial: str


PALETTES = (
    ("#0b5d4e", "#6fd3bb", "#073f36", "#e6f3ef"),  # park green
    ("#1d4f91", "#9cc4f5", "#12325d", "#e8f0fa"),  # river blue
    ("#8a2846", "#f2a7bd", "#5c1a2f", "#faeaef"),  # brick red
    ("#5a3d8a", "#cbb4f0", "#3b285c", "#f1ecf8"),  # heather
)


def look(policy: Policy) -> Look:
    """The look of the city; the same at every start."""
    place = sha256(policy.slug.encode()).digest()[0] % len(PALETTES)
    light, dark, deep, tint = PALETTES[place]
    return Look(light, dark, deep, tint, policy.parties.controller.town[:1].upper())


def stylesheet(request: PortalRequest) -> HttpResponse:
    """GET /stadt.css: the variables that turn the portal into this city's portal."""
    own = look(request.policy)
    css = (
        f":root{{--city:{own.light};--city-on:#fff;--city-deep:{own.deep};--city-tint:{own.tint};"
        f"--kern-color-action-default:{own.light};--kern-color-action-on-default:#fff;"
        f"--kern-color-action-focus-default:{own.deep}}}"
        f"@media (prefers-color-scheme:dark){{:root{{--city:{own.dark};--city-on:#0b0c10;--city-tint:#1b1e2c;"
        f"--kern-color-action-default:{own.dark};--kern-color-action-on-default:#0b0c10;"
        f"--kern-color-action-focus-default:{own.dark}}}}}\n"
    )
    return HttpResponse(css, headers={"Content-Type": "text/css; charset=utf-8", "Cache-Control": "max-age=3600"})
