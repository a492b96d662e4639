"""ARC chains (RFC 8617): is what earlier servers say they have found still sealed as they said it? Pure: keys are handed in.

A chain says who vouches, not that they tell the truth: whom a city believes is its policy's question.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stadtmail.wire import dkimcheck
from stadtmail.wire.dkimcheck import Field, Key, Signature, Unusable

NONE, PASS, FAIL = "none", "pass", "fail"
MOST_SETS = 10  # RFC 8617 4.2.1 allows 50: no honest mail has passed so many
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
    if not 0 < count <= MOST_SETS or any(set(one) != set(range(1, count + 1)) for one in found.values()):
        raise Unusable(FAIL)
    return [_set(fields, found[_RESULTS][one], found[_MESSAGE][one], found[_SEAL][one], is_first=one == 1) for one in range(1, count + 1)]


def verify(fields: Sequence[Field], chain: Sequence[Set], body: Mapping[tuple[bool, int | None], bytes], keys: Keys) -> str:
    """pass or fail (5.2, 4 to 6): the youngest signature of the message, and every seal."""
    try:
        last = chain[-1].signature
        if body[last.relaxed_body, last.length] != last.body_hash:
            return FAIL
        public = keys(last.key_name, last.algorithm).public
        if not dkimcheck.is_valid(public, last.value, dkimcheck.signed_header(fields, last)):
            return FAIL
        return PASS if all(_is_sealed(fields, chain[:count], keys) for count in range(len(chain), 0, -1)) else FAIL
    except Unusable:
        return FAIL


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
