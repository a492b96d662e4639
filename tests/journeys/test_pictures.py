"""A production instance in a network of its own, hostile mail, a real browser: who asks for pictures, how often, and what is told.

Web server and name server of the whole internet are ours; every packet that leaves the portal's network is seen (C-1.2, C-4.7).
"""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stadtmail.mail import fetching
from tests.browser import corpus
from tests.browser.conftest import CHROMIUM, ROOT
from tests.dns import FakeDns
from tests.doors.web.browsing import Page
from tests.journeys import networks, post
from tests.journeys.networks import HERE, THERE, Networks, Web
from tests.journeys.people import Resident
from tests.journeys.planting import lying
from tests.journeys.test_production import Production, production

HOST, OTHER, INNER = "bilder.absender.example", "cdn.absender.example", "inneres.example"
ZONES = {
    HOST: {"A": [THERE]}, OTHER: {"A": [THERE]}, INNER: {"A": ["10.1.2.3"]}, "selbst.example": {"A": [HERE]},
    "absender.example": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"], "A": [THERE]},
    "_dmarc.absender.example": {"TXT": ["v=DMARC1; p=reject"]},
}  # fmt: skip
AT = f"http://{HOST}"
# of each letter of the corpus, the pictures that it really has: once each, however often it is named. What browsers make of the
# mutations differs; whatever is taken for a picture there may be asked for, once
WANTED: dict[str, set[str]] = {
    "script": set(), "css": set(), "svg": set(), "refresh": set(), "form": set(), "pixels": {"/1", "/14"}, "cid": {"/e", "/t"},
    "long": {"/long"},
}  # fmt: skip
LOADING = {"src", "srcset", "background", "poster", "data", "action", "formaction"}
MAY_BE = {f"/m{n}" for n in ("", 1, 2, 3, 4, 5, 6, 7)}
TRICKS = (
    f'<img src="http://{INNER}/a"><img src="http://selbst.example/b"><img src="http://{HERE}/c"><img src="http://10.0.0.1/d">'
    f'<img src="http://127.0.0.1:25/e"><img src="http://[::ffff:10.0.0.1]/f"><img src="http://2130706433/g">'
    f'<img src="http://ahaus.localhost/h"><img src="http://niemand.example/i"><img src="https://{OTHER}/gut.png?an=anna" alt="gut">'
)
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Networks, Web]]:
    with networks.networks() as both:
        web = Web(both, tmp_path, HOST, OTHER)
        yield both, web
        web.close()


def letter(name: str, html: str) -> bytes:
    return post.letter(name, html, "html")


def frame(page: Page) -> str:
    return str(next(given["src"] for tag, given in page.tags if tag == "iframe"))


def test_c12_c47_with_pictures_on_each_is_asked_for_once_and_by_the_portal_alone(world: tuple[Networks, Web]) -> None:
    both, web = world
    with both.inside("here"), FakeDns(ZONES) as names:
        settings = {"STADTMAIL_RESOLVER": names.address, "STADTMAIL_LMTP_FROM": "127.0.0.1", "SSL_CERT_FILE": str(web.authority)}
        with production(**settings) as here:
            here.start()
            resident = Resident(here, voluntary=False)
            resident.order()
            for name, body in corpus.BODIES.items():
                html = body.format(at=AT, bare=f"//{HOST}", svg="AAAA") * (20_000 if name == "long" else 1)
                post.send(here.smtp, letter(name, f"<html><body>{html}</body></html>"), resident.address)
            post.send(here.smtp, letter("tricks", TRICKS), resident.address)
            resident.login()
            uids = dict(zip([*corpus.BODIES, "tricks"], resident.inbox()[-len(corpus.BODIES) - 1 :], strict=True))
            _nothing_before(resident, uids)
            time.sleep(1)
            assert (web.heard, both.began) == ([], [])
            _each_once(resident, uids, web)
            assert {(kind, address) for kind, address, _ in both.began} == {("tcp", THERE)}
            assert {port for _, _, port in both.began} <= {80, 443}
            _remembered(resident, uids, web)
            assert len(web.heard) == len(both.began)
            if CHROMIUM is not None and (ROOT / "node_modules" / "playwright-core").exists():
                _in_a_browser(here, resident, uids["tricks"], web)
            _says_nothing(web.heard, resident)
            folders = [here.folder / "data", here.folder / "tmp", Path(str(here.look("volatile-folder")))]
            assert lying(folders, ["gut.png", OTHER]) == []
            assert len(web.heard) == len(both.began)
    assert {name.lower() for name, _, _ in names.asked} & {"10.0.0.1", "ahaus.localhost", "2130706433"} == set()


def _nothing_before(resident: Resident, uids: dict[str, int]) -> None:
    for uid in uids.values():
        for path in (f"/postfach/1/{uid}", f"/postfach/1/{uid}/html", f"/postfach/1/{uid}?als=text", f"/postfach/1/{uid}/druck"):
            resident.browser.ask("GET", path, status=None)


def _each_once(resident: Resident, uids: dict[str, int], web: Web) -> None:
    for name, uid in uids.items():
        before = len(web.heard)
        page = resident.browser.get(f"/postfach/1/{uid}")
        forms = [form for form in page.forms if form.action.endswith("/bilder")]
        if forms:
            resident.browser.send(forms[0], status=302, step="once")
            document = resident.browser.raw(frame(resident.browser.get(resident.browser.at)))
            places = [value for _, given in document.page.tags for attribute, value in given.items() if attribute in LOADING]
            assert all(str(value).startswith("data:image/") for value in places), places
        asked = [one.split()[1].decode() for one in web.heard[before:]]
        assert len(asked) == len(set(asked)), (name, asked)
        if name == "mutations":
            assert set(asked) <= MAY_BE, asked
        elif name == "tricks":
            assert asked == ["/gut.png?an=anna"]
            assert document.content.count(b"data:image/png;base64,") == 1
        else:
            assert set(asked) == WANTED[name], (name, asked)


def _remembered(resident: Resident, uids: dict[str, int], web: Web) -> None:
    page = resident.browser.get(f"/postfach/1/{uids['tricks']}")
    assert "Absender bestätigt" in page.text
    form = next(form for form in page.forms if form.action.endswith("/bilder"))
    page = resident.browser.send(form, status=302, step="always")
    before = len(web.heard)
    assert b"data:image/png" in resident.browser.raw(f"/postfach/1/{uids['pixels']}/html").content
    assert len(web.heard) == before + 2


def _in_a_browser(here: Production, resident: Resident, uid: int, web: Web) -> None:
    """A real one shows them, and opens nothing itself."""
    given = json.dumps({"chromium": CHROMIUM, "address": resident.address, "password": resident.password, "path": f"/postfach/1/{uid}"})
    command = ["node", str(ROOT / "tests" / "browser" / "letters.mjs"), "pictures", f"http://ahaus.localhost:{here.web}", given]
    before = len(web.heard)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen["foreign"] == seen["errors"] == seen["dialogs"] == []
    assert seen["steps"] == ["4 x 4"]
    assert len(web.heard) == before + 1


def _says_nothing(heard: list[bytes], resident: Resident) -> None:
    for one in heard:
        head = one.decode("latin-1")
        fields = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:] if line}
        assert fields == {"host", "user-agent", "accept", "accept-encoding", "connection"}, head
        assert f"User-Agent: {fetching.AGENT}\r\n" in head
        assert not re.search(rf"{re.escape(resident.localpart)}|127\.0\.0\.1|{re.escape(HERE)}|ahaus", head), head
    assert heard
