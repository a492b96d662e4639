"""One city, one hold or one damaged row cannot keep the sweep from everything else (C-4.1)."""

from datetime import timedelta

import pytest

from stadtmail.kit import errors
from stadtmail.people.models import Inventory
from stadtmail.privacy import erasure, holds, sweep
from stadtmail.privacy.models import Unit
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
