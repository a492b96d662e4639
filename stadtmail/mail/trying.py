"""Which of the last messages a rule would have been for: asked in memory, of the newest in the inbox, and kept nowhere."""

from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from stadtmail.kit import clock
from stadtmail.mail import queries, rulewriting
from stadtmail.mail.queries import MessageRow, NoSuchMessage, Opened
from stadtmail.mail.rulewriting import Rule
from stadtmail.wire import sievecheck, sieverun
from stadtmail.wire.sievemail import Raw

MOST, SECONDS = 50, 2.0
MOST_BYTES = 1024 * 1024  # of each message
INBOX = 1


class _World:
    """What a test may ask about besides the message: the conditions of the form ask nothing."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def has_folder(self, name: str) -> bool:  # noqa: ARG002
        """None."""
        return False

    def has_use(self, name: str, use: str) -> bool:  # noqa: ARG002
        """None."""
        return False

    def was_seen(self, id_: str) -> bool:  # noqa: ARG002
        """Never."""
        return False


class _Sized(Raw):
    """A message of which the begin was read, with the size of the whole."""

    def __init__(self, raw: bytes, size: int) -> None:
        super().__init__(raw)
        self._whole = size

    @property
    def size(self) -> int:
        return self._whole


def matching(o: Opened, rule: Rule, *, zone: ZoneInfo, now: datetime) -> tuple[list[MessageRow], int]:
    """(those that it would have been for, how many were looked at). Raises units.Gone, sievelex.Wrong."""
    script = sievecheck.compiled("\n".join(rulewriting.test(rule).lines))
    world, until = _World(now.astimezone(zone)), clock.monotonic() + SECONDS
    found, looked = [], 0
    for row in queries.page(o, INBOX, count=MOST):
        if clock.monotonic() > until:
            break
        raw = _begin(o, row)
        looked += 1
        if raw and not sieverun.run(script, _Sized(raw, row.size_bytes), sieverun.Envelope("", ""), world).files:
            found.append(row)
    return found, looked


def _begin(o: Opened, row: MessageRow) -> bytes:
    try:
        return b"".join(islice(queries.raw(o, INBOX, row.uid), 2))[:MOST_BYTES]
    except NoSuchMessage:  # deleted while it was looked for
        return b""

