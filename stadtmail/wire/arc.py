"""ARC chains (RFC 8617): is what earlier servers say they have found still sealed as they said it, and what do we add? Pure: keys are
handed in.

A chain says who vouches, not that they tell the truth: whom a city believes is its policy's question.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stadtmail.wire import dkim, dkimcheck
from stadtmail.wire.dkimcheck import Field, Key, Signature, Unusable

NONE, PASS, FAIL = "none", "pass", "fail"
MOST_SETS = 50  # RFC 8617 4.2.1
MOST_CHAIN = 256 * 1024  # octets of all sets of a message; sealing hashes them once a set
_RESULTS, _MESSAGE, _SEAL = b"arc-authentication-results", b"arc-message-signature", b"arc-seal"
Keys = Callable[[str, str], Key]  # (selector._domainkey.domain, algorithm) -> key; raises Unusable


@dataclass(frozen=True)
class Set:
    """What one server has added: indices of its three fields, its signature of the message, its seal."""

    results: int
    message: int
    seal: int
    signature: Signature
    seal_tags: Mapping[str, bytes]

    @property
    def domain(self) -> str:
        """Who has sealed."""
        return dkimcheck.text(self.seal_tags["d"]).lower()

    @property
    def seal_key(self) -> tuple[str, str]:
        """(name, algorithm) of the seal's key."""
        return f"{dkimcheck.text(self.seal_tags['s'])}._domainkey.{self.domain}", dkimcheck.algorithm(self.seal_tags["a"])


def sets(fields: Sequence[Field]) -> list[Set]:
    """The sets of a message, the oldest first; empty: no chain. Raises Unusable where they do not make one (5.2, 1 to 3)."""
    found: dict[bytes, dict[int, int]] = {_RESULTS: {}, _MESSAGE: {}, _SEAL: {}}
    for index, (name, value) in enumerate(fields):
        kind = name.lower()
        if kind in found:
            number = _instance(value)
            if number in found[kind]:
                raise Unusable(FAIL)
            found[kind][number] = index
    count = len(found[_SEAL])
    if not any(found.values()):
        return []
    if sum(len(fields[index][1]) for one in found.values() for index in one.values()) > MOST_CHAIN:
        raise Unusable(FAIL)
    if not 0 < count <= MOST_SETS or any(set(one) != set(range(1, count + 1)) for one in found.values()):
        raise Unusable(FAIL)
    return [_set(fields, found[_RESULTS][one], found[_MESSAGE][one], found[_SEAL][one], is_first=one == 1) for one in range(1, count + 1)]


def verify(fields: Sequence[Field], chain: Sequence[Set], body: Mapping[tuple[bool, int | None], bytes], keys: Keys) -> str:
    """pass or fail (5.2, 4 to 6): the youngest signature of the message, and every seal; temperror where a key could not be had."""
    try:
        last = chain[-1].signature
        if body[last.relaxed_body, last.length] != last.body_hash:
            return FAIL
        public = keys(last.key_name, last.algorithm).public
        if not dkimcheck.is_valid(public, last.value, dkimcheck.signed_header(fields, last)):
            return FAIL
        return PASS if all(_is_sealed(fields, chain[:count], keys) for count in range(len(chain), 0, -1)) else FAIL
    except Unusable as why:
        return dkimcheck.TEMPERROR if why.result == dkimcheck.TEMPERROR else FAIL


def added(raw: bytes, signer: dkim.Signer, *, results: bytes, status: str, at: int) -> bytes:
    """One more set for a message that is passed on, to be put before it (5.1). `results`: what we found, as in Authentication-Results.

    `status` is what became of the chain on its way in. Empty where nothing may be added: the chain is full, has ended with a failure
    that somebody has sealed already, or nobody knows whether it holds.
    """
    known = dkimcheck.fields(raw.partition(b"\r\n\r\n")[0] + b"\r\n")
    try:
        last, has_ended = _end(known)
        chain = sets(known) if status in (NONE, PASS) else []
    except Unusable:
        return b""
    if last >= MOST_SETS or has_ended or (status == NONE) != (last == 0) or status not in (NONE, PASS, FAIL):
        return b""
    number = f"i={last + 1}"
    told = b"ARC-Authentication-Results: " + number.encode() + b"; " + results + b"\r\n"
    (message,) = dkim.fields(told + raw, [signer], at=at, name=b"ARC-Message-Signature", lead=number, more=(b"dkim-signature",))
    before = [known[index] for one in chain for index in (one.results, one.message, one.seal)]  # none of a chain that has failed (5.1.2)
    covered = b"".join(dkimcheck.relaxed(one) for one in (*before, *dkimcheck.fields(told + message)))
    where = f"d={signer.domain}; s={signer.selector};\r\n\tb="
    value = f" {number}; a={signer.algorithm}-sha256; t={at}; cv={status};\r\n\t{where}".encode()
    return dkim.signed(b"ARC-Seal", value, signer, covered) + message + told


def _end(fields: Sequence[Field]) -> tuple[int, bool]:
    """(the highest instance, has somebody sealed that the chain is broken?). Raises Unusable."""
    numbered = [(_instance(value), name.lower(), value) for name, value in fields if name.lower() in (_RESULTS, _MESSAGE, _SEAL)]
    words = [dkimcheck.tags(value).get("cv", b"").lower() for _, name, value in numbered if name == _SEAL]
    return max((number for number, _, _ in numbered), default=0), b"fail" in words


def _instance(value: bytes) -> int:
    """i= of a field; of the results it comes first, before the authserv-id."""
    first = next((one for one in value.split(b";") if one.strip().startswith(b"i")), b"")
    number = first.partition(b"=")[2].strip()
    if not number.isdigit() or not 1 <= len(number) <= 2:
        raise Unusable(FAIL)
    return int(number)


def _set(fields: Sequence[Field], results: int, message: int, seal: int, *, is_first: bool) -> Set:
    signature = dkimcheck.message_signature(message, dkimcheck.tags(fields[message][1]))
    given = dkimcheck.tags(fields[seal][1])
    wanted = b"none" if is_first else b"pass"
    if not {"a", "b", "cv", "d", "s"} <= set(given) or "h" in given or given["cv"].lower() != wanted:
        raise Unusable(FAIL)
    if _SEAL in signature.signed:  # 4.1.2
        raise Unusable(FAIL)
    return Set(results, message, seal, signature, given)


def _is_sealed(fields: Sequence[Field], chain: Sequence[Set], keys: Keys) -> bool:
    """The seal of the last of these sets covers them all (5.1.1)."""
    data = b"".join(dkimcheck.relaxed(fields[index]) for one in chain[:-1] for index in (one.results, one.message, one.seal))
    last = chain[-1]
    name, value = fields[last.seal]
    data += dkimcheck.relaxed(fields[last.results]) + dkimcheck.relaxed(fields[last.message])
    data += dkimcheck.relaxed((name, dkimcheck.without_value(value))).removesuffix(b"\r\n")
    return dkimcheck.is_valid(keys(*last.seal_key).public, dkimcheck.octets(last.seal_tags["b"]), data)
