"""The page of an import: begins it, shows it, stops it; a file is sealed on its way in, and nobody else's session can send one."""

from io import BytesIO

import pytest

from stadtmail.kit import clock, config
from stadtmail.mail.actions import importing
from stadtmail.mail.importing import running
from stadtmail.mail.models import Import
from tests.doors.web import cast
from tests.doors.web.browsing import Browser, Page

MAIL = b"From: a@b.example\r\nSubject: Altkanarie\r\nMessage-ID: <1@alt.example>\r\n\r\nDateikanarie-Text\r\n"


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def upload(browser: Browser, raw: bytes, *, action: str = "", field: str = "file", **more: str):
    content = BytesIO(raw)
    content.name = "alt.mbox"
    action = action or browser.get("/postfach/importieren").form("importieren/datei").action
    return browser.client.post(action, {**more, field: content})


def work() -> None:
    for row in importing.claim(clock.now(), most=5):
        running.work(row)


def test_a_file_comes_in_and_its_mail_is_there(anna) -> None:
    response = upload(anna, MAIL)
    assert (response.status_code, response.headers["Location"]) == (302, "/postfach/importieren")
    assert "Die Übernahme läuft" in anna.get("/postfach/importieren").text
    for path in config.load().data.rglob("*"):
        if path.is_file():
            assert b"ateikanarie" not in path.read_bytes(), path
    work()
    assert "Ihre Übernahme von Nachrichten" in anna.get("/postfach").text
    assert "From a file" in anna.get("/en/postfach/importieren").text


def test_credentials_go_in_and_stopping_ends_them(anna) -> None:
    form = anna.get("/postfach/importieren").form("importieren")
    page = anna.send(form, status=302, step="imap", host="imap.elsewhere.example", port="993", user="alt", password="Fremdkanarie")
    assert "Die Übernahme läuft" in page.text
    assert "Fremdkanarie" not in page.response.content.decode()
    again = anna.send(form, status=400, step="imap", host="imap.elsewhere.example", port="993", user="alt", password="x")
    assert "läuft schon" in again.text
    page = anna.send(page.form("importieren"), status=302, step="stop")
    assert "Von einem anderen Anbieter" in page.text
    assert Import.objects.count() == 0


@pytest.mark.parametrize("given", [{"host": ""}, {"user": ""}, {"password": ""}, {"port": "25"}, {"port": "6379"}, {"port": "abc"}])
def test_what_is_missing_or_no_mail_port_is_refused(anna, given) -> None:
    values = {"step": "imap", "host": "imap.elsewhere.example", "port": "993", "user": "alt", "password": "x", **given}
    page = anna.send(anna.get("/postfach/importieren").form("importieren"), status=400, **values)
    assert Import.objects.count() == 0
    assert 'value="x"' not in page.response.content.decode()  # a password is never filled in


def test_c47_a_file_needs_the_senders_own_session_and_form(anna, ahaus, now) -> None:
    own = anna.get("/postfach/importieren").form("importieren/datei").action
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    ben, stranger = Browser(), Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    for browser in (ben, stranger):
        assert upload(browser, MAIL, action=own).status_code == 403
    for action in ("/postfach/importieren/datei", "/postfach/importieren/datei?token=abc"):
        assert upload(anna, MAIL, action=action).status_code == 403
    assert Import.objects.count() == 0


def test_surplus_and_missing_parts_are_refused(anna) -> None:
    assert upload(anna, MAIL, field="other").status_code == 400
    assert upload(anna, MAIL, more="1").status_code == 400
    action = anna.get("/postfach/importieren").form("importieren/datei").action
    assert anna.client.post(action, "a=1", content_type="application/x-www-form-urlencoded").status_code == 400
    empty = anna.client.post(action, {})
    assert "Bitte wählen Sie eine Datei" in Page(empty).text
    assert Import.objects.count() == 0


def test_a_file_that_cannot_fit_is_refused_on_its_way(anna, monkeypatch) -> None:
    from stadtmail.doors.web import importing as door

    monkeypatch.setattr(door, "MOST_FILE", 100_000)
    response = upload(anna, bytes(300_000))
    assert response.status_code == 400
    assert "größer, als in Ihr Postfach passt" in Page(response).text
    assert Import.objects.count() == 0
