"""The disk is full in the midst of an erasure, store by store: loud, nothing half, and whole work once there is room (C-4.1).

The kernel refuses the writes with ENOSPC (strace's fault injection), so that SQLite itself meets
the full disk, where it does: at the commit.
"""

import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections

from stadtmail.people.models import Inventory
from stadtmail.privacy import recovery, sweep
from stadtmail.privacy.evidence import log
from stadtmail.privacy.models import ERASING, LedgerEntry, Unit
from stadtmail.vault import keys
from tests.engine.test_crash import is_whole
from tests.engine.test_erasure import due_of, hold

ROOT = Path(__file__).resolve().parents[2]
DAY = timedelta(days=1)
LAST = {"default": 16, "keys": 6, "evidence": 16}  # a late write that an erasure still makes


def sweep_on_a_full_disk(store: str, writes: int, now: datetime) -> subprocess.CompletedProcess[str]:
    """A sweep in a process of its own; from the given write into the store's files on, the disk is full."""
    name = str(connections[store].settings_dict["NAME"])
    paths = [argument for path in (name, f"{name}-wal", f"{name}-journal") for argument in ("-P", path)]
    fault = ["-e", "trace=pwrite64,write", "-e", f"inject=pwrite64,write:error=ENOSPC:when={writes}+"]
    child = [sys.executable, "-m", "tests.engine.child", "0", now.isoformat()]
    return subprocess.run(
        ["strace", "-f", "-qq", *paths, *fault, *child], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "stadtmail.settings"},
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(("store", "writes"), [(name, at) for name, last in LAST.items() for at in (1, 4, last)])
def test_c41_a_full_disk_in_the_midst_of_an_erasure_halves_nobody(ahaus, inventory, end, now, store, writes) -> None:
    if connections["default"].vendor != "sqlite" or shutil.which("strace") is None:
        pytest.skip("needs SQLite's own files and strace")
    kept, free = inventory(), inventory(2)
    end()
    due = due_of(free)
    hold(ahaus, kept, due - DAY)
    key_of = dict(Unit.objects.values_list("id", "key"))
    ran = sweep_on_a_full_disk(store, writes, due)
    assert "ENOSPC" in ran.stderr
    assert ran.returncode == 1  # loud
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
