"""Syntax of SASL as a server reads it: PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 (RFC 5802, RFC 7677). Pure: nothing is checked here.

Any bytes are an answer or Malformed, which never carries what was sent.
"""

import base64 as codec
import binascii
import re
import stringprep
import unicodedata
from dataclasses import dataclass, field

MOST_OCTETS = 4096  # of one message
PROOF_OCTETS = 32
_NONCE = re.compile(r"[!-+\--~]{1,256}\Z")
_FIRST = re.compile(r"(n|y),(?:a=([^,]*))?,(n=([^,]*),r=([^,]*)(?:,.*)?)\Z", re.DOTALL)
_FINAL = re.compile(r"(c=([^,]*),r=([^,]*)(?:,.*)?),p=([^,]*)\Z", re.DOTALL)


class Malformed(ValueError):
    """Not what the mechanism wants. `kind` is a closed word: base64, message, nonce, binding, name."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, repr=False)
class Plain:
    """Who logs in with which password, and for whom they want to act (empty: for themselves)."""

    authorize: str
    name: str
    password: str


@dataclass(frozen=True)
class First:
    """What a SCRAM client says first. `bare` goes into what is proven, `binding` must come again."""

    name: str = field(repr=False)
    authorize: str = field(repr=False)
    nonce: str
    bare: str = field(repr=False)
    binding: bytes


@dataclass(frozen=True)
class Final:
    """What a SCRAM client says last: the proof, and the text before it, which goes into what is proven."""

    proof: bytes = field(repr=False)
    without_proof: str = field(repr=False)


def base64(line: bytes) -> bytes:
    """A message as it stands in a line. "=" is an empty one (RFC 4954 4, RFC 4959 3). Raises Malformed."""
    if line == b"=":
        return b""
    try:
        return codec.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("base64") from None


def plain(message: bytes) -> Plain:
    """authzid NUL authcid NUL passwd (RFC 4616 2). Raises Malformed."""
    parts = _text(message).split("\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise Malformed("message")
    return Plain(*parts)


def word(message: bytes) -> str:
    """One answer of LOGIN: a name or a password. Raises Malformed."""
    text = _text(message)
    if not text or "\0" in text:
        raise Malformed("message")
    return text


def scram_first(message: bytes) -> First:
    """client-first-message (RFC 5802 7). Raises Malformed: for a demanded extension (m=) and for channel binding too, which no
    mechanism here offers."""
    found = _FIRST.match(_text(message))
    if found is None:
        raise Malformed("message")
    flag, authorize, bare, name, nonce = found.groups()
    if not _NONCE.match(nonce):
        raise Malformed("nonce")
    binding = f"{flag},{'' if authorize is None else f'a={authorize}'},".encode()
    return First(_name(name), _name(authorize) if authorize else "", nonce, bare, binding)


def scram_challenge(first: First, *, nonce: str, salt: bytes, iterations: int) -> str:
    """server-first-message; `nonce` is the server's half, printable and without a comma."""
    return f"r={first.nonce}{nonce},s={codec.b64encode(salt).decode()},i={iterations}"


def scram_final(message: bytes, first: First, *, nonce: str) -> Final:
    """client-final-message, held to what was said before. Raises Malformed."""
    found = _FINAL.match(_text(message))
    if found is None:
        raise Malformed("message")
    without, binding, said, proof = found.groups()
    if said != first.nonce + nonce:
        raise Malformed("nonce")
    if base64(binding.encode()) != first.binding:
        raise Malformed("binding")
    octets = base64(proof.encode())
    if len(octets) != PROOF_OCTETS:
        raise Malformed("message")
    return Final(octets, without)


def auth_message(first: First, challenge: str, final: Final) -> bytes:
    """AuthMessage: all that was said, which the proof covers (RFC 5802 3)."""
    return f"{first.bare},{challenge},{final.without_proof}".encode()


def scram_verdict(signature: bytes) -> bytes:
    """server-final-message of a login that succeeds."""
    return b"v=" + codec.b64encode(signature)


def prepared(text: str) -> str:
    """A password as SASLprep leaves it (RFC 4013), without its list of forbidden signs: no password of ours has them."""
    mapped = "".join(" " if stringprep.in_table_c12(sign) else sign for sign in text if not stringprep.in_table_b1(sign))
    return unicodedata.normalize("NFKC", mapped)


def _name(text: str) -> str:
    """=2C is a comma and =3D an equals sign; no other = may stand there (RFC 5802 5.1)."""
    if not text or "\0" in text or re.search(r"=(?!2C|3D)", text):
        raise Malformed("name")
    return text.replace("=2C", ",").replace("=3D", "=")


def _text(message: bytes) -> str:
    if len(message) > MOST_OCTETS:
        raise Malformed("message")
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise Malformed("message") from None
