"""A token in every form in which it could lie somewhere (privacy.md 7): encodings, digests, turned round, as an address.

Short forms are left out: four bytes turn up in random ciphertext by themselves. No CRC, for the same reason.
"""

import base64
import hashlib
import html
import ipaddress
import quopri
from dataclasses import dataclass
from urllib.parse import quote

SHORTEST = 8  # characters of a token, and bytes of a form


class TooShort(ValueError):
    """A token of fewer than eight characters would be found everywhere."""


@dataclass(frozen=True)
class Form:
    """Bytes to look for. `folded`: compared without regard to ASCII case (then the bytes are lower case)."""

    name: str
    raw: bytes
    folded: bool = False


def forms(token: str) -> list[Form]:
    """Every form of one token. Raises TooShort."""
    if len(token) < SHORTEST:
        raise TooShort(f"a token needs at least {SHORTEST} characters")
    found = [*_texts(token), *_base64(token), *_digests(token), *_addresses(token)]
    return list({(form.raw, form.folded): form for form in found if len(form.raw) >= SHORTEST}.values())


def _texts(token: str) -> list[Form]:
    utf8 = token.encode()
    texts = {
        "utf-8": utf8,
        "utf-8, small letters": token.lower().encode(),
        "utf-8, capital letters": token.upper().encode(),
        "latin-1": token.encode("latin-1", "ignore"),
        "utf-16-le": token.encode("utf-16-le"),
        "utf-16-be": token.encode("utf-16-be"),
        "percent": quote(token, safe="").encode(),
        "percent, plus": quote(token, safe=" ").replace(" ", "+").encode(),
        "quoted-printable": quopri.encodestring(utf8, quotetabs=True).rstrip(b"\n"),
        "quoted-printable, header": quopri.encodestring(utf8, quotetabs=True, header=True).rstrip(b"\n"),
        "html": html.escape(token).encode(),
        "html, decimal": "".join(f"&#{ord(sign)};" for sign in token).encode(),
        "html, hexadecimal": "".join(f"&#x{ord(sign):x};" for sign in token).encode(),
        "html, non-ascii": token.encode("ascii", "xmlcharrefreplace"),
        "json": token.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00"),
        "punycode": token.encode("punycode"),
        "hexadecimal": utf8.hex().encode(),
        "reversed": token[::-1].encode(),
    }
    return [Form(name, raw.lower(), folded=True) for name, raw in texts.items()]


def _base64(token: str) -> list[Form]:
    """At each of the three offsets, without the signs that depend on the neighbours; for both alphabets."""
    found = []
    for encoding in ("utf-8", "utf-16-le"):
        raw = token.encode(encoding)
        for shift in range(3):
            text = base64.b64encode(bytes(shift) + raw)
            inner = text[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
            found.append(Form(f"base64 of {encoding}", inner))
            found.append(Form(f"base64url of {encoding}", inner.translate(bytes.maketrans(b"+/", b"-_"))))
    return found


def _digests(token: str) -> list[Form]:
    found = []
    for text in dict.fromkeys((token, token.lower())):
        for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
            digest = hashlib.new(name, text.encode(), usedforsecurity=False)
            found += [Form(name, digest.digest()), Form(f"{name}, hexadecimal", digest.hexdigest().encode(), folded=True)]
            found.append(Form(f"{name}, base64", base64.b64encode(digest.digest()).rstrip(b"=")[:-1]))
    return found


def _addresses(token: str) -> list[Form]:
    """An IP address as text of any kind, as a number, and packed (from 8 bytes up: mapped into IPv6)."""
    try:
        address = ipaddress.ip_address(token)
    except ValueError:
        return []
    six = address if isinstance(address, ipaddress.IPv6Address) else ipaddress.IPv6Address(f"::ffff:{address}")
    texts = (str(int(address)), f"{int(address):x}", address.reverse_pointer, six.exploded, six.compressed, f"::ffff:{address}")
    return [Form("packed address", six.packed), *(Form("address", text.encode().lower(), folded=True) for text in texts)]
