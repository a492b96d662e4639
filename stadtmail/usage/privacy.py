"""What the volatile store holds: each space with its category and the form of its entries. A space that is not here cannot be used.

Nothing in it survives a start of `serve`, a power cut or the end of the use that it belongs to (C-2.4, C-4.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Space:
    """One kind of entry in the volatile store. `categories` are codes of the policy, with `store = "ram"` there."""

    categories: tuple[str, ...]  # empty: nothing about anybody
    key: str
    value: str
    ends: str  # what removes an entry at the latest


SPACES: Mapping[str, Space] = MappingProxyType(
    {
        "session": Space(
            categories=("COOK", "ND"),
            key="keyed hash of the token",
            value="who it is and how they want to see their list, sealed under a key derived from the token; kind and times also under one "
            "derived from person and start",
            ends="logout, idle or absolute limit, end of the person's sessions, start of serve",
        ),
        "connection": Space(
            categories=("ND", "VD"),
            key="random id",
            value="the UsageRecord, sealed under a key that only the process has; service and begin once more under a key of person and "
            "start; keyed references of person and credential beside it",
            ends="end of the connection, 30 seconds after its process has died, absolute limit, start of serve",
        ),
        "limit": Space(
            categories=("ND", "VD"),
            key="keyed hash of name or network, under a key of the day",
            value="moments of counted attempts",
            ends="each moment: the window of the limit, a day at most",
        ),
        "challenge": Space(
            categories=("CAPT",),
            key="keyed hash of the solved challenge",
            value="nothing",
            ends="the moment after which the challenge would not be accepted anyway",
        ),
        "recent": Space(
            categories=(), key="random id of a folder", value="a number: up to which message mail programs know it",
            ends="ten minutes after its last change, start of serve",
        ),
        "halfway": Space(
            categories=("COOK",),
            key="keyed hash of a token that the form of a log-in's second step carries",
            value="what opens the person's sealed mailbox, sealed under a key that follows from the token; keyed reference of the person",
            ends="the second step, five minutes at most, end of the person's sessions, start of serve",
        ),
        "proof": Space(
            categories=("ND",),
            key="keyed hash of a code of somebody's app, or of the challenge that a passkey answered",
            value="nothing",
            ends="the moment after which it would not be accepted anyway: five minutes at most",
        ),
        "ended": Space(categories=(), key="a closed word", value="how often entries were ended together", ends="start of serve"),
        "tally": Space(
            categories=(),
            key="a closed word, the city and the hour",
            value="a number: how often it happened there, about nobody",
            ends="a day after its hour, start of serve",
        ),
        "tls_out": Space(
            categories=(), key="a day", value="numbers by policy and result of TLS on the way out", ends="after a week, start of serve"
        ),
        "start": Space(categories=(), key="a closed word", value="random bytes", ends="start of serve; keys of a day: two days"),
    }
)

# The record of a use (C-2.5): exactly these, and tests pin them.
USAGE_RECORD = ("id", "subject_ref", "begin_at", "end_at", "tz", "ip", "service")


def categories() -> frozenset[str]:
    """All categories of which something is in RAM."""
    return frozenset(code for space in SPACES.values() for code in space.categories)
