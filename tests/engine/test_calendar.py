"""The dates of the law through the real engine (C-4.1)."""

from datetime import datetime, timedelta

import pytest

from stadtmail.people.models import Inventory
from stadtmail.privacy import sweep
from stadtmail.privacy.models import Unit

CASES = {
    "31 August, no 31 February": ("2026-08-31T10:00:00+00:00", "2027-02-28T23:00:00+00:00"),
    "31 August before a leap year": ("2027-08-31T10:00:00+00:00", "2028-02-29T23:00:00+00:00"),
    "23:30 UTC is the next day here": ("2026-11-30T23:30:00+00:00", "2027-06-01T22:00:00+00:00"),
    "from summer time into winter time": ("2027-04-30T10:00:00+00:00", "2027-10-30T22:00:00+00:00"),
    "over the year's end": ("2026-12-31T22:59:59+00:00", "2027-06-30T22:00:00+00:00"),
    "the day of 25 hours": ("2026-10-25T00:30:00+00:00", "2027-04-25T22:00:00+00:00"),
}


@pytest.mark.parametrize(("ended", "gone"), CASES.values(), ids=CASES)
def test_c41_the_engine_erases_at_the_moment_that_the_law_counts(ahaus, inventory, end, ended, gone) -> None:
    (unit,) = inventory()
    end(datetime.fromisoformat(ended))
    due = datetime.fromisoformat(gone)
    assert Unit.objects.get(id=unit).due_at == due
    sweep.run(due - timedelta(seconds=1))
    assert Inventory.objects.count() == 1
    sweep.run(due)
    assert Inventory.objects.count() == 0
