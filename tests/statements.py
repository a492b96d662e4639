"""Every statement that a block makes the databases run, whether through the models or by hand (kit/store.py).

Not those of the keystore: how often it is asked follows the clock (copies of keys last five seconds) and not the page.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.db import connections

from stadtmail.kit import store


@contextmanager
def seen() -> Iterator[list[str]]:
    """The statements of this thread while the block runs."""
    found: list[str] = []
    select = store.select

    def through(execute, sql, *given):
        found.append(sql)
        return execute(sql, *given)

    def by_hand(sql, values, using="default"):
        if store.is_near(using) and using != "keys":  # else it goes through the connection, and is seen there
            found.append(sql)
        return select(sql, values, using)

    with ExitStack() as stack:
        store.select = by_hand
        stack.callback(setattr, store, "select", select)
        for name in set(connections) - {"keys"}:
            stack.enter_context(connections[name].execute_wrapper(through))
        yield found
