"""A role is killed every few seconds under mixed load: every answer that was given holds (issue: ten minutes, a role every 20 seconds).

This is the short form; `python -m tests.journeys.under_fire` is the long one (bench/README.md).
"""

import pytest

from tests.journeys import under_fire
from tests.journeys.running import running

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def test_every_250_is_there_exactly_once_while_roles_are_killed() -> None:
    with running() as here:
        told = under_fire.fire(here, seconds=60, every=6)
        figures = under_fire.examine(here, told)
    assert set(told.killed) == set(under_fire.ROLES)
    assert figures["taken"] > 50
    assert figures["moved"] > 20
    assert figures["expunged"] > 3
