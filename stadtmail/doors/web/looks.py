"""How a city looks: its colours as CSS variables, its initial on a plain shield until it gives its coat of arms.

A city may name one colour (`city.colour` in its policy); the tones for light and dark surroundings are made from it, each lighter
or darker until it can be read. A city that names none gets one of four that were chosen by hand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from django.http import HttpResponse

from stadtmail.doors.web.request import PortalRequest
from stadtmail.privacy.policy.model import Policy

TEXT = 4.5  # least contrast of text (WCAG 2.2, 1.4.3)
CLEAR = 7.0  # of white text on the deep tone of a band, and of dark surroundings
SOFT = "#f2f4f8"  # KERN's hued background, by day
NIGHT_TINT = "#1b1e2c"
NIGHT = "#0b0c10"
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """Colours of a city: for light and for dark surroundings, the deep tone of its bands, the tint of what is chosen."""

    light: str
    dark: str
    deep: str
    tint: str
    initial: str = ""


PALETTES = (
    Look("#0b5d4e", "#6fd3bb", "#073f36", "#e6f3ef"),  # park green
    Look("#1d4f91", "#9cc4f5", "#12325d", "#e8f0fa"),  # river blue
    Look("#8a2846", "#f2a7bd", "#5c1a2f", "#faeaef"),  # brick red
    Look("#5a3d8a", "#cbb4f0", "#3b285c", "#f1ecf8"),  # heather
)


def look(policy: Policy) -> Look:
    """The look of the city; the same at every start."""
    own = made(policy.colour) if policy.colour else PALETTES[sha256(policy.slug.encode()).digest()[0] % len(PALETTES)]
    return Look(own.light, own.dark, own.deep, own.tint, policy.parties.controller.town[:1].upper())


@cache
def made(colour: str) -> Look:
    """The tones of one colour (`#rrggbb`), whatever it is: each as near to it as it can be read."""
    own = _parts(colour)
    tint = _text(_mixed(own, (255, 255, 255), 0.9))
    light = _until(own, (0, 0, 0), lambda tone: min(contrast(tone, SOFT), contrast(tone, tint), contrast(tone, "#ffffff")) >= TEXT)
    deep = _until(_mixed(_parts(light), (0, 0, 0), 0.3), (0, 0, 0), lambda tone: contrast(tone, "#ffffff") >= CLEAR)
    dark = _until(own, (255, 255, 255), lambda tone: min(contrast(tone, NIGHT), contrast(tone, NIGHT_TINT)) >= CLEAR)
    return Look(light, dark, deep, tint)


def contrast(one: str, other: str) -> float:
    """Contrast of two colours as WCAG 2.2 measures it, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def stylesheet(request: PortalRequest) -> HttpResponse:
    """GET /stadt.css: the variables that turn the portal into this city's portal."""
    css = sheet(look(request.policy))
    return HttpResponse(css, headers={"Content-Type": "text/css; charset=utf-8", "Cache-Control": "max-age=3600"})


def sheet(own: Look) -> str:
    """A look as CSS."""
    return (
        f":root{{--city:{own.light};--city-on:#fff;--city-deep:{own.deep};--city-tint:{own.tint};"
        f"--kern-color-action-default:{own.light};--kern-color-action-on-default:#fff;"
        f"--kern-color-action-focus-default:{own.deep}}}"
        f"@media (prefers-color-scheme:dark){{:root{{--city:{own.dark};--city-on:{NIGHT};--city-tint:{NIGHT_TINT};"
        f"--kern-color-action-default:{own.dark};--kern-color-action-on-default:{NIGHT};"
        f"--kern-color-action-focus-default:{own.dark}}}}}\n"
    )


def _until(own: Colour, towards: Colour, is_enough: Callable[[str], bool]) -> str:
    tones = (_text(_mixed(own, towards, step / 50)) for step in range(51))
    return next(tone for tone in tones if is_enough(tone))


def _parts(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _text(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    r, g, b = (round(own + (to - own) * share) for own, to in zip(one, other, strict=True))
    return r, g, b


def _luminance(colour: str) -> float:
    r, g, b = ((part / 255) / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in _parts(colour))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
