"""Tallies: a number an hour about nobody, exact beside others, forgotten after a day (C-2.1)."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest

from stadtmail.usage import tallies, volatile

HERE, THERE = uuid4(), uuid4()


@pytest.fixture(autouse=True)
def empty():
    volatile.clear()


def test_it_counts_by_city_and_kind(now) -> None:
    tallies.note("surplus_fields", tenant=HERE, now=now, count=2)
    tallies.note("surplus_fields", tenant=HERE, now=now + timedelta(minutes=59))
    tallies.note("surplus_probes", tenant=HERE, now=now)
    assert tallies.noted("surplus_fields", tenant=HERE, now=now + timedelta(hours=1)) == 3
    assert tallies.noted("surplus_probes", tenant=HERE, now=now) == 1
    assert tallies.noted("surplus_fields", tenant=THERE, now=now) == 0
    with pytest.raises(AssertionError):
        tallies.note("visits", tenant=HERE, now=now)


def test_it_is_forgotten_after_a_day(now) -> None:
    tallies.note("surplus_fields", tenant=HERE, now=now)
    assert tallies.noted("surplus_fields", tenant=HERE, now=now + timedelta(hours=23, minutes=59)) == 1
    assert tallies.noted("surplus_fields", tenant=HERE, now=now + timedelta(hours=24)) == 0
    assert volatile.sweep(now + timedelta(hours=25)) == 1


def test_none_is_lost_when_many_count_at_once(now) -> None:
    threads = [threading.Thread(target=lambda: tallies.note("surplus_fields", tenant=HERE, now=now)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tallies.noted("surplus_fields", tenant=HERE, now=now) == 20
