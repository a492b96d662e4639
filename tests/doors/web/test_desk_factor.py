"""The desk needs a second factor: nothing opens before it is set up, and nothing without it afterwards (C-4.7, C-2.4)."""

import pytest

from stadtmail.kit import clock
from stadtmail.people import second_factor, totp
from stadtmail.people.actions import accesses, second_factors, staff
from stadtmail.people.models import Authenticator
from stadtmail.usage import volatile
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.doors.web.test_second_factor import at, spare_codes

LOGIN, DESK, SETUP, STEP = "/schreibtisch/anmelden", "/schreibtisch", "anmelden/einrichten", "zweiter-schritt"


pytestmark = pytest.mark.usefixtures("still_clock")


@pytest.fixture
def doris(ahaus, now):
    return cast.doris(ahaus, now)


def password(browser: Browser, login: str = "desk1"):
    return browser.send(browser.get(LOGIN).form("schreibtisch/anmelden"), login=login, password=cast.STAFF_PASSWORD)


def set_up(browser: Browser) -> tuple[str, list[str]]:
    page = password(browser)
    secret = page.codes["secret"].replace(" ", "")
    return secret, spare_codes(browser.send(page.form(SETUP), app_code=at(secret, 0)))


@pytest.mark.parametrize("role", ["desk", "officer"])
def test_c47_at_the_first_log_in_nothing_opens_before_it_is_set_up(ahaus, now, role: str) -> None:
    cast.doris(ahaus, now, role)
    browser = Browser()
    page = password(browser, f"{role}1")
    assert not page.response.cookies
    browser.raw(DESK, status=302)
    secret = page.codes["secret"].replace(" ", "")
    wrong = browser.send(page.form(SETUP), status=403, app_code="000000")
    assert not wrong.response.cookies
    assert wrong.codes["secret"].replace(" ", "") == secret
    browser.raw(DESK, status=302)
    assert not Authenticator.objects.exists()
    assert volatile.count("session", clock.now()) == 0
    done = browser.send(page.form(SETUP), app_code=at(secret, 0))
    assert len(spare_codes(done)) == 10
    assert done.links_of("kern-btn--primary") == ["/postfach" if role == "officer" else DESK]
    assert volatile.count("session", clock.now()) == 1


def test_later_the_code_is_asked_for(doris) -> None:
    secret, codes = set_up(Browser())
    browser = Browser()
    page = password(browser)
    assert "Noch ein Schritt" in page.text
    assert "secret" not in page.codes
    browser.raw(DESK, status=302)
    browser.send(page.form(STEP), status=403, code=at(secret, 0))  # it confirmed the set-up
    browser.send(page.form(STEP), status=302, code=at(secret))
    assert browser.at == DESK
    other = Browser()
    other.send(password(other).form(STEP), status=302, code=codes[0])
    assert "9 Ersatzcodes" in other.get(f"{DESK}/ersatzcodes").text


def test_of_two_set_ups_the_second_one_changes_nothing(doris) -> None:
    thief = Browser()
    page = password(thief)
    secret, _ = set_up(Browser())
    theirs = page.codes["secret"].replace(" ", "")
    thief.send(page.form(SETUP), status=409, app_code=at(theirs, 0))
    thief.raw(DESK, status=302)
    browser = Browser()
    browser.send(password(browser).form(STEP), status=302, code=at(secret))


def test_the_set_up_ends_after_a_quarter_of_an_hour_with_the_role_and_in_its_city(ahaus, musterstadt, doris, now, wait) -> None:
    browser = Browser()
    page = password(browser)
    form, secret = page.form(SETUP), page.codes["secret"].replace(" ", "")
    cast.doris(musterstadt, now)
    there = Browser("musterstadt.localhost")
    there.send(password(there).form(SETUP), status=403, state=form.values["state"], app_code=at(secret, 0))
    wait(901)
    browser.send(form, status=403, app_code=at(secret, 0))
    again = password(browser)
    staff.dismiss(doris, tenant=ahaus, now=clock.now())
    browser.send(again.form(SETUP), status=403, app_code=at(again.codes["secret"].replace(" ", ""), 0))
    assert not Authenticator.objects.exists()
    assert browser.raw(f"/{SETUP.replace('anmelden', 'schreibtisch/anmelden')}", status=302).headers["Location"] == LOGIN


def test_guesses_at_the_desk_are_counted(doris) -> None:
    secret, _ = set_up(Browser())
    browser = Browser()
    page = password(browser)
    for _ in range(5):
        browser.send(page.form(STEP), status=403, code="000000")
    other = Browser()
    other.send(password(other).form(STEP), status=429, code=at(secret))
    other.raw(DESK, status=302)


def test_new_spare_codes_need_a_code(doris) -> None:
    browser = Browser()
    secret, old = set_up(browser)
    form = browser.get(f"{DESK}/ersatzcodes").form("ersatzcodes")
    browser.send(form, status=403, code="")
    fresh = spare_codes(browser.send(form, code=at(secret)))
    assert len(fresh) == 10
    assert not set(old) & set(fresh)


def test_whoever_lost_it_is_led_through_set_up_again(ahaus, doris) -> None:
    secret, codes = set_up(Browser())
    row = accesses.staff(ahaus, doris, "dsr", now=clock.now())
    second_factors.turn_off(second_factor.of_staff(ahaus, row), now=clock.now())
    page = password(Browser())
    assert page.codes["secret"].replace(" ", "") != secret
    assert totp.is_code(at(secret))
    with pytest.raises(second_factors.WrongCode):
        second_factors.use_spare_code(second_factor.of_staff(ahaus, row), codes[0], now=clock.now())
