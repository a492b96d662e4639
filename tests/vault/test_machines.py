"""A destroyed key is waited for where another machine may have a copy of it, and only there (C-4.1, step 4 of an erasure)."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connections

from stadtmail.kit import config
from stadtmail.vault import copies, keys, machines
from stadtmail.vault.models import Machine

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = """
import sys, django
django.setup()
from uuid import UUID
from stadtmail.vault import copies, keys
key = UUID(sys.argv[1])
keys.one(key)
print("has it", flush=True)
for _ in sys.stdin:
    print("has it" if copies.units.find(key) else "has not", flush=True)
"""


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(machines.time, "sleep", slept.append)
    return slept


def announced(seconds: int) -> UUID:
    """Another machine, whose announcement lasts that long from now on."""
    other = uuid4()
    with connections["keys"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO vault_machine (id, until) VALUES (%s, clock_timestamp() + make_interval(secs => %s))", [other, seconds]
        )
    return other


def test_on_sqlite_nobody_is_announced_and_nobody_waited_for(now, waits) -> None:
    if connections["keys"].vendor != "sqlite":
        pytest.skip("a keystore in a file")
    (made,) = keys.new(uuid4(), count=1, now=now)
    keys.one(made.id)
    assert not Machine.objects.exists()
    assert not machines.wait_for_others()
    assert waits == []


@pytest.mark.only_postgres
def test_a_machine_is_announced_before_its_first_copy_and_does_not_wait_for_itself(now, waits) -> None:
    (made,) = keys.new(uuid4(), count=1, now=now)
    keys.one(made.id)
    assert copies.units.find(made.id)
    assert list(Machine.objects.values_list("id", flat=True)) == [machines.this()]
    keys.destroy([made.id])
    assert copies.units.find(made.id) is None
    assert not machines.wait_for_others()
    assert waits == []


@pytest.mark.only_postgres
def test_another_machine_is_waited_for_until_its_announcement_has_ended(waits) -> None:
    announced(-1)
    assert not machines.wait_for_others()
    announced(600)
    assert machines.wait_for_others()
    assert waits == [copies.LEASE_SECONDS]


@pytest.mark.only_postgres
def test_an_announcement_outlasts_every_copy_and_is_made_anew_in_time(now, monkeypatch) -> None:
    start = time.monotonic()
    monkeypatch.setattr(machines.clock, "monotonic", lambda: start)
    made = keys.new(uuid4(), count=2, now=now)
    keys.one(made[0].id)
    first = Machine.objects.get().until
    monkeypatch.setattr(machines.clock, "monotonic", lambda: start + machines.STAYS_SECONDS / 2 + 1)
    keys.one(made[1].id)
    assert Machine.objects.get().until > first


@pytest.mark.only_postgres
def test_no_copy_is_kept_on_an_announcement_that_nobody_can_see_yet(now) -> None:
    from stadtmail.kit import store

    (made,) = keys.new(uuid4(), count=1, now=now)
    with store.writing("keys"):
        assert keys.one(made.id) == made.key
    assert copies.units.find(made.id) is None
    assert not Machine.objects.exists()


@pytest.mark.only_postgres
def test_c41_a_real_other_machine_has_no_copy_left_when_the_wait_is_over(now, tmp_path) -> None:
    """A process with a data folder of its own (the same ring) shares the keystore; no counter reaches it."""
    (made,) = keys.new(uuid4(), count=1, now=now)
    for name in ("ring", "root.key", "clock"):
        shutil.copy(config.load().data / name, tmp_path / name)
    text = (config.load().data / "instance.json").read_text()
    (tmp_path / "instance.json").write_text(text.replace(str(config.load().data), str(tmp_path)))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "stadtmail.settings", "STADTMAIL_DATA": str(tmp_path)}
    other = subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE, str(made.id)], cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None
    assert other.stdout is not None

    def asked() -> str:
        other.stdin.write("?\n")
        other.stdin.flush()
        return other.stdout.readline().strip()

    try:
        assert other.stdout.readline() == "has it\n"
        keys.destroy([made.id])
        assert asked() == "has it"  # that is what the wait is for
        assert machines.wait_for_others()
        assert asked() == "has not"
    finally:
        other.stdin.close()
        other.wait(20)
