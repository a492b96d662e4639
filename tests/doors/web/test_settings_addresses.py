"""Addresses: made within the limit, ended by their day or their owner, never a deceptive one. The view dies with the session."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from stadtmail.kit import clock, config
from stadtmail.mail.actions import delivery
from stadtmail.people import queries as people
from stadtmail.people.models import Alias, Quarantine
from stadtmail.privacy import sweep
from stadtmail.rights import overview
from stadtmail.usage import volatile
from tests.doors.web import cast
from tests.doors.web.browsing import Browser, Form, Page

PAGE = "/postfach/einstellungen/adressen"
VIEW = "/postfach/einstellungen/ansicht"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_counts() -> None:
    volatile.clear()


@pytest.fixture
def contract(o, ahaus):
    return people.contract(ahaus, o.mailbox.contract_id)


def add(browser: Browser, localpart: str, *, status: int = 302, **values: str) -> Page:
    form = next(one for one in browser.get(PAGE).forms if "localpart" in one.names)
    return browser.send(form, status=status, step="add", localpart=localpart, **values)


def row_form(browser: Browser, address: str, name: str) -> Form:
    """The form for this address: with the field for its name ("display"), or the one that makes it the default."""
    own = [one for one in browser.get(PAGE).forms if one.values.get("address") == address]
    return next(one for one in own if ("display" in one.names) == (name == "display"))


def test_a_further_address_arrives_has_a_name_and_can_be_the_usual_one(settled, o, ahaus, contract, now) -> None:
    assert "gehört jetzt Ihnen" in add(settled, "Vereins.Post", display="Anna vom Verein").text
    cast.deliver(b"Subject: x\r\n\r\nx\r\n", "vereins.post@ahaus.net", now=now)
    own, further = people.identities(ahaus, contract)
    assert (own.name, own.is_default) == ("Anna Kanariengelb", True)
    assert (further.address, further.name, further.is_default) == ("vereins.post@ahaus.net", "Anna vom Verein", False)
    settled.send(row_form(settled, "vereins.post@ahaus.net", "default"), status=302, step="default")
    assert [one.is_default for one in people.identities(ahaus, contract)] == [False, True]
    settled.send(row_form(settled, "vereins.post@ahaus.net", "display"), status=302, step="name", display="")
    settled.send(row_form(settled, "anna.k@ahaus.net", "display"), status=302, step="name", display="A. Kanariengelb")
    assert [one.name for one in people.identities(ahaus, contract)] == ["A. Kanariengelb", "A. Kanariengelb"]
    assert people.holder(ahaus, contract).name == "Anna Kanariengelb"


def test_a_temporary_one_ends_by_itself_and_goes_to_nobody_else(settled, o, ahaus, contract, now, wait) -> None:
    page = add(settled, "kurz.da", temporary="1")
    assert "dann endet sie von selbst" in page.text
    (alias,) = people.aliases(ahaus, contract)
    days = (alias.until - clock.now()) / DAY
    assert 30 < days <= 31.1
    sweep.run(alias.until - timedelta(minutes=1))
    assert Alias.objects.count() == 1
    sweep.run(alias.until + timedelta(minutes=1))
    assert Alias.objects.count() == 0
    assert Quarantine.objects.count() == 1
    with pytest.raises(delivery.NoSuchMailbox):
        delivery.recipient("kurz.da@ahaus.net", now=alias.until + DAY)


def test_deleting_says_what_follows_and_does_it(settled, o, ahaus, contract, now) -> None:
    add(settled, "weg.damit", display="Kanarihenne")
    (alias,) = people.aliases(ahaus, contract)
    settled.send(row_form(settled, alias.address, "default"), status=302, step="default")
    page = settled.get(f"{PAGE}/{alias.id}")
    assert "wird ab sofort abgewiesen" in page.text
    assert "Jemand anders bekommt sie frühestens nach" in page.text
    settled.send(page.form(str(alias.id)), status=302)
    assert people.aliases(ahaus, contract) == []
    assert [one.is_default for one in people.identities(ahaus, contract)] == [True]
    for path in config.load().data.rglob("*"):
        if path.is_file():
            assert b"anarihenne" not in path.read_bytes(), path


@pytest.mark.parametrize("name", ["postmaster", "p0stmaster", "rathaus-x", "ab", "ännchen", "a b", "x@y", "a..b", "anna.k", "аnna.b"])
def test_a_reserved_deceptive_taken_or_impossible_name_is_refused(settled, o, name) -> None:
    page = add(settled, name, status=400)
    assert Alias.objects.count() == 0
    assert page.text


@pytest.mark.parametrize(
    "given", [{"display": "A\r\nBcc: x@y.example"}, {"display": "A <b@c.example>"}, {"display": "\u202eA"},
              {"temporary": "1", "days": "0"}, {"temporary": "1", "days": "366"}, {"temporary": "1", "days": "-1"}],
)  # fmt: skip
def test_no_header_in_a_name_and_no_strange_number_of_days(settled, o, given) -> None:
    add(settled, "gute.adresse", status=400, **given)
    assert Alias.objects.count() == 0


def test_the_limit_holds(settled, o) -> None:
    for number in range(5):
        add(settled, f"nummer.{number}")
    form = next(one for one in settled.get(PAGE).forms if one.action == PAGE)
    fields = {"token": form.values["token"], "step": "add", "localpart": "nummer.6"}
    response = settled.client.post(PAGE, urlencode(fields), content_type="application/x-www-form-urlencoded")
    assert response.status_code == 400
    assert Alias.objects.count() == 5


def test_c47_another_residents_address_is_not_there(settled, o, ahaus, contract, now) -> None:
    add(settled, "annas.zweite")
    (alias,) = people.aliases(ahaus, contract)
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    ben = Browser()
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    ben.raw(f"{PAGE}/{alias.id}", status=404)
    form = row_form(ben, "ben.b@ahaus.net", "display")
    ben.send(form, status=404, step="name", address=alias.address, display="Ben")
    del form.values["display"]
    ben.send(form, status=404, step="default", address=alias.address)
    assert [one.own_name for one in people.identities(ahaus, contract)] == [True, False]


def test_its_owner_sees_it_all(settled, o, ahaus, contract) -> None:
    add(settled, "alles.sehen", display="Kanarihahn")
    shown = overview.overview(ahaus, contract.id, lang="de", now=clock.now())
    assert "Kanarihahn" in str([section.records for section in shown.sections])


def test_the_view_holds_for_the_session_and_no_longer(settled, o, ahaus) -> None:
    form = settled.get(VIEW).form("ansicht")
    assert "gilt, bis Sie sich abmelden" in settled.send(form, status=302, zone="Asia/Tokyo", density="dense").text
    assert ("body", {"class": "app dense"}) in settled.get("/postfach").tags
    assert "Asia/Tokyo" in settled.get("/postfach/einstellungen").text
    settled.send(form, status=400, zone="Mars/Nord", density="")
    other = Browser()
    other.login("anna.k@ahaus.net", cast.PASSWORD)
    assert ("body", {"class": "app"}) in other.get("/postfach").tags
    assert "Europe/Berlin" in other.get("/postfach/einstellungen").text
    for path in config.load().data.rglob("*"):
        if path.is_file():
            assert b"Asia/Tokyo" not in path.read_bytes(), path
