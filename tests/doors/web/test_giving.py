"""Voluntary details are given again as easily as they are withdrawn, each for itself, and only what the catalogue knows (C-2.1, C-2.6)."""

import threading

import pytest

from stadtmail.kit import clock
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts, voluntary
from stadtmail.people.models import Consent, Voluntary
from tests.doors.web import cast
from tests.doors.web.browsing import Browser
from tests.people.test_second_factor import at_once
from tests.people.traces import files_with

PAGE, CENTRE = "/datenschutz/meine-daten/freiwillig/angeben", "/datenschutz/meine-daten"


@pytest.fixture
def contract(ahaus, now):
    return people.contract(ahaus, cast.resident(ahaus, "anna.k", now, voluntary={"nickname": "Anni Kanarienkopf"}).contract)


@pytest.fixture
def anna(contract) -> Browser:
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD)
    return browser


def given(tenant, contract) -> dict[str, str]:
    return {row.field: "" for row in people.voluntary(tenant, contract)}


def form_of(page, name: str, ending: str = "angeben"):
    return next(one for one in page.forms if one.action.endswith(ending) and one.values.get("field") == name)


def test_c26_what_was_withdrawn_is_given_again_with_one_click_and_a_consent_of_its_own(ahaus, anna, contract) -> None:
    page = anna.get(PAGE)
    assert "Anni Kanarienkopf" in page.text
    anna.send(form_of(page, "nickname", "/freiwillig"), status=302)
    assert given(ahaus, contract) == {}
    page = anna.get(PAGE)
    assert "Anni" not in page.text
    done = anna.send(form_of(page, "nickname"), status=302, nickname="  Änne Kanarienschopf ")
    assert "mit Ihrer Einwilligung" in done.text
    assert "Änne Kanarienschopf" in done.text
    assert sorted(Consent.objects.values_list("purpose", "withdrawn")) == [("nickname", False), ("nickname", True)]
    assert files_with("Kanarienkopf") == []
    assert files_with("Kanarienschopf") == []  # sealed
    anna.send(form_of(anna.get(PAGE), "contact_mail"), status=302, contact_mail="anna@elsewhere.example")
    assert set(given(ahaus, contract)) == {"nickname", "contact_mail"}
    anna.send(form_of(anna.get(PAGE), "nickname", "/freiwillig"), status=302)
    assert set(given(ahaus, contract)) == {"contact_mail"}
    assert voluntary.mend(clock.now()) == 0
    assert PAGE in anna.get(CENTRE).links
    assert "Consent and save" in anna.get(f"/en{PAGE}").text


@pytest.mark.parametrize(
    "value", ["keine Adresse", "", "a\x07b@x.example", f"{'a' * 120}@x.de", f"a@{'b' * 120}.de"], ids=range(5)
)  # fmt: skip
def test_what_cannot_be_right_is_refused_and_stays_in_the_form(ahaus, anna, contract, value) -> None:
    page = anna.send(form_of(anna.get(PAGE), "contact_mail"), status=400, contact_mail=value)
    assert form_of(page, "contact_mail")
    assert "contact_mail" not in given(ahaus, contract)


def test_c21_only_voluntary_fields_one_at_a_time(ahaus, anna, contract) -> None:
    form = form_of(anna.get(PAGE), "contact_mail")
    for more in ({"field": "phone", "phone": "0123 456789"}, {"name": "Eva"}, {"field": "iban"}, {"nickname": "x"}):
        anna.send(form, status=400, **{"contact_mail": "a@b.example", **more})
    anna.client.post(form.action, "field=phone", content_type="application/x-www-form-urlencoded")
    with pytest.raises(voluntary.NotVoluntary):
        voluntary.give(contract, "phone", "0123 456789", tenant=ahaus, now=clock.now())
    assert set(given(ahaus, contract)) == {"nickname"}


def test_it_is_given_once(ahaus, anna, contract) -> None:
    """Two tabs at once, and a form that is old."""
    left, lock = ["one@elsewhere.example", "two@elsewhere.example"], threading.Lock()

    def give():
        with lock:
            value = left.pop()
        voluntary.give(contract, "contact_mail", value, tenant=ahaus, now=clock.now())

    found = at_once(give)
    assert sorted(type(one).__name__ for one in found) == ["GivenAlready", "NoneType"]
    assert Voluntary.objects.filter(field="contact_mail").count() == Consent.objects.filter(purpose="contact_mail").count() == 1


def test_law5_nobody_elses_and_nothing_after_the_end(ahaus, musterstadt, anna, contract, now) -> None:
    ben = people.contract(ahaus, cast.resident(ahaus, "ben.b", now).contract)
    other = Browser()
    other.login("ben.b@ahaus.net", cast.PASSWORD)
    assert "Anni" not in other.get(PAGE).text
    other.send(form_of(anna.get(PAGE), "contact_mail"), status=403, contact_mail="a@b.example")  # a form of Anna's session
    other.send(form_of(other.get(PAGE), "contact_mail"), status=302, contact_mail="ben@b.example")
    assert (set(given(ahaus, contract)), set(given(ahaus, ben))) == ({"nickname"}, {"contact_mail"})
    with pytest.raises(voluntary.HasEnded):
        voluntary.give(contract, "contact_mail", "a@b.example", tenant=musterstadt, now=now)
    contracts.cancel(contract, ends_at=now, now=now)
    with pytest.raises(voluntary.HasEnded):
        voluntary.give(contract, "contact_mail", "a@b.example", tenant=ahaus, now=now)


def test_what_a_take_back_did_not_bring_back_is_seen_to_by_giving_it(ahaus, contract, now) -> None:
    from stadtmail.privacy import sweep

    ended = contracts.cancel(contract, ends_at=now, now=now)
    sweep.run(now)
    contracts.take_back(people.collection(ahaus, people.code_digest(ahaus, ended.collection_code)), tenant=ahaus, now=now)
    assert people.lost(ahaus, contract) == {"details"}
    voluntary.give(contract, "nickname", "Anni", tenant=ahaus, now=now)
    assert people.lost(ahaus, contract) == frozenset()
