"""Lists that are written by hand: what strangers wrote is text in them, and no address is remembered from one session to another."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import set_script_prefix
from django.utils import translation

from stadtmail.doors.web import rows
from stadtmail.doors.web.labels import Label
from stadtmail.doors.web.lines import Line
from stadtmail.doors.web.mailbox import Folder
from stadtmail.doors.web.templatetags import addresses
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

HOSTILE = """"><script>alert('1')</script>&lt;"""
AT = datetime(2026, 11, 23, 10, 5, 7, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def german():
    """Whatever page came last in this process."""
    set_script_prefix("/")
    with translation.override("de"):
        yield


def line(**more) -> Line:
    given = {"uid": 7, "is_seen": False, "sender": HOSTILE, "subject": HOSTILE, "at": AT, "when": "11:05", "size_bytes": 2048,
             "has_attachments": True, "is_answered": True, "is_starred": True, "preview": HOSTILE, "choice": "7"}  # fmt: skip
    return Line(**{**given, **more}, labels=(Label(8, HOSTILE, "blau"),))


def folder(**more) -> Folder:
    given = {"number": 9, "icon": "folder", "name": HOSTILE, "total": 1234, "unread": 1000, "id": None, "uidvalidity": 1, "uidnext": 1,
             "modseq": 1, "role": ""}  # fmt: skip
    return Folder(**{**given, **more})


def test_what_strangers_wrote_is_text() -> None:
    below = line(uid=6)
    for html in (
        rows.listed([line(below=(below,))], "/postfach/1"), rows.found([(line(), "/postfach/1", HOSTILE)]), rows.folders([folder()], None),
    ):  # fmt: skip
        assert "<script" not in html
        assert "'1'" not in html
        assert "&quot;&gt;&lt;script&gt;" in html
        assert re.search(r'="[^"]*<script', html) is None


def test_a_line_says_what_the_message_is() -> None:
    html = rows.listed([line(subject="Betreff", sender="Eva", preview="")], "/postfach/1")
    assert 'href="/postfach/1/7"' in html
    assert 'datetime="2026-11-23T10:05:07+00:00"' in html
    assert 'aria-pressed="true"' in html
    assert 'value="-7"' in html  # the star goes
    for said in ("Ungelesen:", "beantwortet,", "mit Anhang,", "2 KB"):
        assert said in html
    assert "letter__preview" not in html


def test_the_folder_that_is_shown_is_said_so() -> None:
    html = rows.folders([folder(), folder(number=10, unread=0)], folder())
    assert html.count('aria-current="page"') == 1
    assert "1000 ungelesen von 1234" in html
    assert html.count('class="count"') == 1


def test_an_address_is_remembered_without_session_and_language() -> None:
    try:
        for prefix in ("/s/aaaa/", "/en/", "/", "/s/bbbb/en/"):
            set_script_prefix(prefix)
            assert addresses.url("find") == f"{prefix}postfach/suchen"
            assert addresses.url("folder", 3) == f"{prefix}postfach/3"
    finally:
        set_script_prefix("/")


def test_sessions_in_addresses_never_meet(ahaus, now) -> None:
    pages = []
    for localpart in ("anna.k", "ben.b"):
        cast.resident(ahaus, localpart, now)
        browser = Browser(HTTP_USER_AGENT="Testbrowser")
        home = browser.login(f"{localpart}@ahaus.net", cast.PASSWORD, way="url")
        base = re.match(r"/s/[^/]+", next(one for one in home.links if one.startswith("/s/")))[0]
        pages.append((base, browser.get(f"{base}/postfach").response.content.decode()))
    (one, first), (other, second) = pages
    assert one != other
    assert one not in second
    assert other not in first
    for base, html in pages:
        links = re.findall(r'(?:href|action)="(/[^"]*)"', html)
        assert {link for link in links if "/postfach" in link and not link.startswith(base)} == set()
