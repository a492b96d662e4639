"""Where bytes lie: every file of the data folder is read, databases with their logs, keystore, ring, evidence, blobs, log."""

import base64
from pathlib import Path

from django.db import connections

from stadtmail.kit import config


def forms(canary: str) -> list[bytes]:
    """The encodings in which a value could lie."""
    raw = canary.encode()
    return [raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")[:-1], canary.encode("utf-16-le"), raw.upper(), raw.lower()]


def files_with(canary: str) -> list[str]:
    """Names of the files in which the value lies, in any form."""
    return files_with_bytes(*forms(canary))


def files_with_bytes(*wanted: bytes) -> list[str]:
    """Names of the files in which any of these lies, as it is."""
    for alias in connections:
        connections[alias].close()
    found = []
    for path in sorted(Path(config.load().data).rglob("*")):
        if path.is_file() and any(one in path.read_bytes() for one in wanted):
            found.append(path.name)
    return found
