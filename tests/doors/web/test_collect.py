"""The narrow place after the end: what it opens, and that it is nobody's mailbox (C-4.7)."""

import io
import zipfile
from datetime import timedelta

import pytest

from stadtmail.people import queries, second_factor, totp
from stadtmail.people.actions import app_passwords, contracts, credentials, second_factors
from stadtmail.privacy import sweep
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PLACE = "/abholen"


@pytest.fixture
def ended(ahaus, account, now):
    cast.deliver(b"From: a@example.org\r\nSubject: Blumen 4711\r\n\r\nx\r\n", "anna.k@ahaus.net", now=now)
    return contracts.cancel(queries.contract(ahaus, account.contract), ends_at=now, now=now)


def enter(code: str, *, status: int = 302, way: str = "cookie", **headers: str):
    browser = Browser(**headers)
    return browser, browser.send(browser.get(PLACE).form(PLACE), status=status, code=code, way=way)


def test_a_wrong_code_opens_nothing(ended) -> None:
    _, page = enter("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GG", status=403)
    assert "Diesen Code kennen wir nicht" in page.text
    enter("", status=403)
    enter(ended.reclaim_code, status=403)


def test_the_code_opens_dates_download_receipt_and_nothing_else(ended) -> None:
    browser, page = enter(ended.collection_code.lower().replace("-", " "))
    assert "24. Dezember 2026" in page.text
    archive = zipfile.ZipFile(io.BytesIO(browser.raw(f"{PLACE}/herunterladen").getvalue()))
    assert any(b"Blumen 4711" in archive.read(name) for name in archive.namelist() if name.endswith(".eml"))
    assert browser.raw(f"{PLACE}/quittung").headers["Content-Type"] == "application/json"
    for path in ("/postfach", "/datenschutz/meine-daten", "/datenschutz/kuendigen", "/datenschutz/meine-daten/herunterladen"):
        assert browser.raw(path, status=302).headers["Location"].startswith("/anmelden"), path
    assert browser.raw("/schreibtisch", status=302).headers["Location"].startswith("/schreibtisch/anmelden")


def test_c310_it_works_without_cookies(ended) -> None:
    browser, page = enter(ended.collection_code, way="url", HTTP_USER_AGENT="Testbrowser")
    assert browser.at.startswith("/s/")
    assert not browser.client.cookies
    assert all(form.action.startswith("/s/") for form in page.forms)


def test_taking_it_back_restores_the_login_and_closes_the_place(ahaus, account, ended) -> None:
    browser, page = enter(ended.collection_code)
    done = browser.send(page.form("zuruecknehmen"))
    assert "zurückgenommen" in done.text
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", cast.PASSWORD).contract.id == account.contract
    browser.raw(f"{PLACE}/herunterladen", status=302)
    enter(ended.collection_code, status=403)
    anna = Browser()
    assert "Blumen 4711" in anna.login("anna.k@ahaus.net", cast.PASSWORD).text


def test_after_an_hour_the_page_and_then_the_start_page_say_what_is_gone(ahaus, account, now) -> None:
    contract, secret = queries.contract(ahaus, account.contract), totp.new_secret()
    owner = second_factor.of_contract(ahaus, contract)
    second_factors.turn_on_app(owner, secret=secret, code=totp.code(secret, now), now=now)
    app_passwords.make(contract, tenant=ahaus, label="Telefon", scopes=["imap"], now=now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    sweep.run(now + timedelta(hours=1))
    browser, page = enter(ended.collection_code)
    done = browser.send(page.form("zuruecknehmen"))
    for word in ("Zweiter Faktor", "App-Passwörter", "nicht zurückgebracht"):
        assert word in done.text
    assert "Freiwillige Angaben" not in done.text
    anna = Browser()
    start = anna.login("anna.k@ahaus.net", cast.PASSWORD)
    assert "Zum Anmelden genügt zurzeit Ihr Passwort" in start.text
    assert {"/datenschutz/meine-daten/zweiter-faktor", "/datenschutz/meine-daten/mailprogramme"} <= set(start.links)
    assert "has not brought back" in anna.get("/en/postfach/start").text
    cast.resident(ahaus, "ben.b", now)
    ben = Browser()
    assert "nicht zurückgebracht" not in ben.login("ben.b@ahaus.net", cast.PASSWORD).text
    ben.send(start.form("erledigt"), status=403)  # a form of Anna's session
    app_passwords.make(contract, tenant=ahaus, label="Telefon", scopes=["imap"], now=now)
    start = anna.get("/postfach/start")
    assert "App-Passwörter:" not in start.text
    assert "Zweiter Faktor:" in start.text
    assert "nicht zurückgebracht" not in anna.send(start.form("erledigt"), status=302).text
    assert "nicht zurückgebracht" not in anna.get("/postfach/start").text


def test_a_take_back_that_lost_nothing_says_nothing_of_it(ended) -> None:
    browser, page = enter(ended.collection_code)
    assert "nicht zurückgebracht" not in browser.send(page.form("zuruecknehmen")).text


def test_c41_the_place_closes_with_the_contents(ahaus, ended, now, monkeypatch) -> None:
    due = now + timedelta(days=31)
    monkeypatch.setattr("stadtmail.kit.clock.now", lambda: due)
    enter(ended.collection_code, status=403)  # due, even before the sweep has come by
    sweep.run(due)
    enter(ended.collection_code, status=403)


def test_another_city_does_not_know_the_code(musterstadt, ended) -> None:
    browser = Browser("musterstadt.localhost")
    browser.send(browser.get(PLACE).form(PLACE), status=403, code=ended.collection_code, way="cookie")


def test_guessing_is_throttled_by_network_and_locks_nobody_else_out(ended) -> None:
    for _ in range(10):
        enter("AAAA", status=403, REMOTE_ADDR="198.51.100.7")
    enter(ended.collection_code, status=429, REMOTE_ADDR="198.51.100.9")
    enter(ended.collection_code, REMOTE_ADDR="203.0.113.5")


@pytest.mark.parametrize("path", ["/herunterladen", "/quittung", "/zuruecknehmen"])
def test_without_the_code_there_is_no_place(ahaus, path) -> None:
    assert Browser().raw(PLACE + path, status=302).headers["Location"] == PLACE


def test_a_residents_session_is_no_place(ahaus, now) -> None:
    cast.resident(ahaus, "ben.b", now)
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    ben.raw(f"{PLACE}/herunterladen", status=302)


def test_c310_whoever_has_a_cookie_can_change_to_the_way_without(ahaus, ended, now) -> None:
    cast.resident(ahaus, "ben.b", now)
    browser = Browser(HTTP_USER_AGENT="Testbrowser")
    browser.login("ben.b@ahaus.net", cast.PASSWORD)
    page = browser.send(browser.get(PLACE).form(PLACE), status=302, code=ended.collection_code, way="url")
    assert "24. Dezember 2026" in page.text
    assert browser.client.cookies["stadtmail"].value == ""
