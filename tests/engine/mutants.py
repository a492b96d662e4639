"""Three ways to break the promise, each one check patched away: python -m pytest -p tests.engine.mutants with MUTANT=name.

test_mutants.py runs the suite under each of them and expects it to fail: a check that cannot fail proves nothing.
"""

import os

import pytest


def hold_check_gone() -> None:
    """The claim asks for no hold."""
    from stadtmail.privacy import holds

    holds.standing = lambda units, *, now: {}


def key_destruction_gone() -> None:
    """The keys stay."""
    from stadtmail.vault import keys

    keys.destroy = lambda ids: None


def category_check_gone() -> None:
    """Tables and columns are no longer compared with what the rooms declare."""
    from stadtmail.privacy import holdings

    holdings._check_table = lambda table, model, holding: []


MUTANTS = {mutant.__name__: mutant for mutant in (hold_check_gone, key_destruction_gone, category_check_gone)}


@pytest.fixture(autouse=True)
def _mutate() -> None:
    MUTANTS[os.environ["MUTANT"]]()
