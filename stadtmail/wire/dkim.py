"""DKIM signatures (RFC 6376, 8301, 8463): which fields are signed, in which form, and how the field is written. Pure.

Canonical forms come from dkimpy, so that signer and checker agree; the signing itself is handed in by whoever has the key.
Fields that a reader sees are signed once more than they occur: nobody can add a second From or Subject on the way.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dkim.canonicalization import Relaxed

_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:((?:[^\n]*)(?:\n[ \t][^\n]*)*\n?)", re.M)
# RFC 6376 5.4.1; those in front are oversigned
OVERSIGNED = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"content-type")
OTHERS = (
    b"sender", b"in-reply-to", b"references", b"mime-version", b"content-transfer-encoding", b"content-disposition",
    b"auto-submitted", b"resent-from", b"resent-to", b"resent-date", b"resent-message-id",
    b"list-id", b"list-unsubscribe", b"list-unsubscribe-post", b"list-help", b"list-post", b"list-archive",
)  # fmt: skip


@dataclass(frozen=True)
class Signer:
    """Who signs: the domain, the selector under which the public half is in the DNS, and the key as a function."""

    domain: str
    selector: str
    algorithm: str  # rsa | ed25519
    sign: Callable[[bytes], bytes] = field(repr=False)


def signatures(raw: bytes, signers: Sequence[Signer], *, at: int) -> bytes:
    """The DKIM-Signature fields of a message with CR LF line ends, one a signer, to be put before it. `at`: seconds since 1970."""
    return b"".join(fields(raw, signers, at=at))


def fields(
    raw: bytes, signers: Sequence[Signer], *, at: int, name: bytes = b"DKIM-Signature", lead: str = "v=1", more: Sequence[bytes] = ()
) -> list[bytes]:
    """Fields that sign a message, one a signer: of DKIM, or of another that is made in the same way, beginning with the tag `lead`.

    `more` names fields that it covers beside those of DKIM.
    """
    head, body = _split(raw)
    present = _FIELD.findall(head)
    names = [one for one in (*OVERSIGNED, *OTHERS, *more) for _ in _count(present, one)]
    names += list(OVERSIGNED)
    body_hash = b64encode(hashlib.sha256(Relaxed.canonicalize_body(body)).digest())
    covered = b"".join(_chosen(present, names))
    made = []
    for signer in signers:
        value = f" {lead}; a={signer.algorithm}-sha256;".encode() + _value(signer, names, body_hash, at)
        made.append(signed(name, value, signer, covered))
    return made


def signed(name: bytes, value: bytes, signer: Signer, covered: bytes) -> bytes:
    """A whole field whose value ends with an empty b=, signed together with what it covers in canonical form (RFC 6376 3.7)."""
    data = covered + b"".join(_canonical([(name, value)]))[:-2]
    return name + b":" + value + _folded(b64encode(signer.sign(data))) + b"\r\n"


def record(algorithm: str, public: bytes) -> str:
    """The TXT record of a public key (RFC 6376 3.6.1, RFC 8463 4)."""
    return f"v=DKIM1; k={algorithm}; p={b64encode(public).decode()}"


def _split(raw: bytes) -> tuple[bytes, bytes]:
    if raw.startswith(b"\r\n"):
        return b"", raw[2:]
    head, _, body = raw.partition(b"\r\n\r\n")
    return head + b"\r\n", body


def _count(present: Sequence[tuple[bytes, bytes]], name: bytes) -> range:
    return range(sum(one.lower() == name for one, _ in present))


def _chosen(present: Sequence[tuple[bytes, bytes]], names: Sequence[bytes]) -> list[bytes]:
    """The canonical fields in the order of `names`; of several of one name the last comes first (RFC 6376 5.4.2)."""
    left: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for one in present:
        left.setdefault(one[0].lower(), []).append(one)
    return _canonical([left[name].pop() for name in names if left.get(name)])


def _canonical(fields: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    return [name + b":" + value for name, value in Relaxed.canonicalize_headers(list(fields))]


def _value(signer: Signer, names: Sequence[bytes], body_hash: bytes, at: int) -> bytes:
    listed = b"".join(b":" + name if n % 5 else b":\r\n\t " + name for n, name in enumerate(names)).lstrip(b":\r\n\t ")
    return (
        f" c=relaxed/relaxed; d={signer.domain};\r\n\ts={signer.selector}; t={at};\r\n\th=".encode()
        + listed + b";\r\n\tbh=" + body_hash + b";\r\n\tb="
    )  # fmt: skip


def _folded(signature: bytes) -> bytes:
    return b"\r\n\t ".join(signature[at : at + 72] for at in range(0, len(signature), 72))
