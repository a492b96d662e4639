"""Where a resident arrives after the log-in: new mail, how full it is, ways on; on mail pages the same warning."""

import pytest

from stadtmail.doors.web.storage import Storage
from stadtmail.mail.actions import accounts
from stadtmail.mail.models import Mailbox
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

TITLES = ("Ihr Postfach wird langsam voll", "Ihr Postfach ist fast voll", "Ihr Postfach ist voll")
LETTER = b"From: Karla Kranich <karla@example.org>\r\nTo: anna.k@ahaus.net\r\nSubject: Nummer %d\r\n\r\nHallo\r\n"


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def fill(percent: int) -> None:
    box = Mailbox.objects.get(role="")
    Mailbox.objects.filter(id=box.id).update(used_bytes=-(-box.quota_bytes * percent // 100))


def test_the_log_in_leads_there_and_says_what_is_new(anna: Browser, now) -> None:
    assert anna.at == "/postfach/start"
    page = anna.get("/postfach/start")
    assert "1 ungelesene Nachricht" in page.text  # the welcome
    for number in range(7):
        cast.deliver(LETTER % number, "anna.k@ahaus.net", now=now)
    page = anna.get("/postfach/start")
    assert "8 ungelesene Nachrichten" in page.text
    assert [number for number in range(7) if f"Nummer {number}" in page.text] == [2, 3, 4, 5, 6]  # the newest five
    assert "Karla Kranich" in page.text
    english = anna.get("/en/postfach/start")
    assert "8 unread messages" in english.text
    assert {"/postfach", "/postfach/suchen", "/datenschutz/meine-daten", "/hilfe"} <= set(page.links)


def test_an_empty_inbox_says_so(anna: Browser, monkeypatch) -> None:
    from stadtmail.doors.web import home

    monkeypatch.setattr(home.queries, "page", lambda *_, **__: [])
    assert "Ihr Posteingang ist leer" in anna.get("/postfach/start").text


@pytest.mark.parametrize(
    ("percent", "german", "english"),
    [
        (79, "", ""),
        (80, "Ihr Postfach wird langsam voll", "Your mailbox is filling up"),
        (95, "Ihr Postfach ist fast voll", "Your mailbox is almost full"),
        (100, "Ihr Postfach ist voll", "Your mailbox is full"),
        (130, "Ihr Postfach ist voll", "Your mailbox is full"),
    ],
)
@pytest.mark.parametrize("path", ["/postfach/start", "/postfach"])
def test_how_full_it_is(anna: Browser, percent: int, german: str, english: str, path: str) -> None:
    fill(percent)
    shown, other = anna.get(path).text, anna.get(f"/en{path}").text
    assert [title for title in TITLES if title in shown] == [title for title in TITLES if title == german]
    assert english in other
    assert f"({percent} %)" in shown
    if percent >= 100:
        assert "erhält sie mit einem Hinweis zurück" in shown


def test_steps_begin_on_the_byte() -> None:
    assert [Storage(used, 1000).step for used in (0, 799, 800, 949, 950, 999, 1000, 2000)] == [
        "",
        "",
        "high",
        "high",
        "nearly",
        "nearly",
        "full",
        "full",
    ]
    assert Storage(5, 0).step == ""
    assert Storage(1100, 1000).free == 0


def test_the_officer_arrives_in_the_mailbox_and_the_desk_nowhere_near(ahaus, now) -> None:
    accounts.open_roles(ahaus, now=now)
    cast.doris(ahaus, now, "officer")
    officer = Browser()
    officer.desk("officer1", cast.STAFF_PASSWORD)
    assert officer.raw("/postfach/start", status=302).headers["Location"] == "/postfach"
    cast.doris(ahaus, now)
    desk = Browser()
    desk.desk("desk1", cast.STAFF_PASSWORD)
    desk.raw("/postfach/start", status=403)


def test_every_place_is_one_tap_away_on_every_page_inside(anna: Browser) -> None:
    for path in (
        "/postfach/start",
        "/postfach",
        "/postfach/suchen",
        "/datenschutz/meine-daten",
        "/hilfe",
        "/",
        "/impressum",
        "/gibt-es-nicht",
    ):
        page = anna.get(path, status=404 if path == "/gibt-es-nicht" else 200)
        assert {"/postfach", "/postfach/suchen", "/datenschutz/meine-daten", "/hilfe"} <= set(page.links), path
        assert any(form.action == "/abmelden" for form in page.forms), path
