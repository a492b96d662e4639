"""Messages in a file that somebody uploaded: mbox, a single message, or a zip of both. Read in pieces, bounded in every direction.

A zip of death ends at a bound on bytes, on entries and on how much an entry may grow; names in it become folders and nothing else.
"""

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, Any

from stadtmail.kit import errors
from stadtmail.wire import mime, mimewords

MOST_MESSAGE = 64 * 1024 * 1024
MOST_ENTRIES, MOST_GROWTH = 100_000, 100
MOST_BYTES = 64 * 1024 * 1024 * 1024
PIECE = 1024 * 1024
SEEN, ANSWERED, FLAGGED, DRAFT = "\\Seen", "\\Answered", "\\Flagged", "\\Draft"
_STATUS = {"R": SEEN, "A": ANSWERED, "F": FLAGGED, "T": DRAFT}
_MOZILLA = {1: SEEN, 2: ANSWERED, 4: FLAGGED}
_QUOTED = re.compile(rb"^>(>*From )", re.M)
_MARK = b"\nFrom "


class NotMail(errors.NotAllowed):
    """The file is neither an mbox nor a message nor a zip of them."""


class DiskFailed(errors.TryLater):
    """Our own store did not give the file: no fault of the file's."""


class TooLarge(errors.OverQuota):
    """The file grows beyond every measure when it is unpacked."""


@dataclass(frozen=True, repr=False)
class Found:
    """A message in the file. `content` None: it is left out, too large, encrypted or not to be read. `folder` is empty for one that
    stands alone."""

    content: bytes | None
    folder: str
    flags: tuple[str, ...]
    received_at: datetime


def messages(file: IO[bytes], *, now: datetime) -> Iterator[Found]:
    """All messages of a file. Raises NotMail, TooLarge, DiskFailed."""
    file = _Ours(file)  # type: ignore[assignment]
    start = file.read(8)
    file.seek(0)
    if start.startswith(b"PK"):
        yield from _zip(file, now)
    elif start.startswith(b"From "):
        yield from _mbox(file, "", now)
    else:
        yield from _single(file, "", now)


def _zip(file: IO[bytes], now: datetime) -> Iterator[Found]:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES:
                raise TooLarge
            left = MOST_BYTES
            for entry in entries:
                if entry.is_dir() or not _is_mail(entry.filename):
                    continue
                if (raw := _opened(archive, entry)) is None:
                    yield Found(None, "", (), now)
                    continue
                with _Bounded(raw, min(left, MOST_GROWTH * max(entry.compress_size, 65536))) as opened:
                    yield from _entry(opened, entry.filename, now)  # type: ignore[arg-type]
                    left -= opened.read_bytes
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, OSError):
        raise NotMail from None  # OSError: what bz2 says of damaged bytes; a failure of our disk is DiskFailed


def _opened(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes] | None:
    """An entry; None for one that is encrypted or packed in a way that we do not know: the others are taken all the same."""
    if entry.flag_bits & 1:
        return None
    try:
        return archive.open(entry)
    except (NotImplementedError, RuntimeError):
        return None


