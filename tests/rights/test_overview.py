"""Everything about one's own contract is shown, nothing of anybody else, and never who of the staff it was (C-6.1, C-4.7)."""

from datetime import timedelta

import pytest

from stadtmail.people import queries
from stadtmail.people.actions import contracts, restriction, staff
from stadtmail.privacy import holds, sweep
from stadtmail.privacy.models import Unit
from stadtmail.rights.overview import overview
from stadtmail.usage import sessions
from tests.people.people import FILLED, clerk, order

NOT_SHOWN = {"password", "localpart"}


def section(shown, code):
    return next(part for part in shown.sections if part.category == code)


def test_c61_every_canary_of_the_order_is_shown_and_none_of_the_neighbour(ahaus, now) -> None:
    contract = order(ahaus, now, voluntary={"nickname": "Änne-KANARIE", "contact_mail": "kanarie@example.org"})
    order(ahaus, now, localpart="ben.n", name="Ben Nachbar", street="Nebenweg 2", voluntary={"nickname": "Benni"})
    text = str(overview(ahaus, contract.id, lang="de", now=now).sections)
    for part in overview(ahaus, contract.id, lang="de", now=now).sections:
        text += str(part.records)
    for name, value in FILLED.items():
        if name not in {*NOT_SHOWN, "tariff"}:
            assert value in text, name
    for value in ("Änne-KANARIE", "kanarie@example.org", "anna.k@ahaus.net"):
        assert value in text
    for foreign in ("Ben Nachbar", "Nebenweg", "Benni", "ben.n"):
        assert foreign not in text
    assert FILLED["password"] not in text
    assert "argon2" not in text


def test_c61_each_category_says_what_for_on_which_basis_and_until_when(ahaus, now) -> None:
    contract = order(ahaus, now)
    before = section(overview(ahaus, contract.id, lang="de", now=now), "BD")
    assert (before.name, before.until) == ("Bestandsdaten", None)
    assert before.rule_words == "sechs Monate nach dem Vertragsende"
    assert "Art. 6" in before.basis
    assert before.purpose == "Abschluss und Abwicklung des Vertrags"
    contracts.cancel(contract, ends_at=now, now=now)
    after = overview(ahaus, contract.id, lang="en", now=now)
    assert section(after, "BD").until == Unit.objects.get(anchor=contract.id, category="BD").due_at
    assert section(after, "BD").name == "inventory data"
    assert {part.category for part in after.sections} == {"BD", "BD-ID", "BD-CRED", "TOMB", "COLL"}


def test_c23_the_source_of_the_data_is_shown(ahaus, now) -> None:
    contract = order(ahaus, now)
    assert section(overview(ahaus, contract.id, lang="de", now=now), "BD-ID").records[0]["source"] == "order_form"


def test_c24_the_person_sees_the_role_and_never_who_it_was(ahaus, now) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    staff.look(contract, tenant=ahaus, by=desk, purpose="support_with_person", categories=["BD"], now=now)
    shown = overview(ahaus, contract.id, lang="de", now=now)
    text = str(shown.accesses) + str(section(shown, "ACC").records)
    assert "support_with_person" in text
    assert str(desk) not in text
    assert "Dora" not in text


def test_law5_another_citys_contract_is_not_found(ahaus, musterstadt, now) -> None:
    contract = order(ahaus, now)
    with pytest.raises(queries.NoSuchContract):
        overview(musterstadt, contract.id, lang="de", now=now)


def test_c62c_a_restriction_is_shown_and_what_is_silenced_by_law_is_not(ahaus, now) -> None:
    contract = order(ahaus, now)
    plain = overview(ahaus, contract.id, lang="de", now=now)
    ids = [unit.id for unit in queries.units_of(ahaus, contract) if unit.category == "BD-ID"]
    holds.place(
        tenant=ahaus, type="lea_preservation", reason="preservation_order", units=ids, by="lea 1", approved_by="lea 2",
        review_at=now + timedelta(days=30), now=now,
    )  # fmt: skip
    assert overview(ahaus, contract.id, lang="de", now=now) == plain
    restriction.restrict(contract, tenant=ahaus, reason="accuracy_contested", now=now)
    assert section(overview(ahaus, contract.id, lang="de", now=now), "BD-ID").holds == ["Einschränkung auf Ihren Wunsch"]


