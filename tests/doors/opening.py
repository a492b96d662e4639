"""What the tests of all mail doors do alike: open doors, see that nothing is left of them, and be Anna's mail program."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stadtmail.kit import clock
from stadtmail.people import queries as people
from stadtmail.people.actions import credentials
from stadtmail.usage import connections, volatile

PASSWORD = "ein langer Satz 7"


@contextmanager
def opening(door: Callable[..., Any], *emptied: str) -> Iterator[Callable[..., Any]]:
    """Open doors of a kind, as many as a test wants; closed at its end they remember nobody in what is `emptied`, and RAM neither."""
    volatile.clear()
    opened: list[Any] = []

    def make(*given: Any, **more: Any) -> Any:
        opened.append(door(*given, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
        assert {name: getattr(one.server, name) for name in emptied if getattr(one.server, name)} == {}
    assert connections.count(clock.now()) == 0
    volatile.clear()


def wait_for(what: Callable[[], object], seconds: float = 5.0) -> bool:
    """Has it come, at the latest in so many seconds?"""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def residents(ahaus, anna, ben) -> None:
    """Anna and Ben, whose mail programs may use the login password."""
    for one in (anna, ben):
        credentials.set_mail_login(people.contract(ahaus, one.contract), tenant=ahaus, on=True, password=PASSWORD)


@pytest.fixture
def door(open_door, residents):
    return open_door()


@pytest.fixture
def client(door):
    made = door.client()
    yield made
    made.close()
