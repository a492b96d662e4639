"""Every URL of the table, whoever asks: the headers of a house that nobody can frame, sniff or lead astray, and no cookie outside.

The addresses come from `test_every_page`, where a page that nobody listed fails.
"""

import re
from urllib.parse import urlsplit

import pytest

from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.doors.web.test_every_page import LETTER, PAGES, PUBLIC, shown

AFAR = ("//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/%0d%0aLocation: https://evil.example")
FRAMED = {"message_html": "'self'", "message_print": "'self'"}  # what a stranger wrote, in its sandbox
# file downloads may not even style themselves; everything else is the portal's own policy
SEALED = "default-src 'none'"
NOBODY = "'none'"


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    cast.deliver(LETTER, "anna.k@ahaus.net", now=now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def assert_sound(name: str, response) -> None:
    heads = response.headers
    policy = heads["Content-Security-Policy"]
    assert policy.startswith(("default-src 'self'", SEALED)), (name, policy)
    own = name in FRAMED and response.status_code == 200
    strict = policy.replace("style-src 'unsafe-inline'", "") if own else policy  # in its sandbox
    assert not re.search(r"unsafe|http|\*|blob:", strict), (name, policy)
    assert heads["X-Content-Type-Options"] == "nosniff", name
    assert heads["Referrer-Policy"] in ("same-origin", "no-referrer"), name
    assert heads["Cross-Origin-Opener-Policy"] == "same-origin", name
    assert heads["Cross-Origin-Resource-Policy"] == "same-origin", name
    assert "camera=()" in heads["Permissions-Policy"], name
    assert "Access-Control-Allow-Origin" not in heads, name
    assert heads["X-Frame-Options"] == ("SAMEORIGIN" if own else "DENY"), name
    if own or policy.startswith("default-src 'self'"):
        assert f"frame-ancestors {FRAMED[name] if own else NOBODY}" in policy, (name, policy)
    assert "Server" not in heads
    assert "X-Powered-By" not in heads


def assert_plain(name: str, response) -> None:
    """No script, style or handler inside a page (C-1.2 needs none, the policy would refuse it)."""
    if response.streaming or "html" not in response.headers.get("Content-Type", "") or name in FRAMED:
        return
    text = response.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=\")|<style|\sstyle=|\son[a-z]+=", text), name


def test_every_answer_to_everybody_is_sound(anna: Browser, musterstadt, now) -> None:
    cast.resident(musterstadt, "clara.c", now)
    clara = Browser("musterstadt.localhost")
    clara.login("clara.c@musterstadt.example", cast.PASSWORD)
    for who in (Browser(), anna, clara):
        for name, path in PAGES.items():
            if name == "logout":
                continue
            response = who.client.get(path)
            assert_sound(name, response)
            assert_plain(name, response)
            assert response.status_code < 500, (name, response.status_code)


def test_c31_no_public_page_sets_a_cookie_or_is_kept_for_somebody(ahaus) -> None:
    for name in PUBLIC:
        for path in (PAGES[name], f"/en{PAGES[name]}"):
            response = Browser().client.get(path, headers={"cookie": "stadtmail=" + "x" * 43})
            assert "Set-Cookie" not in str(response.headers), name
            assert not response.cookies, name


def test_c47_somebody_of_another_city_with_annas_numbers_sees_their_own(anna: Browser, musterstadt, now) -> None:
    """Numbers of folders and messages mean the reader's own mailbox; Anna's city shows nothing of hers to Clara's host."""
    cast.resident(musterstadt, "clara.c", now)
    clara = Browser("musterstadt.localhost")
    clara.login("clara.c@musterstadt.example", cast.PASSWORD)
    for name, path in PAGES.items():
        if name == "logout":
            continue
        text = shown(clara.client.get(path))
        assert not re.search("Zitronenbrief|Kanariengelb|anna\\.k", text), name


@pytest.mark.parametrize("host", ["evil.example", "ahaus.localhost.evil.example", "ahaus.localhost@evil.example", "evil.example:80"])
def test_a_strange_host_gets_no_page_at_all(anna: Browser, host: str) -> None:
    cookie = anna.client.cookies["stadtmail"].value
    for name, path in PAGES.items():
        response = Browser(host).client.get(path, headers={"cookie": f"stadtmail={cookie}"})
        assert response.status_code == 421, name
        assert not re.search("AHAUS|anna|Zitronenbrief", shown(response)), name


def test_claims_of_a_host_change_no_answer(anna: Browser) -> None:
    for name, path in PAGES.items():
        if name == "logout":
            continue
        claims = {
            "x-forwarded-host": "evil.example",
            "forwarded": "host=evil.example",
            "x-original-url": "/schreibtisch",
            "x-host": "evil.example",
        }
        response = anna.client.get(path, headers=claims)
        assert "evil.example" not in shown(response), name


@pytest.mark.parametrize("to", AFAR)
def test_nobody_is_led_elsewhere(anna: Browser, to: str) -> None:
    """No parameter of any page becomes a redirect to another host; whoever is led to the log-in comes back to this house."""
    for name, path in PAGES.items():
        for who in (Browser(), anna):
            response = (
                who.client.get(path, {"next": to, "url": to, "to": to, "zurueck": to, "fertig": to})
                if name != "logout"
                else who.client.get(path)
            )
            led = response.headers.get("Location", "/")
            assert not urlsplit(led).netloc, (name, led)
            assert led.startswith("/"), (name, led)
            assert not led.startswith(("//", "/\\")), (name, led)
            assert "\n" not in led
            assert "\r" not in led
