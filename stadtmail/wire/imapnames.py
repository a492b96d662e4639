"""Names of folders on the wire: modified UTF-7 (RFC 3501 5.1.3) or UTF-8 (RFC 9051), and the patterns of LIST.

Reading takes both, because a name is one or the other by its bytes; what is neither raises ValueError.
"""

import base64
import re
from binascii import Error

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_BEYOND = re.compile(r"[^\x20-\x7e]+")


def read(raw: bytes) -> str:
    """A name. Raises ValueError."""
    text = raw.decode()  # UnicodeDecodeError is a ValueError
    if not text.isascii() or "&" not in text:
        return text
    found = _SHIFTED.sub(_opened, text)
    found.encode()  # a lone surrogate is no name
    return found


def written(name: str, *, utf8: bool) -> bytes:
    """A name for a client that reads UTF-8, or for one that does not."""
    if utf8:
        return name.encode()
    return _BEYOND.sub(_shut, name.replace("&", "&-")).encode("ascii")


def is_match(name: str, pattern: str) -> bool:
    """Does LIST mean this name? * is anything, % anything on one level; INBOX in any case. Linear in the pattern.

    Bit n of `reached` says that the pattern so far can end after n signs of the name.
    """
    first, slash, rest = pattern.partition("/")
    if first.upper() == "INBOX":
        pattern = f"INBOX{slash}{rest}"
    full = (1 << (len(name) + 1)) - 1
    signs: dict[str, int] = {}
    for at, sign in enumerate(name):
        signs[sign] = signs.get(sign, 0) | 1 << at
    within = (full >> 1) & ~signs.get("/", 0)  # places whose sign is no "/"
    reached = 1
    for sign in pattern:
        if sign == "*":
            reached |= full & ~((reached & -reached) - 1) if reached else 0
        elif sign == "%":
            reached |= ((reached & within) + within) ^ within  # the carry runs up to the next "/"
        else:
            reached = (reached & signs.get(sign, 0)) << 1
        reached &= full
    return bool(reached >> len(name))


def _opened(found: "re.Match[str]") -> str:
    inner = found[1]
    if not inner:
        return "&"
    try:
        return base64.b64decode(inner.replace(",", "/") + "=" * (-len(inner) % 4), validate=True).decode("utf-16-be")
    except Error as error:
        raise ValueError from error


def _shut(found: "re.Match[str]") -> str:
    return "&" + base64.b64encode(found[0].encode("utf-16-be", "surrogatepass")).decode().rstrip("=").replace("/", ",") + "-"
