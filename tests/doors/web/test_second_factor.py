"""Logging in in two steps, and what stands between them: nothing but a sealed form (C-2.3, C-3.1, C-3.2, C-3.8)."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from stadtmail.kit import clock
from stadtmail.people import queries as people
from stadtmail.people import second_factor, totp
from stadtmail.people.actions import contracts, credentials, second_factors
from stadtmail.people.models import Authenticator, SpareCode
from stadtmail.usage import folder, volatile
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.people.traces import files_with, forms

PAGE = "/datenschutz/meine-daten/zweiter-faktor"
STEP = "/anmelden/zweiter-schritt"
ADDRESS = "anna.k@ahaus.net"


pytestmark = pytest.mark.usefixtures("still_clock")


@pytest.fixture
def secret(anna) -> str:
    """Anna has turned a code app on."""
    return turn_on(anna)[0]


def turn_on(browser: Browser) -> tuple[str, list[str]]:
    page = browser.get(f"{PAGE}/app")
    secret = page.codes["secret"].replace(" ", "")
    shown = browser.send(page.form("app"), app_code=totp.code(secret, clock.now()), password=cast.PASSWORD)
    return secret, spare_codes(shown)


def spare_codes(page) -> list[str]:
    return re.findall(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}", page.text)


def first_step(browser: Browser, address: str = ADDRESS, **more: str):
    form = browser.get("/anmelden").form("anmelden")
    return browser.send(form, **{"address": address, "password": cast.PASSWORD, "way": "cookie", **more})


def at(secret: str, seconds: int = 30) -> str:
    """The code that the app shows so many seconds from now: set-up has used the present one."""
    return totp.code(secret, clock.now() + timedelta(seconds=seconds))


def is_in(browser: Browser) -> bool:
    return browser.client.get("/datenschutz/meine-daten").status_code == 200


def test_it_is_set_up_with_a_picture_a_text_and_a_first_code(anna) -> None:
    page = anna.get(f"{PAGE}/app")
    assert "<svg" in page.response.content.decode()
    assert page.response.headers["Cache-Control"] == "no-store"
    secret = page.codes["secret"].replace(" ", "")
    for code, password, status in (("000000", cast.PASSWORD, 400), (at(secret, 0), "falsch", 403)):
        wrong = anna.send(page.form("app"), status=status, app_code=code, password=password)
        assert wrong.codes["secret"].replace(" ", "") == secret
    assert not Authenticator.objects.exists()
    shown = anna.send(page.form("app"), app_code=at(secret, 0), password=cast.PASSWORD)
    assert len(spare_codes(shown)) == 10
    assert shown.response.headers["Cache-Control"] == "no-store"
    after = anna.get(PAGE)
    assert "eingeschaltet" in after.text
    assert "10 Ersatzcodes" in after.text
    assert secret not in after.text
    assert spare_codes(after) == []
    anna.raw(f"{PAGE}/app", status=302)


def test_c23_a_set_up_that_is_left_unfinished_leaves_nothing(anna) -> None:
    page = anna.get(f"{PAGE}/app")
    assert not Authenticator.objects.exists()
    assert files_with(page.codes["secret"].replace(" ", "")) == []
    assert "genügt Ihr Passwort" in anna.get(PAGE).text


def test_c31_the_log_in_takes_two_steps_and_no_session_begins_before_the_second(anna, secret) -> None:
    browser = Browser()
    page = first_step(browser)
    assert "Noch ein Schritt" in page.text
    assert not page.response.cookies
    assert not is_in(browser)
    assert volatile.count("session", clock.now()) == 1  # of the browser in which she set it up
    wrong = browser.send(page.form("schritt"), status=403, code="000000")
    assert not wrong.response.cookies
    assert not is_in(browser)
    browser.send(page.form("schritt"), status=302, code=at(secret))
    assert is_in(browser)


def test_c38_the_same_without_a_cookie_and_in_english(anna, secret) -> None:
    browser = Browser()
    form = browser.get("/en/anmelden").form("anmelden")
    page = browser.send(form, address=ADDRESS, password=cast.PASSWORD, way="url")
    assert "One more step" in page.text
    values = urlencode({**page.form("schritt").values, "code": at(secret)})
    answer = browser.client.post(f"/en{STEP}", values, "application/x-www-form-urlencoded")
    assert re.match(r"/s/[\w-]{43}/en/postfach", answer.headers["Location"])
    assert not answer.cookies
    assert browser.client.get(answer.headers["Location"]).status_code == 200


def test_it_leads_to_the_page_that_was_asked_for_and_nowhere_else(anna, secret, wait) -> None:
    for to, where in (("/datenschutz/meine-daten", "/datenschutz/meine-daten"), ("https://evil.example/", "/postfach/start")):
        wait(60)
        browser = Browser()
        page = first_step(browser, next=to)
        browser.send(page.form("schritt"), status=302, code=at(secret))
        assert browser.at == where


def test_a_code_is_good_once(anna, secret) -> None:
    """RFC 6238, section 5.2."""
    first, second = Browser(), Browser()
    first_step(first)
    code = at(secret)
    first.send(first_step(first).form("schritt"), status=302, code=code)
    second.send(first_step(second).form("schritt"), status=403, code=code)
    assert not is_in(second)
    third = Browser()  # nor is the one that confirmed the set-up
    third.send(first_step(third).form("schritt"), status=403, code=at(secret, 0))


def test_a_spare_code_opens_once(anna) -> None:
    _, codes = turn_on(anna)
    first, second = Browser(), Browser()
    first.send(first_step(first).form("schritt"), status=302, code=codes[4].lower())
    assert "9 Ersatzcodes" in first.get(PAGE).text
    second.send(first_step(second).form("schritt"), status=403, code=codes[4])


def test_guesses_are_counted_for_the_owner_wherever_they_come_from(anna, secret) -> None:
    answers = []
    for _ in range(4):
        browser = Browser()  # another network each
        page = first_step(browser)
        for _ in range(3):
            form = page.form("schritt")
            values = urlencode({**form.values, "code": "000000"})
            answers.append(browser.client.post(STEP, values, "application/x-www-form-urlencoded").status_code)
    assert answers == [403] * 5 + [429] * 7
    late = Browser()
    late.send(first_step(late).form("schritt"), status=429, code=at(secret))  # nor with the right one
    assert not is_in(late)


def test_step_two_without_step_one(anna, secret) -> None:
    browser = Browser()
    assert browser.raw(STEP, status=302).headers["Location"] == "/anmelden"
    form = first_step(Browser()).form("schritt")
    for state in ("", "AAAA", form.values["state"][:-6] + "AAAAAA"):
        browser.send(form, status=403, state=state, code=at(secret))
    assert not is_in(browser)


def test_a_step_of_somebody_else_of_another_city_or_from_elsewhere(ahaus, musterstadt, anna, secret, now) -> None:
    cast.resident(ahaus, "ben.b", now)
    cast.resident(musterstadt, "clara.c", now)
    ben, clara = Browser(), Browser("musterstadt.localhost")
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    turn_on(ben)
    clara.login("clara.c@musterstadt.example", cast.PASSWORD)
    turn_on(clara)
    annas, bens = first_step(Browser()).form("schritt"), first_step(Browser(), "ben.b@ahaus.net").form("schritt")
    stranger = Browser()
    stranger.send(bens, status=403, code=at(secret))  # Ben's password, Anna's code
    there = Browser("musterstadt.localhost")
    claras = first_step(there, "clara.c@musterstadt.example").form("schritt")
    there.send(claras, status=403, state=annas.values["state"], code=at(secret))
    for browser in (stranger, there):
        assert not is_in(browser)
    Browser().send(annas, status=302, code=at(secret))


def test_the_step_ends_after_five_minutes_and_a_wrong_try_does_not_prolong_it(anna, secret, wait) -> None:
    browser = Browser()
    page = first_step(browser)
    wait(200)
    page = browser.send(page.form("schritt"), status=403, code="000000")
    wait(101)
    browser.send(page.form("schritt"), status=403, code=at(secret, 0))
    assert not is_in(browser)


@pytest.mark.parametrize("change", ["password", "recovery", "off", "end"])
def test_c28_a_step_does_not_outlive_password_factor_or_contract(ahaus, anna, secret, contract, change: str) -> None:
    browser = Browser()
    form = first_step(browser).form("schritt")
    owner, moment = second_factor.of_contract(ahaus, contract), clock.now()
    if change == "password":
        credentials.set_password(contract, tenant=ahaus, old=cast.PASSWORD, new="ganz etwas anderes 5", now=moment)
    elif change == "recovery":
        people.Credential.objects.update(recovery=people.code_digest(ahaus, "ABCD"))
        credentials.recover(ahaus, ADDRESS, code="ABCD", new="ganz etwas anderes 5", now=moment)
    elif change == "off":
        second_factors.turn_off(owner, now=moment)
    else:
        contracts.cancel(contract, ends_at=moment, now=moment)
    browser.send(form, status=403, code=at(secret))
    assert not is_in(browser)


def test_c32_a_session_that_somebody_planted_is_not_adopted(anna, secret) -> None:
    browser = Browser()
    browser.client.cookies["stadtmail"] = "A" * 43
    browser.send(first_step(browser).form("schritt"), status=302, code=at(secret))
    assert browser.client.cookies["stadtmail"].value != "A" * 43
    assert is_in(browser)


def test_turning_off_needs_password_and_a_code(anna, secret, wait) -> None:
    assert "Code-App abschalten" in anna.get(PAGE).text
    form = anna.get(f"{PAGE}/abschalten?what=all").form("abschalten")
    for password, code in (("falsch", at(secret)), (cast.PASSWORD, "000000"), (cast.PASSWORD, "")):
        anna.send(form, status=403, password=password, code=code)
    assert Authenticator.objects.exists()
    anna.send(form, status=302, password=cast.PASSWORD, code=at(secret))
    assert not Authenticator.objects.exists()
    assert not SpareCode.objects.exists()
    assert "genügt Ihr Passwort" in anna.get(PAGE).text
    Browser().login(ADDRESS, cast.PASSWORD)


def test_another_app_within_the_same_half_minute_still_shows_its_codes(anna, secret) -> None:
    """The code that turned the old app off and the first one of the new app are of the same half minute."""
    off = anna.get(f"{PAGE}/abschalten?what=all").form("abschalten")
    anna.send(off, status=302, password=cast.PASSWORD, code=at(secret))
    again, codes = turn_on(anna)
    assert len(codes) == 10
    browser = Browser()
    page = first_step(browser)
    browser.send(page.form("schritt"), status=403, code=at(again, 0))  # it is used all the same
    browser.send(page.form("schritt"), status=302, code=codes[0])


def test_new_spare_codes_need_a_code_and_void_the_old(anna, wait) -> None:
    secret, old = turn_on(anna)
    form = anna.get(f"{PAGE}/ersatzcodes").form("ersatzcodes")
    anna.send(form, status=403, password=cast.PASSWORD, code="111111")
    fresh = spare_codes(anna.send(form, password=cast.PASSWORD, code=at(secret)))
    assert len(fresh) == 10
    assert not set(fresh) & set(old)
    browser = Browser()
    page = first_step(browser)
    browser.send(page.form("schritt"), status=403, code=old[0])
    browser.send(page.form("schritt"), status=302, code=fresh[0])


def test_nothing_of_it_for_whoever_has_none(anna) -> None:
    for path in (f"{PAGE}/ersatzcodes", f"{PAGE}/abschalten?what=all", f"{PAGE}/abschalten?what=app", f"{PAGE}/abschalten?what=x"):
        anna.raw(path, status=302)


def test_mail_programs_are_told_to_use_app_passwords(ahaus, anna, contract) -> None:
    credentials.set_mail_login(contract, tenant=ahaus, on=True, password=cast.PASSWORD)
    form = anna.get("/datenschutz/meine-daten/mailprogramme/loginpasswort").form("loginpasswort")
    turn_on(anna)
    page = anna.get("/datenschutz/meine-daten/mailprogramme/loginpasswort")
    assert "kein mailprogramm kann danach fragen" in page.text.lower()
    anna.send(form, status=403, password=cast.PASSWORD, step="on")
    assert not people.credential(ahaus, contract).mail_login


def test_an_app_password_is_made_with_the_second_factor_only(ahaus, anna, contract, secret) -> None:
    """It opens the mailbox without one for ever: whoever has a password and finds a browser open does not get it."""
    page = "/datenschutz/meine-daten/mailprogramme"
    form = anna.get(page).form("mailprogramme")
    for code in ("", "000000"):
        anna.send(form, status=403, label="Telefon", imap="1", password=cast.PASSWORD, code=code)
    assert not people.app_passwords(ahaus, contract)
    made = anna.send(form, label="Telefon", imap="1", password=cast.PASSWORD, code=at(secret))
    assert "Telefon" in made.text
    assert len(people.app_passwords(ahaus, contract)) == 1


def test_c22_secret_and_codes_lie_in_no_store_and_no_log(anna) -> None:
    secret, codes = turn_on(anna)
    browser = Browser()
    browser.send(first_step(browser).form("schritt"), status=403, code="000000")
    browser.send(first_step(browser).form("schritt"), status=302, code=codes[0])
    used = at(secret)
    other = Browser()
    other.send(first_step(other).form("schritt"), status=302, code=used)
    ram = b"".join(path.read_bytes() for path in folder.current().rglob("*") if path.is_file())
    for canary in (secret, *codes[:3]):
        assert files_with(canary) == []
        assert not any(form in ram for form in forms(canary))
