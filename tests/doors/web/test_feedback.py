"""Report a barrier: for everybody, without cookie or name; what was written lies sealed in the officer's mailbox and nowhere else."""

import pytest

from stadtmail.kit import config
from stadtmail.mail.actions import accounts
from stadtmail.mail.models import Message
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PATH = "/barrierefreiheit/melden"
CANARY = "Zitronenfalter-Hindernis"


@pytest.fixture
def roles(ahaus, now) -> None:
    accounts.open_roles(ahaus, now=now)


def report(browser: Browser, wait, **given: str):
    form = browser.get(PATH).form("melden")
    wait(21)
    return browser.send(form, **{"what": CANARY, **given})


def read(ahaus, now) -> str:
    cast.doris(ahaus, now, "officer")
    officer = Browser()
    officer.desk("officer1", cast.STAFF_PASSWORD)
    letter = next(link for link in officer.get("/postfach").links if link.startswith("/postfach/1/"))
    return officer.get(letter).text


def test_it_reaches_the_citys_mailbox_and_is_in_no_file_in_clear(ahaus, roles, now, wait) -> None:
    browser = Browser()
    page = report(browser, wait, where="/bestellen", reply="paula@example.org")
    assert "Danke für Ihre Meldung" in page.text
    assert not browser.client.cookies
    for file in config.load().data.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
            assert b"paula@example.org" not in file.read_bytes(), file
    text = read(ahaus, now)
    assert CANARY in text
    assert "paula@example.org" in text
    assert "Barriere gemeldet" in text
    assert "/bestellen" in text


def test_it_says_what_for_and_until_when(ahaus, roles) -> None:
    text = Browser().get(PATH).text
    assert "Wozu: damit Stadt Ahaus" in text
    assert "Gelöscht wird sie nach sechs Monaten" in text
    assert "Your report lies encrypted" in Browser().get(f"/en{PATH}").text


def test_a_program_has_to_wait_or_work_and_once_is_once(ahaus, roles, now, wait) -> None:
    browser = Browser()
    form = browser.get(PATH).form("melden")
    assert "Noch einen Augenblick" in browser.send(form, what=CANARY).text
    assert not Message.objects.exists()
    wait(21)
    assert "Danke" in browser.send(form, what=CANARY).text
    assert "Noch einen Augenblick" in browser.send(form, what=CANARY).text  # the same wait again
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    "given",
    [{"what": " "}, {"what": "x" * 4001}, {"reply": "niemand"}, {"reply": "a@example.org\r\nBcc: b@example.org"}, {"reply": "a@b, c@d"}],
)
def test_what_cannot_be_sent_is_said(ahaus, roles, wait, given) -> None:
    browser = Browser()
    form = browser.get(PATH).form("melden")
    wait(21)
    page = browser.send(form, status=400, **{"what": CANARY, **given})
    assert "Bitte prüfen Sie Ihre Angaben" in page.text
    assert not Message.objects.exists()


def test_a_field_too_many_is_refused(ahaus, roles, wait) -> None:
    browser = Browser()
    form = browser.get(PATH).form("melden")
    browser.send(form, status=400, what=CANARY, name="Paula")
    assert not Message.objects.exists()


def test_nothing_in_the_text_becomes_a_head_of_the_message(ahaus, roles, now, wait) -> None:
    report(Browser(), wait, what="a\r\nSubject: Falsch\r\n\r\nb", where="x\r\nBcc: y@example.org")
    text = read(ahaus, now)
    assert "Barriere gemeldet" in text
    assert "Subject: Falsch" in text  # as text of the message


def test_without_a_mailbox_it_says_later(ahaus, wait) -> None:
    browser = Browser()
    form = browser.get(PATH).form("melden")
    wait(21)
    page = browser.send(form, status=503, what=CANARY)
    assert "Gerade nicht erreichbar" in page.text


def test_the_declaration_names_what_is_missing_and_who_helps(ahaus, musterstadt) -> None:
    text = Browser().get("/barrierefreiheit").text
    for words in ("teilweise vereinbar", "EN 301 549", "Ombudsstelle", "Nordrhein-Westfalen", "Leichter Sprache", "rathaus@ahaus.net"):
        assert words in text
    assert "Lower Saxony" in Browser("musterstadt.localhost").get("/en/barrierefreiheit").text
