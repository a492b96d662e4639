"""What the desk corrects, its person is told: the kinds of data in their own mailbox, no value anywhere (C-2.3, Art. 14 GDPR)."""

from datetime import UTC, datetime

import pytest

from stadtmail.mail import queries
from stadtmail.mail.actions import corrections
from stadtmail.mail.models import Mailbox
from stadtmail.people import queries as people
from stadtmail.people.actions import corrections as people_corrections
from stadtmail.people.actions import staff
from tests.mail.conftest import opened

CANARY = "Kanarienweg 4711"


@pytest.fixture
def desk(ahaus, now):
    return staff.appoint(ahaus, role="desk", name="Doris Desk", login="desk1", password="ein langer Satz 7", now=now)


def correct(ahaus, account, desk, now, **changes):
    return corrections.correct(people.contract(ahaus, account.contract), tenant=ahaus, changes=changes, by=desk, now=now)


def told(ahaus, account) -> list[tuple[str, str]]:
    box = opened(ahaus, account)
    views = [(row.subject, queries.message(box, 1, row.uid).text) for row in queries.page(box, 1)]
    return [view for view in views if "Willkommen" not in view[0] and "Welcome" not in view[0]]


def test_c23_the_person_reads_which_kinds_of_data_the_desk_changed(ahaus, anna, desk, now) -> None:
    made = correct(ahaus, anna, desk, now, name="Anna Kanariengelb", street=CANARY, postcode="48683")
    assert made == corrections.Corrected(["street"], told=True)
    ((subject, text),) = told(ahaus, anna)
    assert subject == "Ihre Angaben wurden berichtigt"
    assert ": Anschrift." in text
    assert "datenschutz@ahaus.net" in text
    for value in (CANARY, "Marktstraße", "Anna Kanariengelb", "Doris", "desk1", str(desk)):
        assert value not in text


def test_in_the_language_of_the_person(ahaus, anna, desk, now) -> None:
    correct(ahaus, anna, desk, now, language="en", name="Anna Neuname")
    ((subject, text),) = told(ahaus, anna)
    assert subject == "Your details were corrected"
    assert "language, name." in text
    assert "Neuname" not in text


def test_what_changes_nothing_tells_nothing(ahaus, anna, desk, now) -> None:
    assert correct(ahaus, anna, desk, now, name="Anna Kanariengelb") == corrections.Corrected([], told=False)
    with pytest.raises(people_corrections.BadCorrection):
        correct(ahaus, anna, desk, now, postcode="4")
    assert told(ahaus, anna) == []


def test_a_full_mailbox_is_said(ahaus, anna, desk, now) -> None:
    Mailbox.objects.filter(contract=anna.contract).update(quota_bytes=1)
    assert correct(ahaus, anna, desk, now, street=CANARY) == corrections.Corrected(["street"], told=False)
    assert told(ahaus, anna) == []


def test_nobody_else_hears_of_it(ahaus, anna, ben, desk) -> None:
    correct(ahaus, anna, desk, datetime(2026, 11, 23, 12, tzinfo=UTC), street=CANARY)
    assert told(ahaus, ben) == []
