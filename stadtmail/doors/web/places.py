"""Whoever sends or takes slowly holds a thread of the server: so many may at a time, and so few from one network.

An honest form arrives in milliseconds, a small answer leaves at once: neither notices. Two networks together do not fill the places,
and the places do not fill the threads: pages that are only read stay open whatever is sent and taken.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from stadtmail.kit import errors

AT_ONCE = 5  # in this process, which has eight threads
FROM_NETWORK = 2
WAIT_SECONDS, WAITING = 0.5, 1  # a burst waits for a moment; so many threads may wait for a place

_free = threading.Condition()
_held: Counter[str] = Counter()
_waiting: list[str] = []


class NoPlace(errors.TryLater):
    """As many as may are sending and taking at this moment, from everywhere or from this network."""


class Place:
    """A place that is held from the moment it is made until `leave`, or until nobody knows it any more. Raises NoPlace."""

    def __init__(self, network: str) -> None:
        self._network = ""
        with _free:
            if not _is_free(network):
                _wait(network)
            _held[network] += 1
            self._network = network

    def leave(self) -> None:
        """Give it back. Idempotent."""
        with _free:
            network, self._network = self._network, ""
            if network:
                _held[network] -= 1
                if not _held[network]:
                    del _held[network]
                _free.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.leave()

    def __del__(self) -> None:
        if self._network:
            self.leave()


class Held:
    """What is sent in pieces, and the place that it holds until its end, its being closed, or its being forgotten by the server."""

    def __init__(self, pieces: Iterable[bytes], network: str) -> None:
        self._place, self._pieces = Place(network), iter(pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:  # the end, or what went wrong: nothing more is sent
            self._place.leave()
            raise

    def close(self) -> None:
        """The server has sent everything, or whoever took it has gone."""
        self._place.leave()
        if hasattr(self._pieces, "close"):
            self._pieces.close()


def _is_free(network: str) -> bool:
    return _held.total() < AT_ONCE and _held[network] < FROM_NETWORK


def _wait(network: str) -> None:
    if len(_waiting) >= WAITING:
        raise NoPlace
    _waiting.append(network)
    until = time.monotonic() + WAIT_SECONDS
    try:
        while not _is_free(network):
            if not _free.wait(until - time.monotonic()) and not _is_free(network):
                raise NoPlace
    finally:
        _waiting.remove(network)
