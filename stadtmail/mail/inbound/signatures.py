"""The signatures of one message, DKIM's and those of a chain of ARC: read in the event loop, verified in a thread.

The body is read once, however many signatures there are. A key that could not be looked up makes a temporary error.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence

from stadtmail.mail.inbound import structure
from stadtmail.mail.verdicts import FAIL, NONE, PASS, PERMERROR, TEMPERROR
from stadtmail.wire import arc, dkimcheck
from stadtmail.wire.authres import Result
from stadtmail.wire.dkimcheck import Field, Key, Signature, Unusable

Records = dict[str, tuple[bytes, ...] | None]  # name of a key -> its TXT records, or None where nobody answered
Form = tuple[bool, int | None]  # a form of a body: relaxed?, and how much of it
Digests = dict[Form, bytes]


class Signatures:
    """The signatures of one message: read in the loop, verified in a thread."""

    def __init__(self, fields: Sequence[Field], now: int) -> None:
        self._fields = fields
        self._read: list[Signature | str] = []
        for index, (name, value) in enumerate(fields):
            if name.lower() == b"dkim-signature" and len(self._read) < dkimcheck.MOST_SIGNATURES:
                try:
                    self._read.append(dkimcheck.signature(index, value, now=now))
                except Unusable as why:
                    self._read.append(why.result)
        try:
            self._chain = arc.sets(fields)
            self._is_broken = False
        except Unusable:
            self._chain, self._is_broken = [], True

    @property
    def key_names(self) -> dict[str, None]:
        """The names of all keys that are needed, each once."""
        names = [one.key_name for one in self._read if isinstance(one, Signature)]
        for one in self._chain[-1:]:
            names.append(one.signature.key_name)
        return dict.fromkeys([*names, *(one.seal_key[0] for one in self._chain)])

    def verified(self, whole: Iterator[bytes], keys: Records) -> tuple[list[Result], tuple[Result, str]]:
        """(a result for each signature, (the chain's result, its last sealer)). Reads the body once."""
        good = [one for one in self._read if isinstance(one, Signature)] + [one.signature for one in self._chain[-1:]]
        hashes = dkimcheck.body_hashes(structure.body(whole), {(one.relaxed_body, one.length) for one in good})
        digests = {name: made.finish() for name, made in hashes.items()}
        surplus = {name for name, made in hashes.items() if made.surplus}
        results = [self._signed(one, digests, surplus, keys) for one in self._read]
        return results or [Result("dkim", NONE)], self._chained(digests, keys)

    def _signed(self, one: Signature | str, digests: Digests, surplus: set[Form], keys: Records) -> Result:
        if isinstance(one, str):
            return Result("dkim", one)
        names = (("header.d", one.domain), ("header.s", one.selector), ("header.b", _short(one.value)))
        form = one.relaxed_body, one.length
        try:
            key = _key(keys, one.key_name, one.algorithm)
            if key.is_strict and one.identity != one.domain:
                raise Unusable(PERMERROR)
        except Unusable as why:
            return Result("dkim", why.result, names)
        if digests[form] != one.body_hash:
            return Result("dkim", NONE if key.is_test else FAIL, names)
        is_valid = dkimcheck.is_valid(key.public, one.value, dkimcheck.signed_header(self._fields, one))
        if not is_valid or key.is_test:
            return Result("dkim", NONE if key.is_test else FAIL, names)
        return Result("dkim", dkimcheck.POLICY if form in surplus else PASS, names)

    def _chained(self, digests: Digests, keys: Records) -> tuple[Result, str]:
        if self._is_broken:
            return Result("arc", FAIL), ""
        if not self._chain:
            return Result("arc", NONE), ""
        result = arc.verify(self._fields, self._chain, digests, lambda name, kind: _key(keys, name, kind))
        return Result("arc", result, (("header.d", self._chain[-1].domain),)), self._chain[-1].domain if result == PASS else ""


def _key(keys: Records, name: str, algorithm: str) -> Key:
    records = keys.get(name)
    if records is None:
        raise Unusable(TEMPERROR)
    return dkimcheck.key(records, algorithm)


def _short(value: bytes) -> str:
    """Enough of a signature to tell it from others (RFC 6008)."""
    return b64encode(value)[:8].decode()
