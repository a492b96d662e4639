"""The mailbox page: whose it is, what it shows, and what strangers' names and subjects cannot do to it (C-4.7)."""

import re

import pytest

from tests import statements
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PLAIN = b"From: Karl Kiesel <karl@example.org>\r\nSubject: %s\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\n\r\nGuten Tag\r\n"


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def inbox(browser: Browser) -> str:
    page = browser.get("/postfach")
    return next(link for link in page.links if re.fullmatch(r"/postfach/\d+", link))


def test_the_mailbox_needs_a_login(ahaus) -> None:
    response = Browser().raw("/postfach/1", status=302)
    assert response.headers["Location"].startswith("/anmelden")
    assert not response.cookies


def test_the_inbox_shows_sender_subject_size_and_that_a_message_is_new(anna, now) -> None:
    cast.deliver(PLAIN % b"Sperrmuell am Montag", "anna.k@ahaus.net", now=now)
    page = anna.get("/postfach")
    assert "Karl Kiesel" in page.text
    assert "Sperrmuell am Montag" in page.text
    assert "Ungelesen:" in page.text
    assert "ungelesen von" in page.text


def test_a_message_page_marks_as_read(anna, now) -> None:
    cast.deliver(PLAIN % b"Erster", "anna.k@ahaus.net", now=now)
    before = anna.get("/postfach").text.count("Ungelesen:")
    anna.get(next(link for link in anna.get("/postfach").links if re.fullmatch(r"/postfach/\d+/\d+", link)))
    assert anna.get("/postfach").text.count("Ungelesen:") == before - 1


def test_hostile_names_and_subjects_are_text(anna, now) -> None:
    name, subject = b'"<script>alert(1)</script>" <a@example.org>', b"=?utf-8?q?=E2=80=AEfdp=2Eexe_=3Cimg_src=3Dx_onerror=3D1=3E?="
    hostile = b"From: %s\r\nSubject: %s\r\n\r\nx\r\n" % (name, subject)
    cast.deliver(hostile, "anna.k@ahaus.net", now=now)
    page = anna.get("/postfach")
    assert b"<script>alert" not in page.response.content
    assert b"<img src=x" not in page.response.content
    assert page.response.content.count(b"<bdi>") >= 2


def test_pages_go_by_uid_and_lose_none(anna, now) -> None:
    for number in range(53):
        cast.deliver(PLAIN % b"Nummer %d." % number, "anna.k@ahaus.net", now=now)
    first = anna.get("/postfach")
    older = next(link for link in first.links if link.startswith("/postfach") and "vor=" in link)
    second = anna.get(older)
    for number in range(53):
        assert (f"Nummer {number}." in first.text) != (f"Nummer {number}." in second.text)
    assert "Ältere Nachrichten" not in second.text


def test_an_empty_folder_says_so(anna) -> None:
    empty = next(link for link in anna.get("/postfach").links if re.fullmatch(r"/postfach/\d+", link) and link != inbox(anna))
    assert "Dieser Ordner ist leer" in anna.get(empty).text


@pytest.mark.parametrize(
    "path",
    ["/postfach/99", "/postfach/0", f"/postfach/{10**30}", f"/postfach/1/{10**30}", "/postfach/1/999", "/postfach/1?vor=abc",
     "/postfach/1?vor=-1", f"/postfach/1?vor={10**9}9", "/postfach/1/1/teil/..", "/postfach/99/1/html"],
)  # fmt: skip
def test_what_does_not_exist_is_not_found(anna, path) -> None:
    if "vor=" in path:
        path = path.replace("/postfach/1", inbox(anna))
    anna.raw(path, status=404)


def test_c47_nobody_reads_the_mail_of_somebody_else(ahaus, musterstadt, anna, now) -> None:
    cast.resident(ahaus, "ben.b", now)
    cast.deliver(PLAIN % b"Nur fuer Anna 4711", "anna.k@ahaus.net", now=now)
    mine = next(link for link in anna.get("/postfach").links if re.fullmatch(r"/postfach/\d+/[2-9]", link))
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    ben.raw(mine, status=404)
    ben.raw(f"{mine}/html", status=404)
    ben.raw(f"{mine}/quelltext", status=404)
    assert "4711" not in ben.get("/postfach").text
    foreign = Browser("musterstadt.localhost")
    foreign.client.cookies = anna.client.cookies
    assert foreign.raw(mine, status=302).headers["Location"].startswith("/anmelden")


def test_every_page_of_a_reader_is_private_and_strict(anna) -> None:
    for path in ("/postfach", "/datenschutz/meine-daten", "/datenschutz/kuendigen"):
        response = anna.raw(path)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "unsafe-inline" not in response.headers["Content-Security-Policy"]
        assert "noindex" in response.headers["X-Robots-Tag"]
        assert re.findall(rb"<script[^>]*>", response.content) == re.findall(
            rb'<script src="/static/web/mailbox\.js\?v=\w+" defer>', response.content
        )
        assert b"style=" not in response.content


def test_no_address_shows_a_person(anna, now) -> None:
    cast.deliver(PLAIN % b"Geheim", "anna.k@ahaus.net", now=now)
    for path in ("/postfach", "/datenschutz/meine-daten"):
        for link in anna.get(path).links:
            if not link.startswith("mailto:"):
                assert "anna" not in link.lower()
                assert "karl" not in link.lower()
                assert "@" not in link


def test_c310_the_mailbox_works_without_cookies(ahaus, now) -> None:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser(HTTP_USER_AGENT="Testbrowser")
    page = browser.login("anna.k@ahaus.net", cast.PASSWORD, way="url")
    assert browser.at.startswith("/s/")
    assert not browser.client.cookies
    letter = next(link for link in page.links if re.fullmatch(r"/s/[^/]+/postfach/\d+/\d+", link))
    assert browser.get(letter).response.headers["Referrer-Policy"] == "same-origin"
    other = Browser(HTTP_USER_AGENT="Fremder Browser")
    assert other.raw(letter, status=302).headers["Location"].startswith("/anmelden")


def test_c47_the_officer_reads_the_officers_mailbox_and_the_desk_reads_none(ahaus, now) -> None:
    from stadtmail.mail.actions import accounts

    accounts.open_roles(ahaus, now=now)
    cast.doris(ahaus, now, "officer")
    cast.doris(ahaus, now)
    cast.deliver(PLAIN % b"Vertraulich 0815", "datenschutz@ahaus.net", now=now)
    officer = Browser()
    assert "0815" in officer.desk("officer1", cast.STAFF_PASSWORD).text
    officer.raw("/schreibtisch", status=403)
    desk = Browser()
    desk.desk("desk1", cast.STAFF_PASSWORD)
    desk.raw("/postfach", status=403)
    desk.raw("/datenschutz/meine-daten", status=302)


def test_a_list_costs_the_same_queries_for_one_and_for_many(anna, now) -> None:
    def cost() -> int:
        anna.get("/postfach")  # counts what has changed
        with statements.seen() as seen:
            anna.get("/postfach")
        return len(seen)

    cost()
    one = cost()
    for number in range(5):
        cast.deliver(PLAIN % b"Nummer %d." % number, "anna.k@ahaus.net", now=now)
    assert cost() == one
