"""One city, one hold or one damaged row cannot keep the sweep from everything else (C-4.1)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connections

from stadtmail.kit import errors, store
from stadtmail.people.models import Inventory
from stadtmail.privacy import deadlines, erasure, events, holdings, holds, recovery, sweep, units
from stadtmail.privacy.models import ERASING, LedgerEntry, Unit
from stadtmail.vault import keys, machines
from stadtmail.vault.models import Key
from tests.engine.conftest import new_contract
from tests.engine.test_erasure import due_of, hold

DAY = timedelta(days=1)


def test_a_hold_that_its_placer_releases_at_the_same_moment_stops_nothing(ahaus, inventory, end, now, monkeypatch) -> None:
    held, free = inventory(), inventory()
    end()
    due = due_of(held)
    made = hold(ahaus, held, now, ends_at=due)
    stale = holds.run_out(due)
    holds.release(made.id, tenant=ahaus, now=due - timedelta(seconds=1))
    monkeypatch.setattr(holds, "run_out", lambda _: stale)
    swept = sweep.run(due)
    assert (swept.erased, swept.released) == (2, 0)
    assert not Unit.objects.filter(id__in=held + free).exists()


def test_an_erasure_that_has_to_be_repeated_after_a_release_stops_nothing(ahaus, inventory, end, now, monkeypatch) -> None:
    held, free = inventory(), inventory()
    end()
    due = due_of(held)
    hold(ahaus, held, now, ends_at=due)
    erase = erasure.erase

    def refuse(ids, *, cause, **more):
        if cause == "released":
            raise errors.TryLater
        return erase(ids, cause=cause, **more)

    monkeypatch.setattr(erasure, "erase", refuse)
    assert sweep.run(due).repeated == 1
    assert not Unit.objects.filter(id__in=free).exists()


@pytest.mark.parametrize("damaged", ["commitment", "key"])
def test_a_damaged_row_or_key_keeps_nobody_from_their_date(ahaus, inventory, end, now, damaged) -> None:
    ids = inventory(3)
    end()
    if damaged == "commitment":
        Unit.objects.filter(id=ids[0]).update(commitment=bytes(61))
    else:
        Key.objects.filter(id=Unit.objects.get(id=ids[0]).key).update(wrapped=bytes(60))
    assert sweep.run(due_of(ids)).erased == 3
    assert not Inventory.objects.exists()


def test_a_key_whose_row_a_restore_has_taken_is_destroyed(ahaus, inventory, now) -> None:
    ids = inventory()
    key = Unit.objects.get(id=ids[0]).key
    later = now + timedelta(days=1)
    sweep.run(later)
    Inventory.objects.all().delete()
    Unit.objects.all().delete()  # a backup from before the unit was made
    recovery.replay(later)
    sweep.run(later)
    assert not keys.exists([key])


def test_a_decision_that_a_crash_cut_off_is_not_recorded_as_an_early_erasure(ahaus, inventory, end, now) -> None:
    ids = inventory()
    end()
    Unit.objects.filter(id__in=ids).update(state=ERASING, erasure=uuid4())
    recovery.recover(now)
    assert LedgerEntry.objects.get().cause == "deleted"


def test_c41_the_log_of_the_rows_keeps_no_page_of_what_was_erased(ahaus, inventory, end, now) -> None:
    """Keyed hashes lie in no key's shadow: only the truncated log takes their old pages away."""
    if connections["default"].vendor != "sqlite":
        pytest.skip("a server's log is its own")
    ids = inventory()
    wal = Path(f"{connections['default'].settings_dict['NAME']}-wal")
    end()
    assert wal.stat().st_size > 0
    sweep.run(due_of(ids))
    assert wal.stat().st_size == 0


def in_city(tenant, category, now):
    """One unit of the city whose clock has started. Returns its id."""
    contract = new_contract(tenant)
    (made,) = units.prepare(tenant, [units.Wanted(category, "contract", contract.id, contract.person_id)], now=now)
    with store.writing():
        units.save([made])
        events.record(tenant=tenant, anchor_kind="contract", anchor=contract.id, name="contract_end", at=now, now=now)
    return made.id


def test_c41_all_cities_of_a_sweep_wait_for_copies_once(ahaus, musterstadt, now, monkeypatch) -> None:
    ids = [in_city(city, category, now) for city in (ahaus, musterstadt) for category in ("BD", "INH")]
    living = []
    monkeypatch.setattr(machines, "wait_for_others", lambda: living.append(len(keys.exists(of))))
    of = list(Unit.objects.filter(id__in=ids).values_list("key", flat=True))
    due = max(Unit.objects.filter(id__in=ids).values_list("due_at", flat=True))
    assert sweep.run(due).erased == 4
    assert living == [0]  # one wait, when all keys are gone


def test_c41_a_bug_with_one_category_is_loud_and_keeps_no_other_from_its_date(ahaus, musterstadt, now, monkeypatch) -> None:
    ids = [in_city(city, category, now) for city in (ahaus, musterstadt) for category in ("BD", "INH")]
    due = max(Unit.objects.filter(id__in=ids).values_list("due_at", flat=True))
    real = holdings.of_category

    def broken(ids) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        of = {code: [replace(one, purge=broken) for one in real(code)] if code == "INH" else real(code) for code in ("BD", "INH")}
        patched.setattr(holdings, "of_category", of.get)
        assert sweep.run(due).repeated == 1
    assert set(Unit.objects.values_list("category", flat=True)) == {"INH"}
    assert LedgerEntry.objects.filter(done_at=None).count() == 2
    assert sweep.run(due).recovered == 2
    assert not Unit.objects.exists()


def test_c41_a_bug_with_one_citys_claim_is_loud_and_keeps_no_other_city_from_its_dates(ahaus, musterstadt, now, monkeypatch) -> None:
    ids = [in_city(city, "BD", now) for city in (ahaus, musterstadt)]
    due = max(Unit.objects.filter(id__in=ids).values_list("due_at", flat=True))
    real = deadlines.recompute

    def broken(rows, *more):
        if any(row.tenant_id == ahaus.id for row in rows):
            raise ZeroDivisionError
        return real(rows, *more)

    with monkeypatch.context() as patched:
        patched.setattr(deadlines, "recompute", broken)
        with pytest.raises(ZeroDivisionError):
            sweep.run(due)
    assert list(Unit.objects.values_list("id", flat=True)) == ids[:1]
    assert sweep.run(due).erased == 1