def test_c61_messages_are_counted_by_folder(ahaus, now, mailbox) -> None:
    contract = order(ahaus, now)
    mailbox.fill(contract, now, [("Posteingang", 1, b"a"), ("Posteingang", 2, b"b"), ("Gesendet", 1, b"c")])
    found = section(overview(ahaus, contract.id, lang="de", now=now), "INH").records
    assert found == [{"folder": "Posteingang", "messages": 2}, {"folder": "Gesendet", "messages": 1}]


def test_c42_what_is_in_ram_right_now_is_shown_and_only_while_it_is(ahaus, now) -> None:
    contract = order(ahaus, now)
    assert "COOK" not in {part.category for part in overview(ahaus, contract.id, lang="de", now=now).sections}
    token = sessions.begin(tenant=ahaus.id, kind="cookie", data={}, person=contract.person_id, now=now)
    shown = overview(ahaus, contract.id, lang="de", now=now)
    assert [record["kind"] for record in section(shown, "COOK").records] == ["cookie"]
    assert {"ND", "VD"} <= {part.category for part in shown.sections}
    sessions.end(token)
    assert "COOK" not in {part.category for part in overview(ahaus, contract.id, lang="de", now=now).sections}


def test_c61_what_is_due_tomorrow_is_still_shown_and_what_is_gone_is_not(ahaus, now) -> None:
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    sweep.run(now + timedelta(hours=2))
    assert "BD-CRED" not in {part.category for part in overview(ahaus, contract.id, lang="de", now=now).sections}
    due = Unit.objects.get(anchor=contract.id, category="BD").due_at
    sweep.run(due - timedelta(seconds=1))
    assert section(overview(ahaus, contract.id, lang="de", now=due), "BD").records
    sweep.run(due)
    left = {part.category for part in overview(ahaus, contract.id, lang="de", now=due).sections}
    assert left == {"BD-ID"}


def test_k14_a_hold_that_is_silenced_by_law_hides_no_restriction_of_the_person(ahaus, now) -> None:
    contract = order(ahaus, now)
    restriction.restrict(contract, tenant=ahaus, reason="accuracy_contested", now=now)
    plain = overview(ahaus, contract.id, lang="de", now=now)
    ids = [unit.id for unit in queries.units_of(ahaus, contract) if unit.category in ("BD", "BD-ID")]
    holds.place(
        tenant=ahaus, type="lea_preservation", reason="preservation_order", units=ids, by="lea 1", approved_by="lea 2",
        review_at=now + timedelta(days=30), now=now,
    )  # fmt: skip
    assert overview(ahaus, contract.id, lang="de", now=now) == plain
    assert len(restriction.standing(contract, tenant=ahaus, now=now)) == 1
    assert restriction.lift(contract, tenant=ahaus, now=now) == 1


def test_k14_what_only_a_silent_hold_still_keeps_is_not_shown_past_its_date(ahaus, now) -> None:
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    ids = [unit.id for unit in queries.units_of(ahaus, contract) if unit.category == "BD"]
    holds.place(
        tenant=ahaus, type="lea_preservation", reason="preservation_order", units=ids, by="lea 1", approved_by="lea 2",
        review_at=now + timedelta(days=300), now=now,
    )  # fmt: skip
    due = Unit.objects.get(id=ids[0]).due_at
    sweep.run(due)
    assert Unit.objects.filter(id=ids[0]).exists()
    assert "BD" not in {part.category for part in overview(ahaus, contract.id, lang="de", now=due).sections}
    assert "BD" in {part.category for part in overview(ahaus, contract.id, lang="de", now=due - timedelta(seconds=1)).sections}
