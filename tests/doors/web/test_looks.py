"""Every pair of colours that the portal puts one on the other can be read, in light and in dark, in the colours of any city.

Measured as WCAG 2.2 does (1.4.3: text 4.5:1, 1.4.11: what is not text 3:1), from the style sheets as they are served.
"""

import math
import random
import re
from pathlib import Path

import pytest

import stadtmail.doors.web as door
from stadtmail.doors.web import looks
from tests.doors.web.conftest import Browser

STATIC = Path(door.__path__[0]) / "static"
KERN = (STATIC / "vendor" / "kern.css").read_text()
APP = (STATIC / "web" / "app.css").read_text()
PAPERS = ("--paper", "--soft", "--city-tint")
TEXTS = [(text, paper) for text in ("--ink", "--muted", "--kern-color-action-default") for paper in PAPERS]
TEXTS += [("--city-on", "--city"), ("--kern-color-action-on-default", "--kern-color-action-default"), ("--city", "--paper")]
TEXTS += [(f"--kern-color-feedback-{kind}", "--paper") for kind in ("success", "danger", "info", "warning")]
TEXTS += [("--ink", f"--kern-color-feedback-{kind}-background") for kind in ("success", "danger", "info", "warning")]
TEXTS += [("--ink", "--kern-color-form-input-background"), ("--muted", "--kern-color-form-input-background")]
TEXTS += [("--kern-color-feedback-danger", "--soft"), ("--kern-color-feedback-success", "--soft")]
SIGNS = [(sign, paper) for sign in ("--kern-color-action-focus-default", "--city", "--field") for paper in PAPERS]
PLAIN = {"white": "#ffffff", "black": "#000000", "#fff": "#ffffff", "#000": "#000000"}


def _declared(css: str) -> dict[str, str]:
    return dict(re.findall(r"(--[\w-]+):\s*([^;}]+)", css))


def _blocks(css: str, name: str) -> list[str]:
    return [body for body in re.findall(r"\{([^{}]*)\}", css) if f"{name}:" in body]


def _tokens(sheet: str) -> dict[str, dict[str, str]]:
    """Scheme -> what every name means there, with the style sheet of a city on top."""
    primitive = _declared("".join(_blocks(KERN, "--kern-color-neutral-200")) + "".join(_blocks(KERN, "--kern-color-white")))
    themes = {"light": "var(--kern-color-white)", "dark": "var(--kern-color-black)"}
    by_theme = {
        scheme: next(
            _declared(body) for body in _blocks(KERN, "--kern-color-layout-background-default") if f"background-default: {paper}" in body
        )
        for scheme, paper in themes.items()
    }
    own = _declared(APP[APP.index(":root {") : APP.index("@media (prefers-color-scheme: dark)")])
    night = _declared(APP[APP.index("@media (prefers-color-scheme: dark)") : APP.index("html {")])
    day, _, dusk = sheet.partition("@media")
    light = {**primitive, **by_theme["light"], **own, **_declared(day)}
    return {"light": light, "dark": {**light, **by_theme["dark"], **own, **night, **_declared(day), **_declared(dusk)}}


def _colour(name: str, tokens: dict[str, str]) -> str:
    value = tokens[name].strip()
    while found := re.fullmatch(r"var\((--[\w-]+)(?:,.*)?\)", value):
        value = tokens[found[1]].strip()
    value = PLAIN.get(value, value)
    if parts := re.fullmatch(r"oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)", value):
        value = _from_oklch(float(parts[1]) / 100, float(parts[2]), math.radians(float(parts[3])))
    assert re.fullmatch("#[0-9a-f]{6}", value), (name, value)
    return value


def _from_oklch(lightness: float, chroma: float, hue: float) -> str:
    """sRGB of an oklch colour (CSS Color 4, 17)."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    rows = ((0.3963377774, 0.2158037573), (-0.1055613458, -0.0638541728), (-0.0894841775, -1.2914855480))
    x, y, z = ((lightness + one * a + other * b) ** 3 for one, other in rows)
    linear = (
        4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z,
        -1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z,
        -0.0041960863 * x - 0.7034186147 * y + 1.7076147010 * z,
    )
    shown = (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in (min(1.0, max(0.0, c)) for c in linear))
    return "#" + "".join(f"{round(c * 255):02x}" for c in shown)


def _measure(sheet: str) -> list[str]:
    found = []
    for scheme, tokens in _tokens(sheet).items():
        for pairs, least in ((TEXTS, 4.5), (SIGNS, 3.0)):
            for front, back in pairs:
                ratio = looks.contrast(_colour(front, tokens), _colour(back, tokens))
                if ratio < least:
                    found.append(f"{scheme}: {front} on {back} {ratio:.2f}")
        if looks.contrast("#ffffff", _colour("--city-deep", tokens)) < 7:
            found.append(f"{scheme}: white on the deep tone")
    return found


def test_the_measure_knows_what_is_known() -> None:
    assert looks.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert looks.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert _from_oklch(0.5, 0, 0) == "#636363"
    assert _from_oklch(0.62796, 0.25768, math.radians(29.234)) == "#ff0000"
    pale = looks.Look("#aaaaaa", "#444444", "#999999", "#ffffff")
    assert len(_measure(looks.sheet(pale))) > 5


@pytest.mark.parametrize("palette", looks.PALETTES)
def test_chosen_colours(palette: looks.Look) -> None:
    assert _measure(looks.sheet(palette)) == []


@pytest.mark.parametrize(
    "colour", ["#000000", "#ffffff", "#ffff00", "#00ff00", "#ff0000", "#0000ff", "#808080", "#ffcc00", "#00ffff", "#1d4f91"]
)
def test_a_citys_own_colour_whatever_it_is(colour: str) -> None:
    assert _measure(looks.sheet(looks.made(colour))) == []


def test_any_colour() -> None:
    chance = random.Random(7)
    for _ in range(60):
        colour = f"#{chance.randrange(1 << 24):06x}"
        assert _measure(looks.sheet(looks.made(colour))) == [], colour


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert looks.made("#1d4f91").light == "#1d4f91"


def test_what_is_served_is_what_is_measured(ahaus, musterstadt) -> None:
    sheets = []
    for host in ("ahaus.localhost", "musterstadt.localhost"):
        response = Browser(host).get("/stadt.css")
        assert response.headers["Content-Type"].startswith("text/css")
        sheets.append(response.content.decode())
        assert _measure(sheets[-1]) == []
    assert sheets[0] != sheets[1]


def test_the_citys_colour_comes_from_its_policy(ahaus) -> None:
    from dataclasses import replace

    from stadtmail.privacy import policy

    own = policy.current(ahaus)
    assert looks.look(replace(own, colour="#c8102e")).light == "#c8102e"
    assert looks.look(own).initial == "A"


def test_no_colour_but_tokens() -> None:
    """A page's rules name tokens; colours in clear only where they are the same in every scheme (bands, frame, paper)."""
    clear = re.compile(r"(?:^|[;{\s])(?:color|background|background-color|border-color|fill|stroke)\s*:\s*#[0-9a-f]{3,8}", re.IGNORECASE)
    allowed = re.compile(r"\.hero|\.frame|\.picture-code|@media print|body \{ font-size: 11pt|^\s*a \{ color: #000")
    assert [line for line in APP.splitlines() if clear.search(line) and not allowed.search(line)] == []


def test_the_packed_style_sheet_is_this_one() -> None:
    import gzip

    packed = STATIC / "web" / "app.css.gz"
    assert not packed.exists() or gzip.decompress(packed.read_bytes()).decode() == APP, "sh tools/assets.sh"
