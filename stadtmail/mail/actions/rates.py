"""How much one person may send: messages and recipients, an hour and a day. Counted in RAM under keyed hashes, a day at most.

So that a stolen password is of no use to a sender of spam, and a city's good name is not lost in an hour.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.usage import limits

HOUR, DAY = 3_600, 86_400


@dataclass(frozen=True)
class Rates:
    """What one person may send."""

    messages_an_hour: int = 200
    messages_a_day: int = 1_000
    recipients_an_hour: int = 500
    recipients_a_day: int = 2_000


USUAL = Rates()


class TooOften(errors.OverQuota):
    """More messages or recipients than one person may send in an hour or a day."""


def count(person: UUID, recipients: int, *, rates: Rates, now: datetime) -> None:
    """Count a message to so many recipients. Raises TooOften."""
    wanted = (
        ("sent.hour", rates.messages_an_hour, HOUR, 1),
        ("sent.day", rates.messages_a_day, DAY, 1),
        ("sent.to.hour", rates.recipients_an_hour, HOUR, recipients),
        ("sent.to.day", rates.recipients_a_day, DAY, recipients),
    )
    for scope, limit, seconds, number in wanted:
        if not limits.allow(scope, str(person), limit=limit, per_seconds=seconds, now=now, count=number):
            raise TooOften
