"""Passkeys at the door, as a browser with JavaScript sends them: challenges are good once, for one owner, for five minutes."""

import json
import re
from html import unescape

import pytest

from stadtmail.people import queries as people
from stadtmail.people.models import Passkey
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.doors.web.test_second_factor import PAGE, first_step, is_in, spare_codes
from tests.people.authenticator import Device

pytestmark = pytest.mark.usefixtures("still_clock")


@pytest.fixture
def anna(ahaus, now) -> Browser:
    people.contract(ahaus, cast.resident(ahaus, "anna.k", now).contract)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def options(page, name: str = "data-passkey") -> str:
    found = re.search(f'{name}="([^"]*)"', page.response.content.decode())
    return unescape(found[1])


def add(browser: Browser, device: Device, label: str = "Telefon", *, status: int = 200, **more: str):
    page = browser.get(f"{PAGE}/passkey")
    answer = device.make(options(page, "data-new-passkey"))
    return browser.send(page.form("passkey"), status=status, answer=answer, label=label, password=cast.PASSWORD, **more)


def test_it_is_added_and_asked_for_at_the_log_in(anna) -> None:
    device = Device()
    assert len(spare_codes(add(anna, device))) == 10
    assert "Telefon" in anna.get(PAGE).text
    browser = Browser()
    page = first_step(browser)
    assert "JavaScript" in page.text
    browser.send(page.form("schritt"), status=302, passkey=device.get(options(page)))
    assert is_in(browser)


def test_a_challenge_is_good_once(anna) -> None:
    device = Device(step=0)  # whose counter says nothing
    add(anna, device)
    page = first_step(Browser())
    answer = device.get(options(page))
    first, second = Browser(), Browser()
    first.send(page.form("schritt"), status=302, passkey=answer)
    second.send(page.form("schritt"), status=403, passkey=answer)
    assert not is_in(second)


def test_the_challenge_of_somebody_else_of_an_hour_ago_or_of_nobody(ahaus, anna, now, wait) -> None:
    annas, bens = Device(), Device()
    cast.resident(ahaus, "ben.b", now)
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    add(anna, annas)
    add(ben, bens)
    browser = Browser()
    mine, theirs = first_step(browser).form("schritt"), first_step(Browser(), "ben.b@ahaus.net")
    answer = bens.get(options(theirs))
    challenge = theirs.form("schritt").values["challenge"]
    browser.send(mine, status=403, passkey=answer, challenge=challenge)  # Anna's password, Ben's passkey
    browser.send(mine, status=403, passkey=answer, challenge="")
    browser.send(mine, status=403, passkey=answer, challenge=mine.values["state"])
    page = first_step(browser)
    wait(301)
    browser.send(page.form("schritt"), status=403, passkey=annas.get(options(page)))
    assert not is_in(browser)


def test_adding_needs_password_name_javascript_and_the_factor_that_is_on(anna) -> None:
    device = Device()
    page = anna.get(f"{PAGE}/passkey")
    form, answer = page.form("passkey"), device.make(options(page, "data-new-passkey"))
    anna.send(form, status=403, answer=answer, label="x", password="falsch")
    anna.send(form, status=400, answer=answer, label="", password=cast.PASSWORD)
    assert "JavaScript" in anna.send(form, status=400, answer="", label="x", password=cast.PASSWORD).text
    anna.send(form, status=400, answer=json.dumps({}), label="x", password=cast.PASSWORD)
    assert not Passkey.objects.exists()
    codes = spare_codes(add(anna, device))
    add(anna, Device(), "zweiter", status=403, code="000000")
    add(anna, Device(), "zweiter", status=302, code=codes[0])
    assert Passkey.objects.count() == 2


def test_one_is_taken_off_with_another(anna) -> None:
    device = Device()
    add(anna, device)
    (row,) = Passkey.objects.all()
    page = anna.get(f"{PAGE}/abschalten?what={row.unit_id}")
    anna.send(page.form("abschalten"), status=302, password=cast.PASSWORD, passkey=device.get(options(page)))
    assert not Passkey.objects.exists()
    Browser().login("anna.k@ahaus.net", cast.PASSWORD)
