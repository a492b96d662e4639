"""IMAP flags as Sieve keeps them (RFC 5232): lists without doubles, in which case does not matter. What is no flag is left out."""

import re
from collections.abc import Callable, Iterable

Flags = tuple[str, ...]
Change = Callable[[Flags, Flags], Flags]
MOST_FLAGS = 64
_SYSTEM = {name.lower(): name for name in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")}
_KEYWORD = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]{1,100}\Z")


def listed(texts: Iterable[str]) -> Flags:
    """The flags in these texts; several may stand in one, parted by blanks."""
    found: dict[str, str] = {}
    for text in texts:
        for word in text.split():
            name = _SYSTEM.get(word.lower()) or (word if _KEYWORD.match(word) else "")
            if name and len(found) < MOST_FLAGS:
                found.setdefault(name.lower(), name)
    return tuple(found.values())


def added(old: Flags, new: Flags) -> Flags:
    """Both."""
    return listed([*old, *new])


def removed(old: Flags, new: Flags) -> Flags:
    """The old ones that are not among the new ones."""
    gone = {flag.lower() for flag in new}
    return tuple(flag for flag in old if flag.lower() not in gone)
