"""Reading what was sent. Who sends slowly holds a thread of the server, so that only so many may send at a time, fewer from one network.

An honest form arrives in milliseconds. Pages that are only read do not pass here and stay open whatever is sent.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from stadtmail.doors.web import origin
from stadtmail.kit import errors

FORM = "application/x-www-form-urlencoded"  # a part of another kind would be ignored instead of refused (C-2.1)
AT_ONCE = 5  # in this process, which has eight threads
FROM_NETWORK = 3

_lock = threading.Lock()
_senders: Counter[str] = Counter()


class TooManySenders(errors.TryLater):
    """As many forms as may be on their way at a time are on their way."""


def read(request: HttpRequest) -> None:
    """Read the form, so that nothing later waits for its sender. Raises TooManySenders, BadRequest for what is no form in UTF-8."""
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type != FORM or charset.lower() != "utf-8":
        raise BadRequest
    with place(request):
        request.body  # noqa: B018 - reading is the point; Django keeps it


@contextmanager
def place(request: HttpRequest) -> Iterator[None]:
    """A place among those who may send at a time. Raises TooManySenders."""
    network = origin.network(request)
    with _lock:
        if _senders.total() >= AT_ONCE or _senders[network] >= FROM_NETWORK:
            raise TooManySenders
        _senders[network] += 1
    try:
        yield
    finally:
        with _lock:
            _senders[network] -= 1
            if not _senders[network]:
                del _senders[network]
