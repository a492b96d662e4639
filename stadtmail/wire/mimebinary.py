"""Messages that hold NUL octets (Content-Transfer-Encoding: binary), as others may read them.

A literal of IMAP holds no NUL (RFC 9051 9, CHAR8): a server that takes literal8 keeps such parts in base64 (RFC 3516 4.4), where
BINARY gives back the octets that came. Pure and linear; what has no such part stays as it is, octet for octet.
"""

import re
from base64 import encodebytes

from stadtmail.wire import mime
from stadtmail.wire.mime import Part

_ENCODING = re.compile(rb"^content-transfer-encoding[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+\n", re.I | re.M)
_BINARY = re.compile(rb":\s*+binary\s*+\Z", re.I)


def without_nul(raw: bytes) -> bytes:
    """The message with those of its binary parts in base64 that hold a NUL. Never raises."""
    if b"\0" not in raw:
        return raw
    pieces: list[bytes] = []
    at = 0
    for part in mime.parse(raw).root.walk():
        if part.start >= at and not part.parts and b"\0" in raw[part.body : part.end]:
            header = _encoded(raw[part.start : part.body])
            if header is not None:
                pieces += [raw[at : part.start], header, _base64(raw, part)]
                at = part.end
    return b"".join([*pieces, raw[at:]]) if pieces else raw


def _encoded(header: bytes) -> bytes | None:
    """The header with base64 in place of binary; None where it says anything else."""
    found = _ENCODING.search(header)
    if found is None or not _BINARY.search(found[0].rstrip()):
        return None
    return header[: found.start()] + b"Content-Transfer-Encoding: base64\r\n" + header[found.end() :]


def _base64(raw: bytes, part: Part) -> bytes:
    lines = encodebytes(raw[part.body : part.end]).replace(b"\n", b"\r\n")
    return lines.removesuffix(b"\r\n") if part.end < len(raw) else lines  # the line end before a boundary belongs to it
