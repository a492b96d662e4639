"""One city, one hold or one damaged row cannot keep the sweep from everything else (C-4.1)."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connections

from stadtmail.kit import errors
from stadtmail.people.models import Inventory
from stadtmail.privacy import erasure, holds, recovery, sweep
from stadtmail.privacy.models import ERASING, LedgerEntry, Unit
from stadtmail.vault import keys
from stadtmail.vault.models import Key
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