def _is_mail(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    known = ("", ".eml", ".mbox", ".mbx")
    return not path.name.startswith(".") and (path.suffix.lower() in known or path.name.lower() in ("inbox", "sent", "drafts"))


def _entry(file: IO[bytes], name: str, now: datetime) -> Iterator[Found]:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.suffix.lower() == ".eml":
        try:
            yield from _single(file, folder_name(path.parent), now)
        except NotMail:  # one among many
            yield Found(None, "", (), now)
        return
    is_apple = path.name.lower() == "mbox" and path.parent.name.lower().endswith(".mbox")
    yield from _mbox(file, folder_name(path.parent if is_apple else path), now)


class _Ours:
    """The file as our store gives it: what fails there is told apart from what is wrong with the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Read. Raises DiskFailed."""
        try:
            return self._file.read(size)
        except OSError:
            raise DiskFailed from None


class _Bounded:
    """A file that raises where it gives more than it may."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most, self.read_bytes = file, most, 0

    def __enter__(self) -> "_Bounded":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        """Read."""
        return self._counted(self._file.read(size if size >= 0 else self._most + 1))

    def _counted(self, piece: bytes) -> bytes:
        self.read_bytes += len(piece)
        if self.read_bytes > self._most:
            raise TooLarge
        return piece


def _single(file: IO[bytes], folder: str, now: datetime) -> Iterator[Found]:
    content = file.read(MOST_MESSAGE + 1)
    if len(content) > MOST_MESSAGE:
        yield Found(None, folder, (), now)
        return
    if not mime.parse(content[: 256 * 1024]).headers:
        raise NotMail
    yield _found(content, folder, b"", now)


def _mbox(file: IO[bytes], folder: str, now: datetime) -> Iterator[Found]:
    """The messages of an mbox: each begins with a line "From " after an empty one; ">From " is undone (mboxrd)."""
    held, is_cut, is_begun = bytearray(), False, False
    while piece := file.read(PIECE):
        looked_at = max(0, len(held) - len(_MARK))
        held += piece
        if not is_begun:
            if not held.lstrip(b"\r\n").startswith(b"From "):
                return  # what is no mbox has no messages: a picture in a zip
            held, is_begun = held.lstrip(b"\r\n"), True
        while (at := held.find(_MARK, looked_at)) >= 0:
            looked_at = at + len(_MARK)
            if held[:at].endswith((b"\n", b"\n\r")):  # an empty line before it
                yield _one(bytes(held[: at + 1]), folder, now, is_cut=is_cut)
                del held[: at + 1]
                looked_at, is_cut = 0, False
        if len(held) > MOST_MESSAGE:
            del held[: -2 * len(_MARK)]
            is_cut = True
    if is_begun:
        yield _one(bytes(held), folder, now, is_cut=is_cut)


def _one(raw: bytes, folder: str, now: datetime, *, is_cut: bool) -> Found:
    if is_cut or len(raw) > MOST_MESSAGE:
        return Found(None, folder, (), now)
    first, _, content = raw.partition(b"\n")
    return _found(_QUOTED.sub(rb"\1", content), folder, first, now)


def _found(content: bytes, folder: str, first: bytes, now: datetime) -> Found:
    content = re.sub(rb"\r?\n", b"\r\n", content)
    mail = mime.parse(content[: 256 * 1024])
    received = _envelope_date(first) or mimewords.moment(mail.first(b"date")) or now
    if not 1970 <= received.year <= 2100:
        received = now
    return Found(content, folder, _flags(mail), received)


def _flags(mail: mime.Mail) -> tuple[str, ...]:
    """The marks that mail programs leave in an mbox (Status, X-Status, X-Mozilla-Status)."""
    status = mimewords.decoded(mail.first(b"status")[:20]) + mimewords.decoded(mail.first(b"x-status")[:20])
    found = {_STATUS[sign] for sign in status if sign in _STATUS}
    marks = mail.first(b"x-mozilla-status").strip()
    if re.fullmatch(rb"[0-9a-fA-F]{4}", marks):
        found |= {flag for bit, flag in _MOZILLA.items() if int(marks, 16) & bit}
    return tuple(sorted(found))


def _envelope_date(first: bytes) -> datetime | None:
    found = re.search(rb"\w{3} +(\w{3}) +(\d{1,2}) +(\d{1,2}):(\d{2}):(\d{2})(?: +[+-]?\w+)? +(\d{4})", first)
    if found is None:
        return None
    try:
        return datetime.strptime(b" ".join(found.groups()).decode("ascii"), "%b %d %H %M %S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None


def folder_name(path: PurePosixPath) -> str:
    """The folder that a place in a zip means: at most its last four levels, without the endings of mail programs."""
    levels = [re.sub(r"\.(mbox|mbx|sbd)$", "", one, flags=re.I) for one in path.parts if one not in ("/", "..", ".")]
    cleaned = [" ".join(re.sub(r"[*%/\\\x00-\x1f\x7f-\x9f\u2028\u2029]", "_", one).split())[:100] for one in levels]
    return "/".join([one for one in cleaned if one.strip("_ ")][-4:])
