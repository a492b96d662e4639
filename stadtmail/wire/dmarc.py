"""DMARC (RFC 7489): what a domain asks of mail that claims to come from it, and whether a result is aligned with it. Pure.

The organisational domain follows from the public suffix list that comes with its package: nothing is fetched.
"""

import re
from dataclasses import dataclass
from functools import cache

from publicsuffixlist import PublicSuffixList

NONE, QUARANTINE, REJECT = "none", "quarantine", "reject"
_POLICIES = (NONE, QUARANTINE, REJECT)
_PAIR = re.compile(r"\s*([A-Za-z]{1,20})\s*=\s*([^;]*?)\s*\Z")


@dataclass(frozen=True)
class Record:
    """What a domain has published: for itself, for what lies below it, and how strictly names are compared."""

    policy: str
    below: str
    percent: int
    strict_dkim: bool
    strict_spf: bool


def record(text: bytes) -> Record | None:
    """Read one TXT record; None if it is none (6.3, 6.6.3)."""
    pairs = [_PAIR.match(one) for one in text.decode("latin-1").split(";") if one.strip()]
    if not pairs or pairs[0] is None or (pairs[0][1], pairs[0][2]) != ("v", "DMARC1"):
        return None
    tags = {one[1].lower(): one[2] for one in reversed(pairs) if one is not None}
    policy = tags.get("p", "").lower()
    below = tags.get("sp", policy).lower()
    if policy not in _POLICIES or below not in _POLICIES:
        if not tags.get("rua", "").lower().startswith("mailto:"):
            return None
        policy, below = NONE, NONE  # 6.6.3: whoever wants reports has a record, if a broken one
    percent = tags.get("pct", "100")
    return Record(
        policy, below, min(int(percent), 100) if re.fullmatch(r"[0-9]{1,3}", percent) else 100,
        tags.get("adkim", "r").lower() == "s", tags.get("aspf", "r").lower() == "s",
    )  # fmt: skip


def organisation(domain: str) -> str:
    """The organisational domain (3.2): one label more than the public suffix; the domain itself where there is none."""
    name = domain.lower().rstrip(".")
    return _suffixes().privatesuffix(name) or name


def is_aligned(domain: str, with_domain: str, *, strict: bool) -> bool:
    """Does a checked domain speak for the one in From (3.1)?"""
    first, second = domain.lower().rstrip("."), with_domain.lower().rstrip(".")
    return bool(first) and (first == second or (not strict and organisation(first) == organisation(second)))


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
