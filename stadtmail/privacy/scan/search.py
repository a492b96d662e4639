"""Finding forms of tokens in bytes: as they lie, and inside compressed members that lie in them."""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

from stadtmail.privacy.scan.tokens import Form

_MEMBER = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
INFLATED_BYTES = 8 * 1024 * 1024  # a member that grows beyond is searched so far


class Search:
    """The forms of several tokens, looked for together."""

    def __init__(self, wanted: Mapping[str, Sequence[Form]]) -> None:
        self._exact = [(token, form) for token, forms in wanted.items() for form in forms if not form.folded]
        self._folded = [(token, form) for token, forms in wanted.items() for form in forms if form.folded]

    def within(self, data: bytes, *, members: bool = True) -> Iterator[tuple[str, str]]:
        """(token, name of the form) for each form that occurs in `data`, or in a compressed member of it."""
        yield from ((token, form.name) for token, form in self._exact if form.raw in data)
        lower = data.lower()
        yield from ((token, form.name) for token, form in self._folded if form.raw in lower)
        if members:
            for inflated in _members(data):
                yield from ((token, f"{name}, compressed") for token, name in self.within(inflated, members=False))


def _members(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)  # ciphertext looks like the beginning of a member everywhere: nothing is copied to try it
    for match in _MEMBER.finditer(data):
        kind = zlib.MAX_WBITS | (16 if match[0][0] == 0x1F else 0)
        inflater = zlib.decompressobj(kind)
        try:
            plain = inflater.decompress(view[match.start() : match.start() + INFLATED_BYTES], INFLATED_BYTES)
        except zlib.error:
            continue
        if plain:
            yield plain
