"""The clock of demo and test instances: moved forward for all processes at once, never back; production instances ignore the file."""

import struct
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stadtmail.kit import clock, config, instance

AHEAD = timedelta(days=3)


@pytest.fixture
def _as_it_was():
    path = config.load().data / "clock"
    before = path.read_bytes()
    yield
    with open(path, "r+b") as file:
        file.write(before)


@pytest.mark.usefixtures("_as_it_was")
def test_the_clock_moves_for_every_process() -> None:
    there = clock.now() + AHEAD
    clock.move_to(there)
    assert timedelta(0) <= clock.now() - there < timedelta(seconds=5)
    program = "from stadtmail.kit import clock; print(clock.now().isoformat())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout.strip()
    assert timedelta(0) <= datetime.fromisoformat(told) - there < timedelta(seconds=20)


@pytest.mark.usefixtures("_as_it_was")
def test_what_another_process_has_moved_is_seen_here() -> None:
    before = clock.now()
    program = "from stadtmail.kit import clock; from datetime import timedelta; clock.move_to(clock.now() + timedelta(days=3))"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert timedelta(0) <= clock.now() - before - AHEAD < timedelta(seconds=20)


def test_the_clock_never_goes_back() -> None:
    with pytest.raises(ValueError, match="forward only"):
        clock.move_to(clock.now() - timedelta(seconds=1))


def test_production_ignores_the_file(monkeypatch) -> None:
    production = replace(instance.current(), kind="production")
    monkeypatch.setattr(instance, "current", lambda: production)
    assert clock.offset() == timedelta(0)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    with pytest.raises(ValueError, match="cannot be moved"):
        clock.move_to(clock.now() + AHEAD)


def test_the_file_holds_one_number() -> None:
    assert len((config.load().data / "clock").read_bytes()) == struct.calcsize("<d")
