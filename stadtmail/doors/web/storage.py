"""How full a mailbox is, and from when on its holder is told: at 80, at 95 and at 100 percent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stadtmail.mail import queries

if TYPE_CHECKING:
    from stadtmail.mail.models import Mailbox

STEPS = ((100, "full"), (95, "nearly"), (80, "high"))


@dataclass(frozen=True)
class Storage:
    """What a mailbox holds and may hold. `step` is the last step that it has reached: "", high, nearly, full."""

    used: int
    quota: int

    @property
    def percent(self) -> int:
        """Whole percent, rounded down; more than 100 where a tariff became smaller."""
        return self.used * 100 // self.quota if self.quota else 0

    @property
    def free(self) -> int:
        """Bytes that still fit."""
        return max(0, self.quota - self.used)

    @property
    def step(self) -> str:
        """The last step that has been reached."""
        return next((name for least, name in STEPS if self.quota and self.percent >= least), "")

    @property
    def high(self) -> int:
        """From how many bytes on the bar warns."""
        return self.quota * 80 // 100


def of(mailbox: "Mailbox") -> Storage:
    """How full the mailbox is at this moment."""
    return Storage(*queries.used(mailbox))
