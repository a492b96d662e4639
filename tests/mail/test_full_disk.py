"""The disk is full while somebody orders, or while mail comes in: said at once, nothing half, and it works once there is room."""

from datetime import timedelta

import pytest

from stadtmail.mail import queries
from stadtmail.mail.actions import accounts, delivery
from stadtmail.mail.models import Mailbox, Message
from stadtmail.people.models import Address, Contract, Person
from stadtmail.privacy import recovery, sweep
from stadtmail.privacy.models import Unit
from stadtmail.vault.models import Key
from tests import full_disk
from tests.mail.conftest import form, opened

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("store", "writes"), [("keys", 1), ("keys", 4), ("default", 1), ("default", 12)])
def test_c23_an_order_on_a_full_disk_leaves_nothing_and_can_be_repeated(ahaus, now, store, writes) -> None:
    def living() -> dict[str, int]:
        return {model.__name__: model.objects.count() for model in (Person, Contract, Address, Mailbox, Message, Unit, Key)}

    before = living()
    said = full_disk.run(store, writes, "tests.mail.full_disk_child", "order", now.isoformat()).stdout.split()
    assert said == ["OperationalError"]
    recovery.replay(now)
    sweep.run(now + timedelta(hours=2))  # keys that were made before their rows failed are nobody's, and go
    assert living() == before
    made = accounts.open_account(form(), tenant=ahaus, now=now)
    assert Contract.objects.get().id == made.contract


@pytest.mark.parametrize("writes", [1, 4])
def test_a_message_on_a_full_disk_is_try_later_and_comes_once_when_there_is_room(ahaus, anna, writer, now, writes) -> None:
    before = Message.objects.count()
    assert full_disk.run("default", writes, "tests.mail.full_disk_child", "deliver", now.isoformat()).stdout.split() == ["NotStored"]
    assert Message.objects.count() == before
    to = [delivery.recipient("anna@ahaus.net", now=now)]
    assert writer.submit(b"Subject: voll\r\n\r\nx", to, received=b"", now=now).result(timeout=20) == [None]
    assert Message.objects.count() == before + 1
    assert [row.uid for row in queries.page(opened(ahaus, anna), 1)] == list(range(before + 1, 0, -1))
