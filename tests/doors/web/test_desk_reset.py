"""Two people at one desk make a letter; its person reads of it in the mailbox, and can stop it (C-2.4, C-4.7, law 4)."""

import pytest

from stadtmail.mail.models import Mailbox
from stadtmail.people import queries as people
from stadtmail.people.actions import resets, staff
from stadtmail.people.models import Reset
from stadtmail.usage import volatile
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PAGE, MINE = "/schreibtisch/zuruecksetzen", "/datenschutz/meine-daten"
ADDRESS, CASE = "anna.k@ahaus.net", "Az. 47, Ausweis gesehen"


@pytest.fixture(autouse=True)
def _fresh_limits():
    volatile.clear()


@pytest.fixture
def anna(ahaus, now) -> Browser:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login(ADDRESS, cast.PASSWORD)
    return browser


@pytest.fixture
def doris(ahaus, now) -> Browser:
    cast.doris(ahaus, now)
    browser = Browser()
    browser.desk("desk1", cast.STAFF_PASSWORD)
    return browser


@pytest.fixture
def emil(ahaus, now) -> Browser:
    staff.appoint(ahaus, role="desk", name="Emil Eck", login="desk2", password=cast.STAFF_PASSWORD, now=now)
    browser = Browser()
    browser.desk("desk2", cast.STAFF_PASSWORD)
    return browser


def ask(doris: Browser, emil: Browser, *, status: int = 200, **changes: str):
    second = {"second_login": "desk2", "second_password": cast.STAFF_PASSWORD, "code": emil.next_code("desk2")}
    given = {"address": ADDRESS, "case": CASE, **second}
    return doris.send(doris.get(PAGE).form("zuruecksetzen"), status=status, **{**given, **changes})


def test_two_people_make_the_letter_and_its_code_works_after_two_days(ahaus, anna, doris, emil, wait) -> None:
    page = ask(doris, emil)
    assert page.response.headers["Cache-Control"] == "no-store"
    for line in ("Anna Kanariengelb", "Marktstraße 17", "48683 Ahaus"):
        assert line in page.text
    code = page.codes["letter"]
    fresh = {"address": ADDRESS, "code": code, "password_new": "kupferne Leiter im Nebel", "password_again": "kupferne Leiter im Nebel"}
    somebody = Browser()
    somebody.send(somebody.get("/anmelden/wiederherstellen").form("wiederherstellen"), status=403, **fresh)
    wait(int(resets.WAITS.total_seconds()) + 1)
    somebody.send(somebody.get("/anmelden/wiederherstellen").form("wiederherstellen"), **fresh)
    somebody.login(ADDRESS, "kupferne Leiter im Nebel")
    assert not Reset.objects.exists()


def test_c24_the_person_is_told_sees_both_accesses_and_stops_it(ahaus, anna, doris, emil) -> None:
    ask(doris, emil)
    assert "Ein Brief zum Zurücksetzen" in anna.get("/postfach").text
    page = anna.get(MINE)
    assert page.text.count(f"Brief für ein neues Passwort, von zwei Personen: {CASE}") == 2
    for name in ("Doris", "Emil", "desk2"):
        assert name not in page.text
    stopped = anna.send(page.form("brief-stoppen"), status=302)
    assert "gilt nicht mehr" in stopped.text
    assert not Reset.objects.exists()


def test_c47_a_full_mailbox_hides_the_letter_from_nobody(ahaus, anna, doris, emil) -> None:
    Mailbox.objects.filter(contract__isnull=False).update(quota_bytes=1)
    ask(doris, emil)
    assert "Ein Brief zum Zurücksetzen" in anna.get("/postfach").text


def test_c47_not_alone_not_with_a_guess_and_not_without_a_second_factor(ahaus, anna, doris, emil, now) -> None:
    me = {"second_login": "desk1", "code": doris.next_code("desk1")}
    assert "zweite Person" in ask(doris, emil, status=400, **me).text
    staff.appoint(ahaus, role="desk", name="Frieda", login="desk3", password=cast.STAFF_PASSWORD, now=now)
    ask(doris, emil, status=400, second_login="desk3")
    ask(doris, emil, status=400, second_password="falsch")
    ask(doris, emil, status=400, code="000000")
    ask(doris, emil, status=400, case="")
    ask(doris, emil, status=400, address="niemand@ahaus.net")
    assert not Reset.objects.exists()
    assert people.accesses(ahaus, people.address(ahaus, "anna.k").contract) == []
    code = emil.next_code("desk2")
    ask(doris, emil, code=code)
    ask(doris, emil, status=400, code=code)  # good once


def test_the_desk_of_another_city_reaches_nobody_here(ahaus, musterstadt, anna, now) -> None:
    cast.doris(musterstadt, now)
    staff.appoint(musterstadt, role="desk", name="Emil Eck", login="desk2", password=cast.STAFF_PASSWORD, now=now)
    one, two = Browser("musterstadt.localhost"), Browser("musterstadt.localhost")
    one.desk("desk1", cast.STAFF_PASSWORD)
    two.desk("desk2", cast.STAFF_PASSWORD)
    ask(one, two, status=400)
    assert not Reset.objects.exists()
