"""The bell between processes: who listens hears, the dead are forgotten, nothing waits and nothing is said but an id."""

import os
import subprocess
import sys
from uuid import uuid4

import pytest

from stadtmail.usage import bell


@pytest.fixture(autouse=True)
def _look_anew(monkeypatch) -> None:
    monkeypatch.setattr(bell, "LOOK_SECONDS", -1.0)


def test_everybody_hears_but_oneself() -> None:
    one, two = bell.Bell(), bell.Bell()
    what = uuid4()
    bell.ring(what, besides=one)
    assert (one.heard(), two.heard()) == (set(), {what})
    assert two.heard() == set()
    one.close()
    bell.ring(what)
    assert two.heard() == {what}
    two.close()
    bell.ring(what)  # nobody is there
    assert not bell._place().exists() or not list(bell._place().iterdir())


def test_a_full_queue_makes_nobody_wait_and_the_dead_are_forgotten() -> None:
    slow = bell.Bell()
    for _ in range(5000):
        bell.ring(uuid4())
    assert 0 < len(slow.heard()) <= bell.MOST_HEARD
    slow._socket.close()  # as kill -9 leaves it
    bell.ring(uuid4())
    assert not list(bell._place().iterdir())


def test_another_process_is_heard() -> None:
    mine, what = bell.Bell(), uuid4()
    code = f"from uuid import UUID; from stadtmail.usage import bell; bell.ring(UUID('{what}'))"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "stadtmail.settings"}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    assert mine.heard() == {what}
    mine.close()
