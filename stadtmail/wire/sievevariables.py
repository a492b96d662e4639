"""Variables of Sieve (RFC 5229): their values, what matched last, and the modifiers of `set`. Everything is cut at a length."""

import re
from collections.abc import Mapping

from stadtmail.wire import sievematch

MOST_VALUE = 8_000  # signs
MOST_VARIABLES = 512
MOST_TEXT = 64_000
MOST_MATCHED = 100
_PLACE = re.compile(r"\$\{(?:([A-Za-z_][A-Za-z0-9_]{0,63})|0{0,5}([0-9]{1,3}))\}")


class Variables:
    """What a script has set and matched so far."""

    def __init__(self) -> None:
        self.matched: list[str] = []
        self._values: dict[str, str] = {}

    def value(self, name: str) -> str:
        """Of a variable; empty where it was never set. Case does not matter."""
        return self._values.get(name.lower(), "")

    def set(self, name: str, value: str) -> None:
        """Give a variable a value. One more than there may be is not set."""
        key = name.lower()
        if key in self._values or len(self._values) < MOST_VARIABLES:
            self._values[key] = value[:MOST_VALUE]

    def expanded(self, text: str) -> str:
        """${name} and ${1} replaced, once (3)."""
        pieces, at, length = [], 0, 0
        for found in _PLACE.finditer(text):
            value = self.value(found[1]) if found[1] else self._match(int(found[2]))
            pieces += [text[at : found.start()], value]
            length += len(value)
            at = found.end()
            if length > MOST_TEXT:
                break
        return "".join([*pieces, text[at:]])[:MOST_TEXT]

    def _match(self, number: int) -> str:
        return self.matched[number] if number < min(len(self.matched), MOST_MATCHED) else ""


def modified(value: str, tags: Mapping[str, object]) -> str:
    """The modifiers in their order of precedence (4.1)."""
    case, first = tags.get("case"), tags.get("first")
    if case:
        value = value.lower() if case == "lower" else value.upper()
    if first:
        value = (value[:1].lower() if first == "lowerfirst" else value[:1].upper()) + value[1:]
    if "quote" in tags:
        value = sievematch.quoted(value)
    return str(len(value)) if "length" in tags else value
