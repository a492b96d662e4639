"""The one logger (C-4.2). A line has a closed set of fields, none of which can hold an address, a name or a text of a user.

`event("delivered", role="doors", count=3)` writes one JSON line to the instance's log file and to nobody else. A field that
is not declared here, or a value of the wrong shape, drops the line and counts it. Every other logger (Django, asyncio,
libraries) ends in a sink that counts and keeps nothing but the logger's name and the exception's class.
"""

import json
import logging
import os
import re
import sys
import threading
import traceback
from collections import Counter
from datetime import UTC, datetime
from types import TracebackType

from stadtmail.kit import config

_WORD = re.compile(r"[a-z][a-z0-9_.]{0,39}\Z")
_PLACE = re.compile(r"(?:[a-z][a-z0-9_/]{0,76}\.py|elsewhere):\d{1,6}\Z")  # a line of ours, never host:port
_KEY = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_CLASS = re.compile(r"[A-Za-z][A-Za-z_]{0,79}\Z")  # no digits: nothing that counts anybody

# field -> shape of its value. Holdings of kind "log": nothing here is personal (test_house holds this table to the policy).
FIELDS = {
    "what": _WORD,
    "role": _WORD,
    "city": _KEY,
    "key": _KEY,
    "kind": _WORD,
    "clause": re.compile(r"C-\d\.\d{1,2}[a-e]?\Z"),
    "category": re.compile(r"[A-Z][A-Z-]{1,11}\Z"),
    "error": _CLASS,
    "place": _PLACE,
    "count": int,
    "bytes": int,
    "ms": int,
    "code": int,
    "port": int,
    "pid": int,
}
dropped: Counter[str] = Counter()


def event(what: str, **fields: object) -> None:
    """Write one line, or drop and count it where a field is unknown or has the wrong shape."""
    line = {"what": what, **fields}
    for name, value in line.items():
        shape = FIELDS.get(name)
        fits = isinstance(value, int) if shape is int else isinstance(shape, re.Pattern) and bool(shape.match(str(value)))
        if not fits:
            dropped["schema"] += 1
            return
    _write({"t": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"), **{n: v if isinstance(v, int) else str(v) for n, v in line.items()}})


def bug(error: BaseException, *, role: str) -> None:
    """Note a bug: class and place in our own code, never the message and never a value (both may be personal)."""
    event("bug", role=role, error=type(error).__name__, place=place(error))


def place(error: BaseException) -> str:
    """The innermost line of our own code that the error came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/stadtmail/" in frame.filename]
    return f"{frames[-1].filename.rpartition('/stadtmail/')[2]}:{frames[-1].lineno}" if frames else "elsewhere:0"


class Sink(logging.Handler):
    """Where every foreign logger ends: counted, and from WARNING up noted by exception class only."""

    def emit(self, record: logging.LogRecord) -> None:
        dropped[record.name.partition(".")[0]] += 1
        if record.levelno >= logging.WARNING:
            kind = record.exc_info[0] if record.exc_info else None
            event("foreign", kind=re.sub(r"[^a-z0-9_.]", "_", record.name.lower())[:40], error=kind.__name__ if kind else "none")


def install(role: str) -> None:
    """Make the sink the only handler of this process, and keep values out of tracebacks on stderr."""
    root = logging.getLogger()
    root.handlers = [Sink()]
    root.setLevel(logging.WARNING)

    def hook(_kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        bug(error.with_traceback(trace), role=role)

    def thread_hook(died: threading.ExceptHookArgs) -> None:
        if died.exc_value is not None:
            bug(died.exc_value, role=role)

    sys.excepthook, threading.excepthook = hook, thread_hook


def _write(line: dict[str, object]) -> None:
    folder = config.load().data / "log"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder / "stadtmail.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, (json.dumps(line, separators=(",", ":")) + "\n").encode())
    finally:
        os.close(fd)
