"""Sessions of this moment: kinds from RAM alone, end one or all of them, a new password ends the others (C-2.4, C-3.2, C-4.2)."""

import pytest

from stadtmail.kit import clock
from stadtmail.people import queries as people
from stadtmail.usage import connections, folder, sessions, volatile
from tests.doors.web import cast
from tests.doors.web.browsing import Browser

PAGE = "/datenschutz/meine-daten"
ADDRESS = "anna.k@ahaus.net"


@pytest.fixture(autouse=True)
def _fresh_ram():
    volatile.clear()


@pytest.fixture
def anna(contract) -> Browser:
    return logged_in(ADDRESS)


def logged_in(address: str, way: str = "cookie") -> Browser:
    browser = Browser()
    browser.login(address, cast.PASSWORD, way)
    return browser


@pytest.fixture
def programs(ahaus, contract):
    services = ("imap", "submission", "sieve")
    made = {
        name: connections.begin(name, peer="192.0.2.7", tenant=ahaus.id, person=contract.person_id, now=clock.now()) for name in services
    }
    yield made
    for one in made.values():
        one.end()


def ends(page) -> list:
    return [form for form in page.forms if form.action.endswith("/sitzungen/beenden")]


def test_all_kinds_are_shown_and_nothing_of_a_machine(anna, programs) -> None:
    other = logged_in(ADDRESS, "url")
    page = anna.get(PAGE)
    for way in ("Browser mit Cookie", "Browser ohne Cookie", "(IMAP)", "(SMTP)", "(ManageSieve)"):
        assert way in page.text
    assert page.text.count("gerade verbunden") == 3
    assert "192.0.2" not in page.text
    assert len(ends(page)) == 4  # not the one that looks
    assert other.at


def test_c25_in_ram_the_kind_lies_sealed(programs) -> None:
    lying = b"".join(path.read_bytes() for path in folder.current().rglob("*") if path.is_file())
    for word in (b"submission", b"sieve", b"192.0.2.7"):
        assert word not in lying
    assert all(one.record(clock.now()).ip == "192.0.2.7" for one in programs.values())


def test_one_is_ended_and_the_others_stay(anna, programs) -> None:
    other = logged_in(ADDRESS)
    before = connections.endings()
    page = anna.get(PAGE)
    cell = next(form for form in ends(page) if "(IMAP)" in _row(page, form))
    anna.send(cell, status=302)
    now = clock.now()
    assert not programs["imap"].beat(now)
    assert programs["sieve"].beat(now)
    assert connections.endings() > before  # the door that serves it looks at once
    assert other.client.get(PAGE).status_code == 200
    (session,) = (form for form in ends(anna.get(PAGE)) if "Browser" in _row(page, form))
    anna.send(session, status=302)
    assert other.client.get(PAGE).status_code == 302
    anna.send(session, status=302)  # gone already
    anna.get(PAGE)


def _row(page, form) -> str:
    html = page.response.content.decode()
    mark = form.values["mark"]
    return html[: html.index(mark)].rpartition("<tr>")[2] if mark in html else "Browser"


def test_c47_nobody_ends_somebody_elses(ahaus, anna, programs, now) -> None:
    cast.resident(ahaus, "ben.b", now)
    ben = logged_in("ben.b@ahaus.net")
    mark = next(form.values["mark"] for form in ends(anna.get(PAGE)))
    logged_in("ben.b@ahaus.net")
    bens = ends(ben.get(PAGE))[0]
    for given in (mark, "", "0" * 32, "ä"):
        ben.send(bens, status=302, mark=given)
    assert all(one.beat(clock.now()) for one in programs.values())
    assert mark != connections.live_of(ahaus.id, people.address(ahaus, "ben.b").contract.person_id, clock.now())


@pytest.mark.parametrize("how", ["password", "everywhere"])
def test_c32_a_new_password_and_log_out_everywhere_end_all_the_others(anna, programs, how: str) -> None:
    other = logged_in(ADDRESS)
    if how == "password":
        fields = {"password": cast.PASSWORD, "password_new": "ganz etwas anderes 5", "password_again": "ganz etwas anderes 5"}
        anna.send(anna.get(f"{PAGE}/passwort").form("passwort"), status=302, **fields)
    else:
        anna.send(anna.get(PAGE).form("/sitzungen"), status=302)
    assert other.client.get(PAGE).status_code == 302
    assert anna.client.get(PAGE).status_code == (200 if how == "password" else 302)
    assert not any(one.beat(clock.now()) for one in programs.values())


@pytest.mark.parametrize("way", ["cookie", "url"])
def test_a_form_of_a_session_that_has_ended_says_so(ahaus, contract, way) -> None:
    """Not "the form is too old": who has been away for half an hour wants to know that they are logged out."""
    browser = logged_in(ADDRESS, way)
    prefix = browser.at.partition("/postfach")[0]
    form = browser.get(f"{prefix}/postfach/etiketten").form("etiketten")
    sessions.end_person(ahaus.id, contract.person_id)
    page = browser.send(form, status=403, tun="anlegen", name="Verein", farbe="blue")
    assert "Sie sind nicht mehr angemeldet" in page.text
    assert "Es wurde nichts gespeichert" in page.text
    assert "/postfach/etiketten" in page.links
    assert "Das Formular ist abgelaufen" in Browser().send(form, status=403, tun="anlegen", name="x", farbe="blue").text or way == "url"
