"""Corrections: the new value everywhere, the old one nowhere, on the record where the desk does it (C-6.2b, § 172(4) TKG)."""

from datetime import timedelta
from uuid import uuid4

import pytest

from stadtmail.kit import store
from stadtmail.people import queries
from stadtmail.people.actions import accesses, contracts, corrections, ends, restriction
from stadtmail.people.models import Contract, Identity, Inventory, Payment
from stadtmail.privacy import erasure, holds, sweep, units
from stadtmail.privacy.models import Event, Unit
from stadtmail.vault import keys
from tests.people.people import clerk, order
from tests.people.traces import files_with

IBAN, NEXT_IBAN = "DE89370400440532013000", "DE02120300000000202051"


def correct(contract, tenant, now, *, by=None, **changes):
    return corrections.correct(contract, tenant=tenant, changes=changes, now=now, by=by)


def values(contract) -> dict[str, str]:
    identity = Identity.objects.select_related("unit").get(contract=contract)
    return {name: units.text(identity.unit, name, getattr(identity, name)) for name in corrections.COLUMNS[Identity]}


def test_c62b_a_new_name_is_everywhere_and_the_old_one_opens_nowhere(ahaus, now) -> None:
    contract = order(ahaus, now)
    old_keys = [unit.key for unit in Unit.objects.filter(anchor=contract.id, category__in=["BD", "BD-ID"])]
    assert correct(contract, ahaus, now, name="Anna Neuname", street="Wallstraße 9") == ["name", "street"]
    holder = queries.holder(ahaus, contract)
    assert (holder.name, holder.display_name, holder.address) == ("Anna Neuname", "Anna Neuname", "anna.k@ahaus.net")
    assert "Wallstraße 9" in values(contract)["address"]
    assert "Ahaus" in values(contract)["address"]
    assert keys.exists(old_keys) == set()
    assert files_with("Kanariengelb") == files_with("Neuname") == []
    assert Unit.objects.filter(anchor_kind=corrections.SUPERSEDED).count() == 0


def test_c62b_what_is_not_corrected_keeps_its_unit(ahaus, now) -> None:
    contract = order(ahaus, now)
    before = set(Unit.objects.filter(category="BD-ID").values_list("id", flat=True))
    correct(contract, ahaus, now, language="en")
    assert set(Unit.objects.filter(category="BD-ID").values_list("id", flat=True)) == before
    assert correct(contract, ahaus, now, language="en") == []
    assert queries.holder(ahaus, contract).language == "en"


def test_c62b_nonsense_is_refused_and_changes_nothing(ahaus, now) -> None:
    contract = order(ahaus, now)
    for changes in (
        {"name": " "}, {"postcode": "4868"}, {"birth_date": "31.12.1980"}, {"birth_date": "2020-01-01"}, {"kind": "robot"},
        {"language": "fr"}, {"name": "A\u202eB"}, {"street": "x" * 121},
    ):  # fmt: skip
        with pytest.raises(corrections.BadCorrection):
            correct(contract, ahaus, now, **changes)
    for changes in ({"localpart": "chef"}, {"password": "x"}, {"phone": "02561 1"}, {"iban": IBAN}, {"nickname": "x"}, {"tariff": "x"}):
        with pytest.raises(corrections.NotCorrectable):
            correct(contract, ahaus, now, **changes)
    assert queries.holder(ahaus, contract).name == "Anna Kanariengelb"


def test_law5_another_city_corrects_nothing(ahaus, musterstadt, now) -> None:
    contract, stranger = order(ahaus, now), clerk(musterstadt, now)
    with pytest.raises(corrections.NotCorrectable):
        correct(contract, musterstadt, now, name="Fremd")
    with pytest.raises(accesses.NotStaff):
        correct(contract, ahaus, now, by=stranger, name="Fremd")
    assert queries.holder(ahaus, contract).name == "Anna Kanariengelb"


def test_c23_the_desk_corrects_on_the_record_and_the_source_says_so(ahaus, now) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    correct(contract, ahaus, now, by=desk, birth_date="1980-03-01")
    assert Identity.objects.get(contract=contract).source == "clerk"
    assert Inventory.objects.get(contract=contract).source == "order_form"
    (shown,) = queries.accesses(ahaus, contract)
    assert (shown["purpose"], shown["categories"]) == ("correction", ["BD-ID"])


def test_c22_phone_and_bank_where_the_tariff_needs_them(musterstadt, now) -> None:
    tariff = next(code for code, found in _tariffs(musterstadt).items() if "bank" in found.needs)
    contract = order(musterstadt, now, tariff=tariff, phone="02561 123456", iban=IBAN, account_holder="Clara K")
    correct(contract, musterstadt, now, iban="DE02 1203 0000 0000 2020 51", phone="02561 654321")
    row = Payment.objects.select_related("unit").get(contract=contract)
    assert units.text(row.unit, "iban", row.iban) == NEXT_IBAN
    with pytest.raises(corrections.BadCorrection):
        correct(contract, musterstadt, now, iban="DE02120300000000202052")
    assert files_with(IBAN) == files_with(NEXT_IBAN) == []


def _tariffs(tenant):
    from stadtmail.privacy import policy

    return policy.current(tenant).tariffs


def test_c62b_after_the_end_the_identity_is_corrected_too_and_keeps_its_dates(ahaus, now) -> None:
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    before = Unit.objects.get(anchor=contract.id, category="BD-ID")
    correct(contract, ahaus, now, name="Anna Neuname")
    after = Unit.objects.get(anchor=contract.id, category="BD-ID")
    assert after.id != before.id
    assert (after.due_at, after.keep_until, after.state) == (before.due_at, before.keep_until, "restricted")
    assert keys.exists([before.key]) == set()


