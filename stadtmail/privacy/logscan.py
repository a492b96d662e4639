"""Is there a person in the logs? Every line of every log file is searched for IP addresses and mail addresses (C-4.2).

What is found is counted by kind and never repeated: the report of a leak must not be the next one.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from pathlib import Path
from typing import IO

LONGEST = 1 << 16  # a longer line is read in pieces that overlap by MOST_TOKEN
MOST_TOKEN = 320
_IPV4 = re.compile(rb"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)")
_IPV6 = re.compile(rb"(?:(?<![\w:.])|(?<=IPv6:))[0-9A-Fa-f:]{2,39}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")
_MAIL = re.compile(rb"[\w.!#$%&'*+/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+", re.ASCII)


def scan(folder: Path) -> Counter[str]:
    """Hits by kind ("ipv4", "ipv6", "mail") over all log files below the folder; empty when nothing personal is there."""
    found: Counter[str] = Counter()
    for path in files(folder):
        with _opened(path) as file:
            for piece in _pieces(file):
                found.update(kinds(piece))
    return found


def files(folder: Path) -> list[Path]:
    """Log files of an instance: what lies in log/, and whatever calls itself a log beside it."""
    found = {path for path in (folder / "log").rglob("*") if path.is_file()}
    return sorted(found | {path for path in folder.glob("*.log*") if path.is_file()})


def kinds(piece: bytes) -> Iterator[str]:
    """The kind of each hit in a piece of a log."""
    yield from ("ipv4" for match in _IPV4.finditer(piece) if _is_address(match.group(), IPv4Address))
    yield from ("ipv6" for match in _IPV6.finditer(piece) if match.group().count(b":") > 1 and _is_address(match.group(), IPv6Address))
    yield from ("mail" for _ in _MAIL.finditer(piece))


def _is_address(text: bytes, kind: type[IPv4Address] | type[IPv6Address]) -> bool:
    try:
        address = kind(text.decode())
    except AddressValueError:
        return False
    return not address.is_unspecified  # "::" and 0.0.0.0 are nobody's


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while piece := file.readline(LONGEST):
        yield rest + piece
        rest = b"" if piece.endswith(b"\n") else piece[-MOST_TOKEN:]


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")  # type: ignore[return-value]
