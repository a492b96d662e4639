"""A resident's mailbox has got another pair: messages move to it, then the old pair's unit goes by the one path.

Only record keys are wrapped anew, in portions; bodies stay as they are. Repeated by the work role until it is done (`finish_all`).
What a hold keeps stays under its old pair until the hold ends.
"""

import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors, log, store
from stadtmail.mail import sealing, wraps
from stadtmail.mail.actions import indexing
from stadtmail.mail.index import files
from stadtmail.mail.models import Mailbox, MailboxKey, Message
from stadtmail.privacy import erasure, holds, units
from stadtmail.privacy.models import ERASING
from stadtmail.vault import boxes
from stadtmail.vault.seal import Unreadable

PORTION = 200
ROUND = 5.0  # seconds of one mailbox in a round of the work role
Step = Callable[[int], None]


def finish(mailbox: UUID, *, now: datetime, halves: wraps.Halves | None = None, seconds: float, step: Step = lambda _: None) -> bool:
    """Move for so long, then erase what is empty. True: nothing is left to do. `halves`: record keys are folded, which opens faster."""
    until, is_done = time.monotonic() + seconds, True
    new = MailboxKey.objects.filter(mailbox=mailbox, current=True).exclude(unit__state=ERASING).select_related("mailbox").first()
    for old in _left(mailbox):
        if new is None or holds.standing([old.unit_id], now=now) or not _move(old, new, halves or {}, until):
            is_done = False
            continue
        files.remove([new.unit_id])  # it was made while messages came: the next look makes it whole
        with store.writing():
            indexing.note([new.unit_id])
        step(3)
        is_done &= _erase(old, now)
        step(4)
    return is_done


def finish_all(now: datetime) -> int:
    """Go on with every mailbox at which a request or a crash left something over. Returns how many are done."""
    rows = MailboxKey.objects.filter(current=False, mailbox__role="").exclude(unit__state=ERASING)
    return sum(finish(mailbox, now=now, seconds=ROUND) for mailbox in rows.order_by().values_list("mailbox", flat=True).distinct())


def _left(mailbox: UUID) -> list[MailboxKey]:
    rows = MailboxKey.objects.filter(mailbox=mailbox, mailbox__role="", current=False).exclude(unit__state=ERASING)
    return list(rows.select_related("unit__tenant"))


def _move(old: MailboxKey, new: MailboxKey, halves: wraps.Halves, until: float) -> bool:
    """Wrap the record keys under the old pair for the new one. True: all that open have been. Of a sealed pair none is: it was given up."""
    if old.private is None:
        return True
    try:
        mover = _Mover(new.mailbox, old, new, halves)
    except units.Gone:
        return False
    last = UUID(int=0)
    while rows := list(Message.objects.filter(pair=old, id__gt=last).order_by("id").values_list("id", "record_key")[:PORTION]):
        if time.monotonic() > until:
            return False
        moved = [(box, new.unit_id, message, old.unit_id) for message, key in rows if (box := mover.moved(message, bytes(key)))]
        with store.writing():
            store.change("UPDATE mail_message SET record_key = %s, pair_id = %s WHERE id = %s AND pair_id = %s", moved)
        last = rows[-1][0]
    return True


class _Mover:
    def __init__(self, box: Mailbox, old: MailboxKey, new: MailboxKey, halves: wraps.Halves) -> None:
        self._where = {"tenant": box.tenant_id, "mailbox": box.id, "role": box.role}
        assert old.private is not None
        self._old = sealing.Private(units.unseal(old.unit, "private", old.private))
        self._new = sealing.Private(halves[new.unit_id]) if new.unit_id in halves else None
        self._public = bytes(new.public)

    def moved(self, message: UUID, key: bytes) -> bytes | None:
        """The record key for the new pair; None for one that is damaged: it goes with its pair."""
        try:
            record = sealing.record(self._old, key, message=message, **self._where)  # type: ignore[arg-type]
        except Unreadable:
            return None
        if self._new is not None:
            return sealing.folded(self._new, record.key, message=message, **self._where)  # type: ignore[arg-type]
        return boxes.seal_to(self._public, record.key, context=sealing.context(self._where["tenant"], self._where["mailbox"], message))  # type: ignore[arg-type]


def _erase(old: MailboxKey, now: datetime) -> bool:
    try:
        return erasure.erase([old.unit_id], tenant=old.unit.tenant, now=now, cause="withdrawn").erased == 1
    except errors.TryLater as error:  # claimed: recovery and sweep bring it to its end
        log.event("erasure_repeated", error=type(error).__name__)
        return False