def test_c62b_a_hold_keeps_the_contested_value_and_the_corrected_one_until_it_is_lifted(ahaus, now) -> None:
    contract = order(ahaus, now)
    restriction.restrict(contract, tenant=ahaus, reason="accuracy_contested", now=now)
    old = Unit.objects.get(anchor=contract.id, category="BD-ID")
    correct(contract, ahaus, now, name="Anna Neuname")
    fresh = Unit.objects.get(anchor=contract.id, category="BD-ID")
    assert set(holds.standing([old.id, fresh.id], now=now)) == {old.id, fresh.id}
    assert keys.exists([old.key]) == {old.key}
    restriction.lift(contract, tenant=ahaus, now=now)
    assert keys.exists([old.key]) == set()
    assert queries.holder(ahaus, contract).name == "Anna Neuname"


def test_c62b_what_a_crash_left_over_is_mended(ahaus, now, monkeypatch) -> None:
    contract = order(ahaus, now)
    with monkeypatch.context() as patched:
        patched.setattr(erasure, "erase", lambda *args, **kwargs: None)
        correct(contract, ahaus, now, name="Anna Neuname")
    assert Unit.objects.filter(anchor_kind=corrections.SUPERSEDED).count() == 2
    sweep.run(now)
    assert Unit.objects.filter(anchor_kind=corrections.SUPERSEDED).count() == 0


def test_c62b_correcting_what_is_being_erased_is_too_late(ahaus, now) -> None:
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    with store.writing():
        Unit.objects.filter(anchor=contract.id, category="BD").update(state="erasing")
    assert correct(contract, ahaus, now, language="en") == []


def test_c41_a_corrected_contract_still_goes_completely(ahaus, now) -> None:
    contract = order(ahaus, now)
    correct(contract, ahaus, now, name="Anna Neuname", language="en")
    contracts.cancel(contract, ends_at=now, now=now)
    day = sweep.next_due(None, after=now)
    while day is not None:
        sweep.run(day)
        day = sweep.next_due(None, after=day)
    assert not Contract.objects.exists()
    assert not Unit.objects.exists()
    assert not Event.objects.exists()


def test_c62c_a_restriction_is_placed_by_the_person_shown_and_lifted(ahaus, musterstadt, now) -> None:
    contract = order(ahaus, now)
    with pytest.raises(holds.NotInMatrix):
        restriction.restrict(contract, tenant=ahaus, reason="because", now=now)
    restriction.restrict(contract, tenant=ahaus, reason="needed_for_claim", now=now)
    with pytest.raises(restriction.NothingToRestrict):
        restriction.restrict(contract, tenant=ahaus, reason="needed_for_claim", now=now)
    assert restriction.standing(contract, tenant=musterstadt, now=now) == []
    contracts.cancel(contract, ends_at=now, now=now)
    late = now + timedelta(days=1000)
    sweep.run(late)
    assert set(Unit.objects.filter(anchor=contract.id).values_list("category", flat=True)) == {"BD", "BD-ID"}
    assert restriction.lift(contract, tenant=ahaus, now=late) == 1
    assert not Contract.objects.exists()


@pytest.fixture
def meanwhile(monkeypatch):
    """Lets something happen between the look at the old values and the transaction that replaces them."""

    def plan(happen) -> None:
        prepare = units.prepare

        def and_then(*args, **more):
            monkeypatch.setattr(units, "prepare", prepare)
            made = prepare(*args, **more)
            happen()
            return made

        monkeypatch.setattr(units, "prepare", and_then)

    return plan


def test_c62b_a_correction_that_the_end_overtook_does_not_undo_it(ahaus, now, meanwhile) -> None:
    contract = order(ahaus, now)
    meanwhile(lambda: contracts.cancel(Contract.objects.get(), ends_at=now, now=now))
    with pytest.raises(corrections.Overtaken):
        correct(contract, ahaus, now, name="Anna Neuname")
    assert now.isoformat() in values(contract)["dates"].partition("ended")[2]
    assert set(Unit.objects.filter(anchor=contract.id, category="BD-ID").values_list("state", flat=True)) == {"restricted"}


def test_c62b_of_two_corrections_at_once_one_counts(ahaus, now, meanwhile) -> None:
    contract = order(ahaus, now)
    # the other one stops between its transaction and the erasure of what it superseded
    meanwhile(lambda: Unit.objects.filter(category="BD").update(anchor_kind=corrections.SUPERSEDED, anchor=uuid4()))
    with pytest.raises(corrections.Overtaken):
        correct(contract, ahaus, now, language="en")
    assert Inventory.objects.filter(contract=contract).count() == 1


def test_c62b_a_correction_does_not_overwrite_a_corrected_end(ahaus, now, meanwhile) -> None:
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    at = now - timedelta(days=3)
    meanwhile(lambda: ends.move(Contract.objects.get(), at=at, now=now))
    with pytest.raises(corrections.Overtaken):
        correct(contract, ahaus, now, name="Anna Neuname")
    assert at.isoformat() in values(contract)["dates"]


def test_c62b_a_superseded_value_goes_the_moment_its_hold_is_released(ahaus, now) -> None:
    contract = order(ahaus, now)
    old = Unit.objects.get(anchor=contract.id, category="BD-ID")
    held = holds.place(
        tenant=ahaus, type="legal_hold", reason="court_order", units=[old.id], by="officer:1", approved_by="officer:2",
        review_at=now + timedelta(days=30), now=now,
    )  # fmt: skip
    correct(contract, ahaus, now, name="Anna Neuname")
    assert Unit.objects.filter(id=old.id).exists()
    holds.release(held.id, tenant=ahaus, now=now + timedelta(minutes=1))
    assert not Unit.objects.filter(id=old.id).exists()
    assert queries.holder(ahaus, contract).name == "Anna Neuname"
