"""What a page weighs on the wire: its HTML, which is never packed, and all that it names, packed or not as a browser takes it."""

import re
from pathlib import Path

import pytest

import stadtmail.doors.web as door
from stadtmail.mail import queries
from stadtmail.mail.actions import filing
from stadtmail.mail.models import Folder
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.doors.web.test_every_page import LETTER, PAGES, PUBLIC

STATIC = Path(door.__path__[0]) / "static"
MOST, MOST_UNPACKED = 150_000, 210_000  # bytes, without attachments; the notice alone is 70 kB of words
FONTS = ("fira-sans-latin-400-normal.woff2", "fira-sans-latin-600-normal.woff2")  # the others are for signs that few pages have
ORDINARY = (
    b"From: Karla Kolumbus-Reiter %d <karla.kolumbus@verein-der-freunde.example>\r\n"
    b"Subject: Einladung zur Versammlung am Freitag, Nummer %d\r\nMessage-ID: <%d@verein.example>\r\n\r\n"
    b"Liebe Mitglieder, wir treffen uns wie immer um sieben im Saal hinter der Kirche und reden\r\n"
    b"von Sommerfest, Kasse und neuen Lastenfahrern.\r\n"
)
MACHINES = frozenset({"verifier", "proof_log", "apple", "manifest", "looks", "robots", "shape", "icon", "mta_sts"})


def carried(html: str, *, packed: bool) -> int:
    """Bytes of stylesheets, scripts and fonts that a page asks for."""
    named = re.findall(r'(?:href|src)="/static/((?:web|vendor)/[\w.-]+?\.(?:css|js))[^"]*"', html)
    assert {"vendor/kern.css", "web/app.css"} <= set(named)
    files = [STATIC / name for name in named]
    files = [Path(f"{one}.gz") if packed and Path(f"{one}.gz").exists() else one for one in files]
    return sum(one.stat().st_size for one in [*files, *(STATIC / "vendor" / font for font in FONTS)])


@pytest.mark.parametrize("prefix", ["", "/en"])
def test_no_page_is_heavy_for_whoever_unpacks_or_does_not(ahaus, now, prefix: str) -> None:
    cast.resident(ahaus, "anna.k", now)
    cast.deliver(LETTER, "anna.k@ahaus.net", now=now)
    inside, outside, seen = Browser(), Browser(), {}
    inside.login("anna.k@ahaus.net", cast.PASSWORD)
    for name, path in PAGES.items():
        response = (outside if name in PUBLIC else inside).client.get(f"{prefix}{path}")
        if name in MACHINES or response.status_code != 200 or response.streaming or b'rel="stylesheet"' not in response.content:
            continue
        html, looks = response.content.decode(), 2_000
        seen[name] = [len(response.content) + looks + carried(html, packed=one) for one in (True, False)]
    assert len(seen) > 30
    assert {name: sizes for name, sizes in seen.items() if sizes[0] >= MOST or sizes[1] >= MOST_UNPACKED} == {}


@pytest.mark.parametrize("view", ["liste", "gespraeche"])
def test_a_full_page_of_ordinary_letters_is_light_too(ahaus, now, view: str) -> None:
    account = cast.resident(ahaus, "anna.k", now)
    o = queries.opened(queries.mailbox_of(ahaus, account.contract), holder=account.contract)
    folder = Folder.objects.get(mailbox=o.mailbox, number=1)
    letters = [filing.New(ORDINARY % (n, n, n), 0, now) for n in range(120)]
    filing.append(o, folder.id, letters, now=now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    html = browser.client.get(f"/postfach/1?ansicht={view}").content.decode()
    assert html.count('class="row"') >= 50
    assert len(html.encode()) + 2_000 + carried(html, packed=True) < MOST


def test_what_was_left_out_of_kern_is_used_by_no_page() -> None:
    """Each class that a page names and KERN has a rule for has it still; and what no page names is gone."""
    classes = re.compile(r"\.(kern-[\w-]+)")
    before, after = (set(classes.findall(text)) for text in (_whole(), (STATIC / "vendor" / "kern.css").read_text()))
    pages = "\n".join(path.read_text() for path in Path(door.__path__[0]).rglob("*.html"))
    named = set(re.findall(r"kern-[\w-]*\w", pages))
    assert named & before <= after
    assert {f"kern-icon--{kind}" for kind in ("info", "success", "warning", "danger")} <= after
    assert "kern-accordion" in before - after


def test_no_custom_property_is_asked_for_that_is_gone() -> None:
    sheets = "\n".join((STATIC / name).read_text() for name in ("vendor/kern.css", "web/app.css"))
    made = set(re.findall(r"(--[\w-]+)\s*:", sheets))
    asked = set(re.findall(r"var\(\s*(--[\w-]+)", sheets))
    whole = _whole()
    assert (asked - made) & set(re.findall(r"(--[\w-]+)\s*:", whole)) == set()


def _whole() -> str:
    """KERN's stylesheet as it came."""
    path = Path(door.__path__[0]).parents[2] / "node_modules" / "@kern-ux" / "native" / "dist" / "kern.min.css"
    if not path.exists():
        pytest.skip("the package is not here")
    return path.read_text()
