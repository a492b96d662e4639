"""Reports to senders: bounces, delays, confirmations. Never a report about a report, and none to whom nobody has proved to be (law 2).

A sender on this instance gets it into their mailbox in the transaction that ends the attempt; a sender elsewhere through the queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from stadtmail.kit import errors
from stadtmail.mail import sealing, transit
from stadtmail.mail.actions import delivery, local, outgoing, storing
from stadtmail.mail.outbound import bounds
from stadtmail.mail.transit import To
from stadtmail.tenants.models import Tenant
from stadtmail.wire import dsn

WORDS = {dsn.FAILED: transit.FAILURE, dsn.DELAYED: transit.DELAY, dsn.DELIVERED: transit.SUCCESS, dsn.RELAYED: transit.SUCCESS}


@dataclass(frozen=True, repr=False)
class Made:
    """A report that is sealed and not placed yet: for a mailbox here, or as a message in transit; or nothing at all."""

    here: list[sealing.Sealed] = field(default_factory=list)
    away: list[outgoing.Prepared] = field(default_factory=list)
    waits: bool = False  # the sender's mailbox is full or their city closed: it is tried again

    def place(self) -> bool:
        """Write it. Call inside `store.writing()`. False: the mailbox is full and it has to be tried again."""
        outgoing.save(self.away)
        answers = storing.place(self.here) if self.here else []
        return not self.waits and not any(isinstance(answer, errors.OverQuota) for answer in answers)

    def forget(self) -> None:
        """It was not written."""
        outgoing.forget(self.away)
        delivery.forget_blobs(self.here)


def made(
    tenant: Tenant, action: str, recipients: Sequence[To], of: transit.Envelope, original: bytes, *, now: datetime,
    until: datetime | None = None,
) -> Made:  # fmt: skip
    """Write a report about those of the recipients whose sender wants it. Call outside of any transaction."""
    wanted = [one for one in recipients if one.wants(WORDS[action])]
    if not of.sender or not wanted:
        return Made()
    outcomes = [dsn.Outcome(one.address, one.status, one.text, one.server, one.orcpt) for one in wanted]
    report = dsn.Report(action, outcomes, of.sender, tenant.domain, of.accepted_at, now, str(uuid4()), of.envid, until)
    raw = dsn.written(report, original, full=of.ret == "FULL" and action == dsn.FAILED)
    if not bounds.is_own(of.sender.rpartition("@")[2]):
        return Made(away=[outgoing.prepare(tenant, sender="", recipients=[To(of.sender)], raw=raw, now=now, sign=True)])
    try:
        to = delivery.recipient(of.sender, now=now)
    except (errors.OverQuota, errors.TryLater):
        return Made(waits=True)
    except (errors.NotFound, errors.NotAllowed):  # nobody is there any more whom one could tell
        return Made()
    return Made(here=[local.sealed(raw, to, now=now)])
