"""The bell between processes: who listens hears, the dead are forgotten, nothing waits and nothing is said but an id."""

import os
import subprocess
import sys
from uuid import uuid4

from stadtmail.usage import bell


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


def test_who_has_just_begun_to_wait_is_rung_for_at_once() -> None:
    """However lately another one was rung for: mail that comes in the first second is told in the first second."""
    made = []
    for _ in range(20):
        made.append(bell.Bell())
        what = uuid4()
        bell.ring(what)
        assert all(one.heard() == {what} for one in made)
    for one in made:
        one.close()
