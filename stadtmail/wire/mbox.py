"""One message of an mbox file (mboxrd: RFC 4155 and quoting that can be undone), with its marks as mail programs read them."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

FROM = re.compile(rb"^>*From ")
MARKS = {"\\Answered": "A", "\\Flagged": "F", "\\Draft": "T", "\\Deleted": "D"}
LONGEST = 1 << 20  # of a line: what is longer is handed on in pieces, which cannot begin with "From "


def entry(pieces: Iterable[bytes], *, flags: Collection[str], received: datetime) -> Iterator[bytes]:
    """The message with its separator before and an empty line behind, piece by piece; line ends become those of Unix."""
    yield b"From MAILER-DAEMON " + received.strftime("%a %b %d %H:%M:%S %Y").encode() + b"\n"
    yield _marks(flags)
    left, is_begun = b"", False
    for piece in pieces:
        *lines, left = (left + piece).split(b"\n")
        for line in lines:
            yield _quoted(line.removesuffix(b"\r"), is_begun=is_begun) + b"\n"
            is_begun = False
        if len(left) > LONGEST:
            yield _quoted(left, is_begun=is_begun)
            left, is_begun = b"", True
    if left or is_begun:
        yield _quoted(left.removesuffix(b"\r"), is_begun=is_begun) + b"\n"
    yield b"\n"


def _quoted(line: bytes, *, is_begun: bool) -> bytes:
    return b">" + line if not is_begun and FROM.match(line) else line


def _marks(flags: Collection[str]) -> bytes:
    lines = [f"Status: {'RO' if chr(92) + 'Seen' in flags else 'O'}"]
    if known := "".join(sign for name, sign in MARKS.items() if name in flags):
        lines.append(f"X-Status: {known}")
    if words := [flag for flag in flags if not flag.startswith("\\") and flag.isascii() and flag.isprintable() and " " not in flag]:
        lines.append(f"X-Keywords: {' '.join(words)}")
    return "".join(f"{line}\n" for line in lines).encode()
