"""DKIM signatures read and verified (RFC 6376, 8301, 8463), and the canonical forms that ARC shares. Pure: keys are handed in.

Takes bytes that a stranger wrote: nothing raises but `Unusable`, headers and signatures have bounds, a body is hashed in
one pass however many signatures there are. What was added after a signed length makes a signature worth nothing.
"""

import hashlib
import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PASS, FAIL, NEUTRAL, POLICY, TEMPERROR, PERMERROR = "pass", "fail", "neutral", "policy", "temperror", "permerror"
MOST_SIGNATURES = 5  # more are not looked at: the first ones are the youngest
MOST_FIELD, MOST_FIELDS = 16 * 1024, 1000  # octets of a signature; fields of a header
SHORTEST_RSA, LONGEST_RSA = 1024, 4096  # bits (RFC 8301 3.2); longer ones cost too much
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+\n?)")
_TAG = re.compile(rb"[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=(.*)\Z", re.S)
_B = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*", re.S)
_SPACE = re.compile(rb"[ \t\r\n]+")
_BLANKS = re.compile(rb"[ \t]+")
_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\Z")
Field = tuple[bytes, bytes]  # name as written, everything after the colon with its line ends


class Unusable(Exception):
    """A signature or key that cannot be used; `result` says why in RFC 8601's words."""

    def __init__(self, result: str) -> None:
        super().__init__(result)
        self.result = result


@dataclass(frozen=True)
class Signature:
    """One signature, its syntax checked."""

    index: int  # of its field in the header
    algorithm: str  # rsa | ed25519
    domain: str
    selector: str
    identity: str  # domain of i=
    signed: tuple[bytes, ...]  # names in h=, lower case
    value: bytes = field(repr=False)
    body_hash: bytes = field(repr=False)
    relaxed_header: bool = False
    relaxed_body: bool = False
    length: int | None = None
    expires: int | None = None

    @property
    def key_name(self) -> str:
        """Where its key is in the DNS."""
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True)
class Key:
    """A published key."""

    public: RSAPublicKey | Ed25519PublicKey = field(repr=False)
    is_test: bool = False
    is_strict: bool = False  # i= must have the very domain d=


def fields(head: bytes) -> list[Field]:
    """The fields of a header in their order, as they are written; at most so many."""
    found = []
    for one in _FIELD.finditer(head):
        found.append((one[1], one[2]))
        if len(found) == MOST_FIELDS:
            break
    return found


def tags(value: bytes) -> dict[str, bytes]:
    """tag=value; … (3.2). Raises Unusable for what is none, or a tag that is there twice."""
    found: dict[str, bytes] = {}
    for one in value.strip().rstrip(b";").split(b";"):
        pair = _TAG.match(one)
        if pair is None or (name := pair[1].decode("ascii")) in found:
            raise Unusable(PERMERROR)
        found[name] = pair[2].strip()
    return found


def signature(index: int, value: bytes, *, now: int) -> Signature:
    """Read a DKIM-Signature (6.1.1). Raises Unusable."""
    if len(value) > MOST_FIELD:
        raise Unusable(POLICY)
    given = tags(value)
    if given.get("v") != b"1":
        raise Unusable(PERMERROR)
    made = message_signature(index, given)
    identity = text(given.get("i", b"@" + given["d"])).rpartition("@")[2].lower()
    if identity != made.domain and not identity.endswith(f".{made.domain}"):
        raise Unusable(PERMERROR)
    if b"from" not in made.signed or "query" in given or _SPACE.sub(b"", given.get("q", b"dns/txt")) != b"dns/txt":
        raise Unusable(PERMERROR)
    expires, at = _number(given.get("x")), _number(given.get("t"))
    if (expires is not None and (expires < now or (at is not None and expires < at))) or (at is not None and at > now + 86_400):
        raise Unusable(POLICY)
    return Signature(**{**made.__dict__, "identity": identity, "expires": expires})


def message_signature(index: int, given: dict[str, bytes]) -> Signature:
    """What DKIM-Signature and ARC-Message-Signature have in common. Raises Unusable."""
    if not {"a", "b", "bh", "d", "h", "s"} <= set(given):
        raise Unusable(PERMERROR)
    forms = text(given.get("c", b"simple/simple")).lower().split("/")
    if len(forms) > 2 or not set(forms) <= {"simple", "relaxed"}:
        raise Unusable(PERMERROR)
    domain, selector = text(given["d"]).lower(), text(given["s"])
    if not _NAME.match(domain) or not _NAME.match(selector):
        raise Unusable(PERMERROR)
    signed = tuple(name.strip(b" \t\r\n").lower() for name in given["h"].split(b":"))
    return Signature(
        index, algorithm(given["a"]), domain, selector, domain, signed, octets(given["b"]), octets(given["bh"]),
        forms[0] == "relaxed", forms[1:] == ["relaxed"], _number(given.get("l")),
    )  # fmt: skip


def algorithm(value: bytes) -> str:
    """rsa or ed25519, with SHA-256. Raises Unusable: SHA-1 proves nothing any more (RFC 8301 3.1)."""
    found = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}.get(text(value).lower())
    if found is None:
        raise Unusable(POLICY if text(value).lower() == "rsa-sha1" else PERMERROR)
    return found


