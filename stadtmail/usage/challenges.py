"""Used challenges and codes: each is good once. A keyed hash is remembered until it would have expired anyway (C-5.9)."""

from datetime import datetime
from uuid import UUID

from stadtmail.usage import marks, volatile


def use(mark: str, *, tenant: UUID, until: datetime, now: datetime) -> bool:
    """Use a challenge that is good before `until`. True for exactly one caller, however many processes try at once."""
    if now >= until:  # from then on nothing remembers that it was used
        return False
    return volatile.add("challenge", marks.of_challenge(tenant, mark), b"", until=until, now=now)


def use_code(mark: str, *, tenant: UUID, until: datetime, now: datetime) -> bool:
    """The same for what proves a second factor: a code of an app, the challenge of a passkey, a step of a log-in."""
    if now >= until:
        return False
    return volatile.add("proof", marks.of_challenge(tenant, mark), b"", until=until, now=now)
