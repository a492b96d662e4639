"""App passwords on the web: made with the password, shown once, revoked with one click; the switch for the login password."""

import pytest

from stadtmail.kit import clock
from stadtmail.people import queries as people
from stadtmail.people.actions import app_passwords, maillogin
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.usage import connections
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PAGE = "/datenschutz/meine-daten/mailprogramme"
SWITCH = f"{PAGE}/loginpasswort"
ADDRESS = "anna.k@ahaus.net"


def made(browser: Browser, **changes: str):
    form = browser.get(PAGE).form("mailprogramme")
    return browser.send(form, **{"label": "Telefon", "password": cast.PASSWORD, **changes})


def test_one_is_made_shown_once_and_opens_what_it_is_for(ahaus, anna) -> None:
    page = made(anna)
    password = page.codes["app-password"]
    assert len(password.replace("-", "")) == 26
    assert ADDRESS in page.text
    assert page.response.headers["Cache-Control"] == "no-store"
    assert maillogin.sign_in(ahaus, ADDRESS, password, service="submission").via is not None
    with pytest.raises(WrongCredentials):
        maillogin.sign_in(ahaus, ADDRESS, password, service="sieve")
    for path in (PAGE, "/datenschutz/meine-daten"):
        shown = anna.get(path)
        assert password not in shown.text
        assert "Telefon" in shown.text


def test_nothing_is_made_without_the_password_a_name_and_a_purpose(ahaus, contract, anna) -> None:
    form = anna.get(PAGE).form("mailprogramme")
    assert "Das Passwort stimmt nicht" in anna.send(form, label="Telefon", password="falsch", status=403).text
    assert "höchstens 60 Zeichen" in anna.send(form, label=" ", password=cast.PASSWORD, status=400).text
    assert "höchstens 60 Zeichen" in anna.send(form, label="x\u202ey", password=cast.PASSWORD, status=400).text
    form.values = {name: value for name, value in form.values.items() if name not in people.SCOPES}
    assert "mindestens eines" in anna.send(form, label="Telefon", password=cast.PASSWORD, status=400).text
    anna.send(form, label="Telefon", password=cast.PASSWORD, admin="1", status=400)
    assert people.app_passwords(ahaus, contract) == []


def test_a_name_is_shown_as_text(anna) -> None:
    made(anna, label="<b>Telefon</b> & mehr")
    assert "<b>Telefon</b> & mehr" in anna.get(PAGE).text


def test_one_click_revokes_it_and_ends_its_connections(ahaus, contract, anna) -> None:
    password = made(anna).codes["app-password"]
    who = maillogin.sign_in(ahaus, ADDRESS, password)
    live = connections.begin("imap", peer="", tenant=ahaus.id, person=who.person, via=who.via, now=clock.now())
    page = anna.get(PAGE)
    assert "Gerade benutzt" in page.text
    page = anna.send(page.form("widerrufen"), status=302)
    assert "Das App-Passwort ist gelöscht" in page.text
    assert "Noch keines." in page.text
    assert not live.beat(clock.now())
    with pytest.raises(WrongCredentials):
        maillogin.sign_in(ahaus, ADDRESS, password)
    assert people.app_passwords(ahaus, contract) == []


def test_in_use_is_said_while_it_lasts_and_not_longer(ahaus, anna) -> None:
    password = made(anna).codes["app-password"]
    who = maillogin.sign_in(ahaus, ADDRESS, password)
    live = connections.begin("imap", peer="", tenant=ahaus.id, person=who.person, via=who.via, now=clock.now())
    row = [text.strip() for text in anna.get(PAGE).text.split("\n") if "Telefon" in text]
    assert any("ja" in text for text in row)
    live.end()
    row = [text.strip() for text in anna.get(PAGE).text.split("\n") if "Telefon" in text]
    assert not any("ja" in text for text in row)


def test_nobody_revokes_somebody_elses(ahaus, now, anna, contract) -> None:
    ben = people.contract(ahaus, cast.resident(ahaus, "ben.b", now).contract)
    his = app_passwords.make(ben, tenant=ahaus, label="Laptop", scopes=["imap"], now=now)
    made(anna)
    form = anna.get(PAGE).form("widerrufen")
    for wanted in (str(his.id), "kein uuid", ""):
        anna.send(form, id=wanted, status=302)
    assert maillogin.sign_in(ahaus, "ben.b@ahaus.net", his.password).contract == ben
    assert len(people.app_passwords(ahaus, contract)) == 1


def test_there_is_an_end_to_it(anna, monkeypatch) -> None:
    monkeypatch.setattr(app_passwords, "MOST", 1)
    made(anna)
    form = anna.get(PAGE).form("mailprogramme")
    assert "Bitte widerrufen Sie zuerst eines" in anna.send(form, label="zweites", password=cast.PASSWORD, status=400).text


def test_the_switch_for_the_login_password(ahaus, anna) -> None:
    with pytest.raises(WrongCredentials):
        maillogin.sign_in(ahaus, ADDRESS, cast.PASSWORD)
    form = anna.get(SWITCH).form("loginpasswort")
    assert "Das Passwort stimmt nicht" in anna.send(form, step="on", password="falsch", status=403).text
    assert "jetzt benutzen" in anna.send(form, step="on", password=cast.PASSWORD, status=302).text
    who = maillogin.sign_in(ahaus, ADDRESS, cast.PASSWORD)
    live = connections.begin("imap", peer="", tenant=ahaus.id, person=who.person, via=who.via, now=clock.now())
    form = anna.get(SWITCH).form("loginpasswort")
    assert "nicht mehr benutzen" in anna.send(form, step="off", status=302).text
    assert not live.beat(clock.now())
    with pytest.raises(WrongCredentials):
        maillogin.sign_in(ahaus, ADDRESS, cast.PASSWORD)


def test_it_speaks_english(anna) -> None:
    page = anna.get(f"/en{PAGE}")
    assert "Your app passwords" in page.text
    assert "Mailprogramm" not in page.text.replace("/mailprogramme", "")
