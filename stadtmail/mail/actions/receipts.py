"""A person answers the request for a notice that a message was shown (RFC 8098): yes or no, once, and never by itself.

That it was answered is a keyword of the message ($MDNSent, RFC 3503), so no mail program asks again; how, is kept nowhere.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from stadtmail.kit import errors, store
from stadtmail.mail import queries
from stadtmail.mail.actions import changing, sending
from stadtmail.mail.leaving import NoReceipts
from stadtmail.mail.models import Folder, Mailbox, Message
from stadtmail.mail.queries import NoSuchMessage, Opened
from stadtmail.mail.transit import NEVER, To
from stadtmail.privacy import units
from stadtmail.wire import mdn

MARK = "$MDNSent"


class Answered(errors.Conflict):
    """Somebody, here or in a mail program, has answered already: there is one answer."""


def is_answered(o: Opened, bits: int) -> bool:
    """Does a message with these flags have its answer?"""
    return any(bits >> bit & 1 for bit, name in queries.keywords(o).items() if name.lower() == MARK.lower())


def is_off(o: Opened) -> bool:
    """Does the holder never want to be asked?"""
    return bool(store.select("SELECT 1 FROM mail_noreceipts WHERE unit_id = %s", [o.mailbox.unit_id])) if o.mailbox.unit_id else False


def never_ask(o: Opened, *, never: bool) -> None:
    """Never ask the holder again, or ask them from now on. Idempotent. Raises units.Gone."""
    with store.writing():
        box = store.locked(Mailbox.objects.filter(id=o.mailbox.id)).select_related("unit").first()
        if not isinstance(box, Mailbox) or box.unit is None:
            raise units.Gone
        if never:
            NoReceipts.objects.get_or_create(unit=box.unit)
        else:
            NoReceipts.objects.filter(unit=box.unit)._raw_delete("default")


def refuse(o: Opened, folder: int, uid: int, *, now: datetime) -> None:
    """Nothing is sent. Raises Answered, NoSuchMessage, changing.TooManyKeywords."""
    bit = changing.keyword_bits(o, [MARK], now=now)
    with store.writing():
        _mark(o, folder, uid, bit)


def send(o: Opened, folder: int, uid: int, notice: mdn.Notice, *, now: datetime) -> None:
    """Send the notice; in its transaction the message is marked. From the null path, so that nobody answers it (RFC 8098 3).

    Raises Answered, NoSuchMessage, changing.TooManyKeywords, and what `sending.send` raises.
    """
    contract = o.mailbox.contract_id
    assert contract is not None
    bit = changing.keyword_bits(o, [MARK], now=now)
    if _flags(o, folder, uid)[2] & bit:
        raise Answered
    raw = mdn.written(replace(notice, ident=str(uuid4()), now=now))
    sending.send(
        o.mailbox.tenant, contract=contract, sender=notice.recipient, recipients=[To(notice.to, (NEVER,))], raw=raw, now=now,
        utf8=not f"{notice.recipient}{notice.to}".isascii(), is_silent=True, along=lambda: _mark(o, folder, uid, bit),
    )  # fmt: skip


def _mark(o: Opened, folder: int, uid: int, bit: int) -> None:
    """Note the answer. Call inside `store.writing()`."""
    place = changing.locked(o, _flags(o, folder, uid)[0])
    _, message, flags = _flags(o, folder, uid)
    if flags & bit:
        raise Answered
    Folder.objects.filter(id=place.id).update(modseq=place.modseq + 1)
    Message.objects.filter(id=message).update(flags=flags | bit, modseq=place.modseq + 1)


def _flags(o: Opened, folder: int, uid: int) -> tuple[UUID, UUID, int]:
    """(folder, message, flags). Raises NoSuchMessage."""
    rows = Message.objects.filter(folder__mailbox_id=o.mailbox.id, folder__number=folder, uid=uid)
    found = rows.values_list("folder_id", "id", "flags").first()
    if found is None:
        raise NoSuchMessage
    return found
