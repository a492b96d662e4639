"""The disk is full in the midst of an erasure, store by store: loud, nothing half, and whole work once there is room (C-4.1)."""

from datetime import timedelta

import pytest

from stadtmail.people.models import Inventory
from stadtmail.privacy import recovery, sweep
from stadtmail.privacy.evidence import log
from stadtmail.privacy.models import ERASING, LedgerEntry, Unit
from stadtmail.vault import keys
from tests import full_disk
from tests.engine.test_crash import is_whole
from tests.engine.test_erasure import due_of, hold

DAY = timedelta(days=1)
LAST = {"default": 16, "keys": 6, "evidence": 16}  # a late write that an erasure still makes


@pytest.mark.long
@pytest.mark.parametrize(("store", "writes"), [(name, at) for name, last in LAST.items() for at in (1, 4, last)])
def test_c41_a_full_disk_in_the_midst_of_an_erasure_halves_nobody(ahaus, inventory, end, now, store, writes) -> None:
    kept, free = inventory(), inventory(2)
    end()
    due = due_of(free)
    hold(ahaus, kept, due - DAY)
    key_of = dict(Unit.objects.values_list("id", "key"))
    assert full_disk.run(store, writes, "tests.engine.child", "0", due.isoformat()).returncode == 1  # loud
    assert is_whole(kept[0])
    for row in Unit.objects.filter(id__in=free):  # whoever has lost the key has been claimed before: nobody reads them any more
        assert row.state == ERASING or keys.exists([key_of[row.id]])
    recovery.replay(due)
    sweep.run(due)
    assert is_whole(kept[0])
    assert not Unit.objects.filter(id__in=free).exists()
    assert not Inventory.objects.filter(unit__in=free).exists()
    assert not keys.exists([key_of[unit] for unit in free])
    assert not LedgerEntry.objects.filter(done_at=None).exists()
    assert log.size(ahaus.id) == 2  # the hold's leaf and one of the erasure, however often it was begun
