"""The delivery key of a mailbox: a unit of its own (category INH, on the contract), made when a filter is first stored.

It opens filters and their memory, and no message. It ends with the contract, like everything of its category.
"""

from datetime import datetime

from stadtmail.kit import store
from stadtmail.mail import filtering, sealing
from stadtmail.mail.actions.changing import StandardOnly
from stadtmail.mail.models import DeliveryKey, Mailbox
from stadtmail.mail.queries import Opened
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING, Unit


def ensured(o: Opened, *, now: datetime) -> DeliveryKey:
    """The delivery key of a mailbox; made if nobody was faster. Raises StandardOnly (a role's mailbox has none), units.Gone."""
    found = filtering.key_of(o.mailbox.id)
    if found is not None:
        return found
    if o.mailbox.contract_id is None or o.mailbox.unit_id is None or o.mailbox.unit is None:
        raise StandardOnly
    wanted = units.Wanted(sealing.RESIDENT, "contract", o.mailbox.contract_id, o.mailbox.unit.subject)
    (unit,) = units.prepare(o.mailbox.tenant, [wanted], now=now)
    with store.writing():
        own = store.locked(Unit.objects.filter(id=o.mailbox.unit_id).exclude(state=ERASING)).first()
        if own is None or not Mailbox.objects.filter(id=o.mailbox.id).exists():
            raise units.Gone
        if not DeliveryKey.objects.filter(mailbox=o.mailbox).exists():  # else the new key stays without a row: the sweep destroys it
            units.save([unit])
            DeliveryKey.objects.create(unit_id=unit.id, mailbox=o.mailbox)
    found = filtering.key_of(o.mailbox.id)
    if found is None:
        raise units.Gone
    return found


def locked(key: DeliveryKey, o: Opened) -> None:
    """Nobody else changes filters of the mailbox until the end of the transaction. Raises units.Gone where they are being erased."""
    if store.locked(Unit.objects.filter(id=key.unit_id).exclude(state=ERASING)).first() is None:
        raise units.Gone
    if store.locked(Mailbox.objects.filter(id=o.mailbox.id)).first() is None:
        raise units.Gone
