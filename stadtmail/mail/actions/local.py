"""Mail from this instance to its own mailboxes: asked of their filters and sealed like what the SMTP door takes in, then placed in
the caller's transaction, so that it is there exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.mail import envelope, sealing
from stadtmail.mail.actions import delivery, outgoing


@dataclass(frozen=True)
class Copies:
    """A message for mailboxes here, before it is placed."""

    job: delivery.Job = field(repr=False)

    @property
    def refused(self) -> dict[UUID, delivery.Rejected]:
        """Mailboxes whose filter refuses it, with the words of their holders."""
        return {mailbox: answer for mailbox, answer in self.job.settled.items() if isinstance(answer, delivery.Rejected)}

    def place(self) -> dict[UUID, errors.StadtmailError]:
        """Put them there. Mailboxes that could not take it any more, with why. Call inside `store.writing()`."""
        answers = delivery.place([self.job])
        return {one.target.mailbox: answer for one, answer in zip(self.job.sealed, answers, strict=True) if answer is not None}

    def forget(self) -> None:
        """They were not placed."""
        delivery.forget_blobs(self.job.sealed)


def copies(raw: bytes, targets: Sequence[sealing.Target], *, sender: str, now: datetime, own: bool = False) -> Copies:
    """Ask each mailbox's filter and seal. What filters send out is durable when this returns. Call outside of any transaction.

    `own`: whoever it says has written it has handed it over here.
    """
    writer = delivery.Writer(enqueue=outgoing.enqueue)
    return Copies(writer.prepared(raw, targets, received=f"Return-Path: <{sender}>\r\n".encode(), now=now, own=own))


def sealed(raw: bytes, target: sealing.Target, *, now: datetime) -> sealing.Sealed:
    """Seal a report for its sender's inbox: no filter is asked whether they may know."""
    whole = b"Return-Path: <>\r\n" + raw
    return sealing.sealed(whole, target, envelope.packed(envelope.summary(whole, now=now, found=envelope.OWN)), now=now)
