"""kill -9 after each numbered step, with a hold placed before, between and after: whole, or wholly gone (C-4.1)."""

import threading
from datetime import timedelta

import pytest

from stadtmail.people.models import Inventory
from stadtmail.privacy import holds, recovery, sweep, units
from stadtmail.privacy.evidence import log
from stadtmail.privacy.models import LedgerEntry, Unit
from tests.engine.conftest import CANARY, run_child
from tests.engine.test_erasure import due_of, hold

STEPS = range(1, 8)
pytestmark = pytest.mark.postgres


def is_whole(unit) -> bool:
    row = Inventory.objects.select_related("unit").get(unit=unit)
    return units.text(row.unit, "display_name", row.display_name) == CANARY


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["never", "before", "between", "after"])
def test_c41_killed_after_a_step_it_ends_whole_or_wholly_gone(ahaus, inventory, end, now, step, when) -> None:
    held, free = inventory(), inventory()
    end()
    due = due_of(held)
    if when == "before":
        hold(ahaus, held, due - timedelta(days=1))
    assert run_child(step, due) == -9
    if when == "between":
        with pytest.raises(holds.TooLate):
            hold(ahaus, held, due)
    recovery.replay(due)
    sweep.run(due)
    if when == "before":
        assert is_whole(held[0])
    if when == "after":
        with pytest.raises(holds.TooLate):
            hold(ahaus, held, due)
    gone = free if when == "before" else held + free
    assert not Unit.objects.filter(id__in=gone).exists()
    assert not Inventory.objects.filter(unit__in=gone).exists()
    assert not LedgerEntry.objects.filter(done_at=None).exists()
    assert log.size(ahaus.id) == (2 if when == "before" else 1)  # the hold's leaf and one leaf of the erasure


def test_c41_two_recoveries_at_once_have_one_effect(ahaus, inventory, end, now) -> None:
    ids = inventory(5)
    end()
    due = due_of(ids)
    assert run_child(1, due) == -9
    assert not LedgerEntry.objects.exists()
    failed: list[BaseException] = []

    def work() -> None:
        from django.db import connections

        try:
            recovery.recover(due)
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    sweep.run(due)
    assert log.size(ahaus.id) == 1
    assert not Unit.objects.exists()


def test_c41_what_was_only_claimed_and_is_finished_too_late_counts_as_late(ahaus, inventory, end, now) -> None:
    ids = inventory(2)
    end()
    due = due_of(ids)
    assert run_child(1, due) == -9
    recovery.recover(due + timedelta(hours=1))
    assert LedgerEntry.objects.get().late == 2