def octets(value: bytes) -> bytes:
    """Base64 with folding white space. Raises Unusable."""
    try:
        return b64decode(_SPACE.sub(b"", value), validate=True)
    except ValueError:
        raise Unusable(PERMERROR) from None


def key(records: Sequence[bytes], wanted: str) -> Key:
    """The key among the TXT records of its name (3.6.1). Raises Unusable: none, revoked, not for mail, too short, too long."""
    if len(records) != 1:
        raise Unusable(PERMERROR)
    given = tags(records[0])
    if given.get("v", b"DKIM1") != b"DKIM1" or text(given.get("k", b"rsa")).lower() != wanted:
        raise Unusable(PERMERROR)
    if not {"sha256"} & _words(given.get("h", b"sha256")) or not {"*", "email"} & _words(given.get("s", b"*")):
        raise Unusable(PERMERROR)
    flags = _words(given.get("t", b""))
    return Key(_public(octets(given.get("p", b"")), wanted), "y" in flags, "s" in flags)


def _public(raw: bytes, wanted: str) -> RSAPublicKey | Ed25519PublicKey:
    try:
        if wanted == "ed25519":
            return Ed25519PublicKey.from_public_bytes(raw)
        found = serialization.load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable(PERMERROR) from None
    if not isinstance(found, RSAPublicKey):
        raise Unusable(PERMERROR)
    if not SHORTEST_RSA <= found.key_size <= LONGEST_RSA:
        raise Unusable(POLICY)
    return found


def is_valid(public: RSAPublicKey | Ed25519PublicKey, value: bytes, data: bytes) -> bool:
    """Does the signature fit the data? Ed25519 signs their hash (RFC 8463 3)."""
    try:
        if isinstance(public, Ed25519PublicKey):
            public.verify(value, hashlib.sha256(data).digest())
        else:
            public.verify(value, data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def signed_header(all_fields: Sequence[Field], one: Signature) -> bytes:
    """What a signature covers of the header (3.7, 5.4.2): of several fields of a name the last ones first."""
    left: dict[bytes, list[Field]] = {}
    for number, known in enumerate(all_fields):
        if number != one.index:
            left.setdefault(known[0].lower(), []).append(known)
    chosen = [left[name].pop() for name in one.signed if left.get(name)]
    name, value = all_fields[one.index]
    form = relaxed if one.relaxed_header else simple
    return b"".join(form(known) for known in chosen) + form((name, without_value(value))).removesuffix(b"\r\n")


def without_value(value: bytes) -> bytes:
    """A signature's field with nothing in b= (3.7)."""
    return _B.sub(rb"\1", value, count=1)


def relaxed(one: Field) -> bytes:
    """A field in its relaxed form (3.4.2)."""
    name, value = one
    unfolded = _BLANKS.sub(b" ", value.replace(b"\r\n", b"").replace(b"\n", b""))
    return name.lower() + b":" + unfolded.strip(b" ") + b"\r\n"


def simple(one: Field) -> bytes:
    """A field as it is (3.4.1)."""
    return one[0] + b":" + one[1]


class BodyHash:
    """The hash of a body in one form, of its first `length` octets; fed in pieces."""

    def __init__(self, *, is_relaxed: bool, length: int | None) -> None:
        self._is_relaxed, self._left, self._has_length = is_relaxed, length or 0, length is not None
        self._hash = hashlib.sha256()
        self._carry, self._ends, self._any = bytearray(), 0, False
        self.surplus = False  # is there more than was signed?

    def feed(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self._carry += piece
        cut = self._carry.rfind(b"\n", max(0, len(self._carry) - len(piece))) + 1
        if cut:
            self._lines(bytes(self._carry[:cut]))
            del self._carry[:cut]

    def finish(self) -> bytes:
        """The hash."""
        if self._carry:
            self._lines(bytes(self._carry) + b"\r\n")
        if self._any or not self._is_relaxed:
            self._add(b"\r\n")
        return self._hash.digest()

    def _lines(self, lines: bytes) -> None:
        if self._is_relaxed:
            lines = _BLANKS.sub(b" ", lines).replace(b" \r\n", b"\r\n")
        text = lines.rstrip(b"\r\n")
        if text:
            self._add(b"\r\n" * self._ends + text)
            self._ends, self._any = 0, True
        self._ends += (len(lines) - len(text)) // 2

    def _add(self, data: bytes) -> None:
        if self._has_length:
            self.surplus = self.surplus or len(data) > self._left
            data = data[: self._left]
            self._left -= len(data)
        self._hash.update(data)


def body_hashes(pieces: Iterable[bytes], wanted: Iterable[tuple[bool, int | None]]) -> dict[tuple[bool, int | None], BodyHash]:
    """All hashes that are wanted of a body (relaxed?, length), fed in one walk through it."""
    made = {one: BodyHash(is_relaxed=one[0], length=one[1]) for one in wanted}
    if made:
        for piece in pieces:
            for one in made.values():
                one.feed(piece)
    return made


def text(value: bytes) -> str:
    """A value as a word."""
    return value.decode("ascii", "replace").strip()


def _words(value: bytes) -> set[str]:
    return {text(one).lower() for one in value.split(b":")}


def _number(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not re.fullmatch(rb"[0-9]{1,15}", value):
        raise Unusable(PERMERROR)
    return int(value)
