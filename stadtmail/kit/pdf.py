"""A page of a stranger's PDF as a picture, drawn by a process that may open nothing and does not live long (`kit/pdf_worker.py`).

The file goes there through memory, never through a disk, and what comes back is looked at: its length, its form, its kind.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stadtmail.kit import errors
from stadtmail.kit.pdf_worker import BROKEN, LOCKED

MOST_BYTES = 16 * 1024 * 1024  # of a PDF
MOST_PAGES = 200  # that are shown; the file has all of them
AT_ONCE, WAIT, LONGEST = 2, 10, 20  # processes; seconds until there is place for one more; seconds of one
_MOST_ANSWER = 8 * 1024 * 1024
_MARK, _PNG = b"%PDF-", b"\x89PNG\r\n\x1a\n"
_WORKER = Path(__file__).with_name("pdf_worker.py")
_places = threading.BoundedSemaphore(AT_ONCE)


class NoPdf(errors.NotFound):
    """The bytes are no PDF, or it has no such page."""


class TooLarge(errors.OverQuota):
    """The PDF is larger than what is drawn."""


class NotDrawn(errors.NotAllowed):
    """It asks for a password, or cannot be drawn. `why`: LOCKED | BROKEN."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Busy(errors.TryLater):
    """Others have their pages drawn."""


@dataclass(frozen=True, repr=False)
class Page:
    """A page: its picture (PNG), what it says as text, and of how many it is one."""

    picture: bytes
    text: str
    pages: int


def page(pieces: Iterable[bytes], number: int) -> Page:
    """Draw a page, counted from 1. Raises NoPdf, TooLarge, NotDrawn, Busy."""
    if not 1 <= number <= MOST_PAGES:
        raise NoPdf
    if not _places.acquire(timeout=WAIT):
        raise Busy
    try:
        file = os.memfd_create("pdf")
        try:
            _fill(file, pieces)
            return _read(_answer(file, number))
        finally:
            os.close(file)
    finally:
        _places.release()


def _fill(file: int, pieces: Iterable[bytes]) -> None:
    """Bring the PDF into memory of its own. Readers look for its mark in the first 1024 bytes (ISO 32000-1, annex H)."""
    size, head = 0, b""
    for piece in pieces:
        size, head = size + len(piece), (head + piece)[:1024]
        if size > MOST_BYTES:
            raise TooLarge
        view = memoryview(piece)
        while view:
            view = view[os.write(file, view) :]
    if _MARK not in head:
        raise NoPdf
    os.lseek(file, 0, os.SEEK_SET)


def _answer(file: int, number: int) -> bytes:
    command = [sys.executable, "-I", "-B", str(_WORKER), str(number)]
    with subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/") as process:
        end = threading.Timer(LONGEST, process.kill)
        end.start()
        try:
            assert process.stdout is not None
            return process.stdout.read(_MOST_ANSWER)
        finally:
            end.cancel()
            process.kill()


def _read(answer: bytes) -> Page:
    line, _, picture = answer.partition(b"\n")
    try:
        said = json.loads(line)
        why, pages, text, size = said.get("error"), int(said.get("pages", 0)), str(said.get("text", "")), int(said["bytes"])
    except (ValueError, TypeError, KeyError, AttributeError):  # it ended before it had anything to say, or was made to talk
        raise NotDrawn(BROKEN) from None
    if why:
        raise NotDrawn(LOCKED if why == LOCKED else BROKEN)
    if not picture:
        raise NoPdf
    if len(picture) != size or not picture.startswith(_PNG):
        raise NotDrawn(BROKEN)
    return Page(picture, text, pages)
