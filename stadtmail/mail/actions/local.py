"""Mail from this instance to its own mailboxes: sealed like what the SMTP door takes in, placed in the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime

from stadtmail.mail import envelope, sealing
from stadtmail.mail.actions import delivery


def sealed(raw: bytes, targets: Sequence[sealing.Target], *, sender: str, now: datetime) -> list[sealing.Sealed]:
    """Seal a message once for each mailbox. Call outside of any transaction; `storing.place` puts them there."""
    whole = f"Return-Path: <{sender}>\r\n".encode() + raw
    plain = envelope.packed(envelope.summary(whole, now=now))
    made: list[sealing.Sealed] = []
    try:
        for target in {one.mailbox: one for one in targets}.values():
            made.append(sealing.sealed(whole, target, plain, now=now))
    except OSError:
        delivery.forget_blobs(made)
        raise
    return made
