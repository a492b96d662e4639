"""The one path that erases: what the claim refuses, what the steps leave, and that a hold wins or is told (law 3, C-4.1)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connections

from stadtmail.kit import store
from stadtmail.people.models import Contract, Inventory, Person
from stadtmail.privacy import erasure, events, holds, measures, recovery, sweep, units
from stadtmail.privacy.evidence import log
from stadtmail.privacy.models import Commitment, HoldItem, Leaf, LedgerEntry, Unit
from stadtmail.tenants.models import Host, Tenant
from stadtmail.vault import keys
from stadtmail.vault.models import Key
from tests import backups
from tests.engine.conftest import CANARY, bytes_on_disk, new_contract, someone

SIX_MONTHS = timedelta(days=182)


def due_of(ids):
    return Unit.objects.get(id=ids[0]).due_at


def hold(tenant, ids, now, **more):
    given = {"type": "objection", "reason": "invoice_objection", "by": someone(), "review_at": now + timedelta(days=30)}
    return holds.place(tenant=tenant, units=ids, now=now, **{**given, **more})


def test_c41_nothing_goes_a_second_early_and_all_of_it_when_due(ahaus, inventory, end, now) -> None:
    ids = inventory(3)
    end()
    due = due_of(ids)
    assert sweep.run(due - timedelta(seconds=1)).erased == 0
    swept = sweep.run(due)
    assert (swept.erased, swept.late, swept.withheld) == (3, 0, 0)
    assert not Unit.objects.exists()
    assert not Inventory.objects.exists()
    assert not keys.exists([key for entry in LedgerEntry.objects.all() for key in erasure.ids_of(entry.keys)])


def test_c41_a_withdrawal_may_come_before_the_date_but_never_before_a_duty_to_keep_ends(ahaus, inventory, end, now) -> None:
    ids = inventory(2)
    end()
    Unit.objects.filter(id=ids[0]).update(category="BD-ID")
    with store.writing():
        from stadtmail.privacy import deadlines

        deadlines.recompute(list(Unit.objects.all()))
    outcome = erasure.erase(ids, tenant=ahaus, now=now + timedelta(days=1), cause="withdrawn")
    assert [refused.hold for refused in outcome.withheld] == ["early"]
    assert outcome.erased == 1


def test_c41_the_ciphertext_is_gone_from_every_file(ahaus, inventory, end, now) -> None:
    ids = inventory()
    sealed, ours = bytes(Inventory.objects.get(unit=ids[0]).display_name), connections["default"].vendor == "sqlite"
    assert (sealed in bytes_on_disk()) == ours  # a server's files are its own; there the destroyed key is what counts
    assert CANARY.encode() not in bytes_on_disk()
    end()
    sweep.run(due_of(ids))
    if ours:
        with connections["default"].cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert sealed not in bytes_on_disk()


def test_c41_an_erasure_leaves_one_leaf_and_can_be_repeated(ahaus, inventory, end, now) -> None:
    ids = inventory(4)
    marks = units.commitments(list(Unit.objects.filter(id__in=ids)))
    expected = {units.commitment(marks[unit], unit) for unit in ids}
    end()
    due = due_of(ids)
    sweep.run(due)
    leaves = Leaf.objects.count()
    assert {bytes(row.digest) for row in Commitment.objects.all()} == expected
    assert erasure.erase(ids, tenant=ahaus, now=due, cause="due").erased == 0
    assert sweep.run(due).erased == 0
    assert Leaf.objects.count() == leaves
    entry = LedgerEntry.objects.get()
    assert (entry.step, entry.done_at, entry.test) == (erasure.DONE, due, True)


def test_law5_another_city_cannot_erase_or_hold_what_is_not_its_own(ahaus, musterstadt, inventory, now) -> None:
    ids = inventory()
    assert erasure.erase(ids, tenant=musterstadt, now=now, cause="withdrawn").erased == 0
    with pytest.raises(holds.TooLate):
        hold(musterstadt, ids, now)
    assert Unit.objects.count() == 1


def test_c43b_a_hold_stops_exactly_its_units_and_its_release_erases_at_once(ahaus, inventory, end, now) -> None:
    ids = inventory(3)
    end()
    due = due_of(ids)
    placed = hold(ahaus, ids[:1], due - timedelta(days=1))
    assert sweep.run(due).erased == 2
    assert sweep.run(due + SIX_MONTHS).erased == 0
    assert measures.overdue(ahaus, due + SIX_MONTHS) == 0
    assert holds.release(placed.id, tenant=ahaus, now=due + SIX_MONTHS) == 1
    assert not Unit.objects.exists()
    assert not HoldItem.objects.exists()


def test_c43b_a_hold_that_runs_out_releases_itself(ahaus, inventory, end, now) -> None:
    ids = inventory()
    end()
    due = due_of(ids)
    hold(ahaus, ids, due - timedelta(days=1), ends_at=due + timedelta(days=3))
    assert sweep.run(due + timedelta(days=2)).erased == 0
    swept = sweep.run(due + timedelta(days=3))
    assert (swept.released, swept.erased) == (1, 1)


@pytest.mark.parametrize("step", range(1, 8))
def test_c41_after_the_claim_a_hold_is_too_late_at_every_step(ahaus, inventory, end, now, step) -> None:
    ids = inventory()
    end()
    due = due_of(ids)
    told = []

    def between(number: int) -> None:
        if number == step:
            with pytest.raises(holds.TooLate):
                hold(ahaus, ids, due)
            told.append(number)

    assert sweep.run(due, step=between).erased == 1
    assert told == [step]


def test_c41_nobody_reads_a_unit_from_its_claim_on(ahaus, inventory, end, now) -> None:
    ids = inventory()
    end()
    row = Unit.objects.get(id=ids[0])
    seen = []

    def between(number: int) -> None:
        with pytest.raises(units.Gone):
            units.unit(ahaus, ids[0])
        assert units.of_anchor(ahaus, row.anchor) == []
        seen.append(number)

    sweep.run(due_of(ids), step=between)
    assert seen == list(range(1, 8))


def test_holds_need_a_place_in_the_matrix_a_reason_and_sometimes_a_second_person(ahaus, inventory, now) -> None:
    ids = inventory()
    with pytest.raises(holds.NotInMatrix):
        hold(ahaus, ids, now, type="fault_case")
    with pytest.raises(holds.NotInMatrix):
        hold(ahaus, ids, now, reason="because")
    with pytest.raises(holds.NotInMatrix):
        hold(ahaus, ids, now, review_at=now)
    same = someone()
    with pytest.raises(holds.SecondPersonMissing):
        hold(ahaus, ids, now, type="legal_hold", reason="court_order", by=same, approved_by=same)
    assert hold(ahaus, ids, now, type="legal_hold", reason="court_order", approved_by=someone("officer")).placed_at == now


def test_c41_a_corrected_end_moves_every_date_both_ways(ahaus, contract, inventory, end, now) -> None:
    ids = inventory()
    end()
    first = due_of(ids)
    end(now + timedelta(days=40))
    assert due_of(ids) > first
    end(now - timedelta(days=400))
    swept = sweep.run(now)
    assert (swept.erased, swept.late) == (1, 0)  # nobody could know earlier: due in the past is not late
    assert not events.happened(ahaus, contract.id, "contract_end")  # nothing of the contract is left, its events neither


def test_c41_a_scheduled_end_that_the_machine_slept_over_is_late(ahaus, inventory, end, now) -> None:
    ids = inventory()
    at = now - timedelta(days=400)
    end(at, known_at=at)
    assert measures.overdue(ahaus, now) == 1
    assert sweep.run(now).late == 1
    assert ids


def test_c41_two_contracts_of_one_person_end_apart(ahaus, contract, inventory, end, now) -> None:
    other = new_contract(ahaus)
    first, second = inventory(), inventory(on=other)
    end()
    sweep.run(due_of(first))
    assert list(Unit.objects.values_list("id", flat=True)) == second
    assert Inventory.objects.filter(unit__in=second).exists()


def test_keys_without_a_row_are_destroyed_after_an_hour_and_no_others(ahaus, inventory, now) -> None:
    kept = inventory(2)
    lost = units.prepare(ahaus, [units.Wanted("BD", "contract", uuid4())], now=now)
    assert sweep.run(now + timedelta(minutes=30)).orphans == 0
    assert sweep.run(now + timedelta(hours=2)).orphans == 1
    assert not keys.exists([lost[0].key_id])
    assert len(keys.exists(Unit.objects.filter(id__in=kept).values_list("key", flat=True))) == 2
    assert sweep.run(now + timedelta(hours=3)).orphans == 0


def test_what_is_still_there_after_erasing_is_loud_and_repeated(ahaus, inventory, end, now, monkeypatch) -> None:
    from dataclasses import replace

    from stadtmail.privacy import holdings

    ids = inventory()
    end()
    due = due_of(ids)
    real = holdings.of_category("BD")
    stuck = [replace(holding, find=lambda ids: 1) for holding in real]
    monkeypatch.setattr(holdings, "of_category", lambda code: stuck)
    assert sweep.run(due).repeated == 1
    assert LedgerEntry.objects.filter(done_at=None).count() == 1
    monkeypatch.setattr(holdings, "of_category", lambda code: real)
    assert sweep.run(due).recovered == 1
    assert LedgerEntry.objects.get().done_at == due


def test_a_new_policy_shortens_for_all_and_lengthens_only_for_the_new(ahaus, contract, inventory, end, now, monkeypatch) -> None:
    from stadtmail.privacy import deadlines, policy
    from stadtmail.privacy.policy import published

    ids = inventory()
    end()
    first = due_of(ids)
    source = published.read("ahaus.net").decode()
    rule = 'gone_by = "P6M", kind = "calendar"'

    def publish(version: int, period: str) -> None:
        text = source.replace(rule, rule.replace("P6M", period))  # inventory data and quarantine go together (K21)
        monkeypatch.setattr(published, "read", lambda slug: text.replace("version = 1\n", f"version = {version}\n", 1).encode())
        policy.publish(ahaus, now)
        deadlines.follow(ahaus)

    publish(2, "P9M")
    assert due_of(ids) == first
    publish(3, "P3M")
    assert due_of(ids) < first
    publish(4, "P7M")
    fresh = inventory()
    with store.writing():
        deadlines.recompute(list(Unit.objects.filter(id__in=fresh)))
    assert due_of(fresh) > first
    assert due_of(ids) == first


def raised_in_vain(tenant, ids, end) -> None:
    """The backup of the day before is put back; the ledger erases again before a port opens, without a second leaf."""
    end()
    due = due_of(ids)
    put_back = backups.backup()
    sweep.run(due)
    size = log.size(tenant.id)
    put_back()
    assert Inventory.objects.count() == len(ids)
    assert recovery.replay(due) == len(ids)
    assert not Unit.objects.exists()
    assert not Inventory.objects.exists()
    sweep.run(due)
    assert log.size(tenant.id) == size


@pytest.mark.postgres
def test_c41_a_restored_backup_cannot_raise_the_dead(ahaus, inventory, end) -> None:
    """As an operator does it: the copy of the day before over what is there, on SQLite and on PostgreSQL."""
    raised_in_vain(ahaus, inventory(3), end)


def test_rows_whose_key_was_lost_follow_it_with_a_leaf(ahaus, inventory, now) -> None:
    ids = inventory(2)
    keys.destroy([Unit.objects.get(id=ids[0]).key])
    assert recovery.replay(now) == 1
    assert list(Unit.objects.values_list("id", flat=True)) == ids[1:]
    assert LedgerEntry.objects.get().done_at == now


def test_c41_a_lost_keystore_makes_no_new_keys_for_a_city(ahaus) -> None:
    """They would sign as the city, and find nobody of those who are there."""
    kept = list(Key.objects.values())
    signer = log.public_key(ahaus)
    Key.objects.all().delete()
    keys.drop_copies()
    with pytest.raises(keys.CityKeyLost):
        log.signer(ahaus)
    Key.objects.bulk_create(Key(**row) for row in kept)
    assert log.public_key(ahaus) == signer


def test_c41_an_empty_main_database_does_not_take_the_keys_with_it(inventory, now) -> None:
    inventory()
    Inventory.objects.all().delete()
    Unit.objects.all().delete()
    for table in (Contract, Person, Host, Tenant):
        table.objects.all().delete()
    with pytest.raises(recovery.RowsLost):
        recovery.replay(now)
    assert keys.any_of_units()


def test_c41_no_key_of_a_city_is_made_twice(ahaus, now) -> None:
    before = {purpose: keys.city(ahaus.id, purpose) for purpose in keys.PURPOSES}
    with pytest.raises(IntegrityError):
        keys.found_city(ahaus.id, now=now)
    keys.drop_copies()
    assert {purpose: keys.city(ahaus.id, purpose) for purpose in keys.PURPOSES} == before
