"""A child whose parent was killed before the child could say that it wants to die with it: nobody would send it a signal any more."""

import os
import subprocess
import sys

import pytest

ORPHAN = """
import os, time
from stadtmail.kit import processes
if {names}:
    processes.be_parent()
if os.fork():
    os.kill(os.getpid(), 9)
time.sleep(0.5)
processes.die_with_parent(9)
print("lives", flush=True)
"""
CHILD = """
import os
from stadtmail.kit import processes
processes.be_parent()
pid = os.fork()
if pid:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
processes.die_with_parent(9)
os._exit(7)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "SERVED_BY"}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("names", "said"), [(True, ""), (False, "lives\n")])
def test_a_child_that_was_orphaned_before_it_could_ask_ends_at_once(names, said) -> None:
    assert run(ORPHAN.format(names=names)).stdout == said


def test_a_child_of_a_living_parent_goes_on() -> None:
    assert run(CHILD).returncode == 7
