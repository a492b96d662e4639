"""Each check is needed: with it patched away the suite fails (mutants.py), and fails for that reason."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.mutants import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
KILLERS = {
    "hold_check_gone": "test_c43b_a_hold_stops_exactly_its_units_and_its_release_erases_at_once",
    "key_destruction_gone": "test_c41_nothing_goes_a_second_early_and_all_of_it_when_due",
    "category_check_gone": "test_c11_an_undeclared_column_is_found",
}


@pytest.mark.long
@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_this_check_the_suite_fails(mutant) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("STADTMAIL_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-p", "tests.engine.mutants", "-p", "no:randomly", "-p", "no:xdist", "-rf"]
    files = ["tests/engine/test_erasure.py", "tests/engine/test_holdings.py"]
    ran = subprocess.run(
        [*command, *files], cwd=ROOT, env={**environ, "MUTANT": mutant}, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 1, ran.stdout[-2000:]
    assert KILLERS[mutant] in ran.stdout
