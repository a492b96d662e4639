"""Keys stay in RAM: no swap and no core file in production; the demo says what production would refuse."""

import subprocess
import sys
from pathlib import Path

import pytest

from stadtmail.vault import hardening

CRASHING = """
import ctypes, os, signal
from stadtmail.vault import hardening
hardening.apply(production=False)
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)  # PR_GET_DUMPABLE
os.chdir({folder!r})
os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.fixture
def swap(monkeypatch):
    """Is swap on? And may the process forbid that it is dumped?"""
    monkeypatch.setattr(hardening.resource, "setrlimit", lambda *_: None)

    def given(areas: int, *, undumpable: bool) -> None:
        monkeypatch.setattr(hardening, "swaps", lambda: areas)
        monkeypatch.setattr(hardening, "_undumpable", lambda: undumpable)

    return given


def test_production_refuses_swap_and_the_demo_warns(swap) -> None:
    swap(1, undumpable=True)
    with pytest.raises(hardening.Unsafe, match="swap is on"):
        hardening.apply(production=True)
    (warning,) = hardening.apply(production=False)
    assert "swap is on" in warning


def test_production_refuses_a_process_that_could_be_dumped_and_the_demo_warns(swap) -> None:
    swap(0, undumpable=False)
    with pytest.raises(hardening.Unsafe, match="core file"):
        hardening.apply(production=True)
    (warning,) = hardening.apply(production=False)
    assert "core file" in warning


def test_on_a_machine_as_it_should_be_nobody_is_warned(swap) -> None:
    swap(0, undumpable=True)
    assert hardening.apply(production=True) == []


def test_a_crash_leaves_no_core_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASHING.format(folder=str(tmp_path))], capture_output=True, text=True, timeout=100, check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode < 0, done.stderr
    assert done.stdout == "0\n"
    assert list(tmp_path.iterdir()) == []
