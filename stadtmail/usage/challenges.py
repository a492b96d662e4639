"""Used challenges: each is good once. What is remembered is a keyed hash, until the challenge would have expired anyway (C-5.9)."""

from datetime import datetime
from uuid import UUID

from stadtmail.usage import marks, volatile


def use(mark: str, *, tenant: UUID, until: datetime, now: datetime) -> bool:
    """Use a challenge that is good before `until`. True for exactly one caller, however many processes try at once."""
    if now >= until:  # from then on nothing remembers that it was used
        return False
    return volatile.add("challenge", marks.of_challenge(tenant, mark), b"", until=until, now=now)
