"""Staff see what their purpose opens, after it is written down, and never contents; the person sees who looked (C-2.4, C-4.7)."""

from datetime import timedelta
from uuid import uuid4

import pytest

from stadtmail.people import queries
from stadtmail.people.actions import accesses, contracts, credentials, staff
from stadtmail.people.models import Access, Person, Staff
from stadtmail.privacy import sweep
from stadtmail.privacy.models import Unit
from tests.people.people import clerk, order
from tests.people.traces import files_with


def look(contract, tenant, by, now, *, purpose="support_with_person", categories=("BD",)):
    return staff.look(contract, tenant=tenant, by=by, purpose=purpose, categories=categories, now=now)


def test_staff_sign_in_and_nobody_else_does(ahaus, musterstadt, now) -> None:
    desk = clerk(ahaus, now)
    session = staff.sign_in(ahaus, " D.ESK ", "Aktenordner 12 grün")
    assert (session.staff, session.role, session.name) == (desk, "desk", "Dora Schreibtisch")
    assert "Dora" not in repr(session)
    for city, login, password in (
        (ahaus, "d.esk", "falsch falsch"), (ahaus, "nobody", "Aktenordner 12 grün"), (musterstadt, "d.esk", "Aktenordner 12 grün"),
    ):  # fmt: skip
        with pytest.raises(credentials.WrongCredentials):
            staff.sign_in(city, login, password)
    assert files_with("Dora Schreibtisch") == files_with("Aktenordner 12 grün") == []


def test_a_resident_is_not_staff_and_staff_are_not_residents(ahaus, now) -> None:
    clerk(ahaus, now)
    order(ahaus, now, localpart="d.esk2")
    with pytest.raises(credentials.WrongCredentials):
        staff.sign_in(ahaus, "d.esk2@ahaus.net", "ein langer Satz 7")
    with pytest.raises(credentials.WrongCredentials):
        credentials.sign_in(ahaus, "d.esk@ahaus.net", "Aktenordner 12 grün")


def test_appointing_refuses_unknown_roles_weak_passwords_and_taken_names(ahaus, now) -> None:
    given = {"name": "Emil Zwei", "login": "e.zwei", "password": "Regal 7 hellblau", "now": now}
    with pytest.raises(accesses.NotStaff):
        staff.appoint(ahaus, role="administrator", **given)
    with pytest.raises(credentials.BadPassword):
        staff.appoint(ahaus, role="desk", **{**given, "password": "kurz"})
    staff.appoint(ahaus, role="desk", **given)
    with pytest.raises(staff.LoginTaken):
        staff.appoint(ahaus, role="officer", **given)
    assert Staff.objects.count() == 1


def test_c24_an_access_is_on_record_before_anything_is_shown(ahaus, now, monkeypatch) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    monkeypatch.setattr(staff, "_records", lambda *args: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(RuntimeError):
        look(contract, ahaus, desk, now)
    assert len(queries.accesses(ahaus, contract)) == 1


def test_c24_a_look_shows_its_categories_and_the_person_sees_who_looked(ahaus, now) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    seen = look(contract, ahaus, desk, now, categories=["BD-ID"])
    assert [record["name"] for record in seen.records["BD-ID"]] == ["Anna Kanariengelb"]
    assert "Kanarien" not in repr(seen)
    (shown,) = queries.accesses(ahaus, contract)
    assert shown == {"at": now.isoformat(), "role": "desk", "purpose": "support_with_person", "categories": ["BD-ID"]}
    assert "Dora" not in str(shown)
    assert str(desk) not in str(shown)


@pytest.mark.parametrize(
    ("purpose", "categories"),
    [("curiosity", ["BD"]), ("support_with_person", ["INH"]), ("support_with_person", ["BD-CRED"]), ("dsr", ["INH"]),
     ("support_with_person", ["BD-PAY"]), ("order_check", ["BD"]), ("support_with_person", []), ("dsr", ["BD", "COLL"])],
)  # fmt: skip
def test_c47_no_purpose_opens_contents_or_more_than_it_needs(ahaus, now, purpose, categories) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    with pytest.raises(accesses.NotStaff):
        look(contract, ahaus, desk, now, purpose=purpose, categories=categories)
    assert not Access.objects.exists()


def test_law5_staff_of_another_city_and_people_who_are_no_staff_see_nothing(ahaus, musterstadt, now) -> None:
    contract, stranger = order(ahaus, now), clerk(musterstadt, now)
    for city, who in ((ahaus, stranger), (musterstadt, stranger), (ahaus, uuid4()), (ahaus, contract.person_id)):
        with pytest.raises(accesses.NotStaff):
            look(contract, city, who, now)
    assert not Access.objects.exists()


def test_c28_data_of_an_ended_contract_open_for_rights_only(ahaus, now) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    with pytest.raises(accesses.NotStaff):
        look(contract, ahaus, desk, now)
    assert look(contract, ahaus, desk, now, purpose="dsr").records["BD"]


def test_the_officer_answers_requests_and_does_no_support(ahaus, now) -> None:
    contract, officer = order(ahaus, now), clerk(ahaus, now, role="officer")
    with pytest.raises(accesses.NotStaff):
        look(contract, ahaus, officer, now)
    assert look(contract, ahaus, officer, now, purpose="dsr")


def test_whoever_is_dismissed_is_out_at_once_and_gone_within_a_day(ahaus, now) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    staff.dismiss(desk, tenant=ahaus, now=now)
    with pytest.raises(credentials.WrongCredentials):
        staff.sign_in(ahaus, "d.esk", "Aktenordner 12 grün")
    with pytest.raises(accesses.NotStaff):
        look(contract, ahaus, desk, now)
    sweep.run(now + timedelta(hours=23))
    assert Staff.objects.exists()
    sweep.run(now + timedelta(hours=24))
    assert not Staff.objects.exists()


def test_c24_the_access_record_goes_after_its_period_and_takes_the_empty_shell_along(ahaus, now) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    late = now + timedelta(days=390)
    look(contract, ahaus, desk, late, purpose="dsr")
    day = sweep.next_due(None, after=now)
    while day is not None:
        sweep.run(day)
        day = sweep.next_due(None, after=day)
    assert not Access.objects.exists()
    assert not Person.objects.exists()
    assert not Unit.objects.exclude(category="STAFF").exists()
