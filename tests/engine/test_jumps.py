"""A clock that jumps erases nothing by its date; a decision goes on, and a suspended machine is no jump."""

import time
from datetime import timedelta

import pytest

from stadtmail.privacy import erasure, guard, holds, sweep
from stadtmail.privacy.models import Unit
from tests.engine.test_erasure import due_of, hold


def test_c41_destructive_work_pauses_when_time_jumps(ahaus, inventory, end, now, monkeypatch) -> None:
    from datetime import UTC, datetime

    ids = inventory()
    end()
    due = due_of(ids)
    sweep.run(now)
    real = datetime.now(UTC)
    jumped = {"now": classmethod(lambda cls, tz=None: real + timedelta(days=365))}
    monkeypatch.setattr(guard, "datetime", type("Jumped", (datetime,), jumped))
    assert sweep.run(due).paused
    monkeypatch.undo()
    assert sweep.run(due).paused  # until the operator vouches for the clock
    guard.trust(due)
    assert sweep.run(due).erased == 1
    assert sweep.run(due - timedelta(days=1)).paused  # a clock behind the mark: nothing moves


@pytest.fixture
def jump(monkeypatch):
    """The wall clock goes a year ahead, and nobody has moved it."""
    from datetime import UTC, datetime

    def jumped(now) -> None:
        assert not guard.paused(now)
        real = datetime.now(UTC)
        monkeypatch.setattr(guard, "datetime", type("J", (datetime,), {"now": classmethod(lambda cls, tz=None: real + timedelta(365))}))

    return jumped


def test_c41_a_jumped_clock_erases_nothing_by_a_date_and_a_decision_goes_on(ahaus, inventory, end, now, jump) -> None:
    held, free = inventory(1), inventory(1)
    end()
    due = due_of(held)
    placed = hold(ahaus, held, now)
    jump(now)
    with pytest.raises(guard.TimeNotTrusted):
        erasure.erase(free, tenant=ahaus, now=due, cause="due")
    assert holds.release(placed.id, tenant=ahaus, now=due) == 0
    assert Unit.objects.filter(id__in=held + free, state="restricted").count() == 2
    assert erasure.erase(free, tenant=ahaus, now=due, cause="withdrawn").erased == 1
    guard.trust(due)
    assert sweep.run(due).erased == 1


def test_the_operators_word_counts_in_every_process(ahaus, now, jump) -> None:
    jump(now)
    assert guard.paused(now)
    elsewhere = list(guard._anchor)
    guard.trust(now)
    guard._anchor[:] = elsewhere
    assert not guard.paused(now)


def test_a_suspended_machine_is_no_jump() -> None:
    from stadtmail.kit import clock

    assert clock.monotonic() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=5)
