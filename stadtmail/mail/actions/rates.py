"""How much one person may send: messages and recipients, an hour and a day. Counted in RAM under keyed hashes, a day at most.

So that a stolen password is of no use to a sender of spam, and a city's good name is not lost in an hour.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.usage import limits

HOUR, DAY = 3_600, 86_400
MOST_RECIPIENTS = 250  # of one message, however it is handed over


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
        ("sent", 1, rates.messages_a_day, rates.messages_an_hour),
        ("sent.to", recipients, rates.recipients_a_day, rates.recipients_an_hour),
    )
    for scope, number, a_day, an_hour in wanted:
        hour = [(an_hour, HOUR)]
        if not limits.allow(scope, str(person), limit=a_day, per_seconds=DAY, within=hour, now=now, count=number):
            raise TooOften


def is_open(person: UUID, *, rates: Rates = USUAL, now: datetime) -> bool:
    """May this person send one more message now? Nothing is counted."""
    wanted = (("sent", rates.messages_a_day, DAY), ("sent", rates.messages_an_hour, HOUR), ("sent.to", rates.recipients_a_day, DAY),
              ("sent.to", rates.recipients_an_hour, HOUR))  # fmt: skip
    return all(limits.is_open(scope, str(person), limit=most, per_seconds=seconds, now=now) for scope, most, seconds in wanted)
