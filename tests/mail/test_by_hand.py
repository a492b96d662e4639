"""Rows that are read by hand are the models' own, value by value; and a store that is away is said to be so."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from stadtmail.kit import store
from stadtmail.mail import queries
from stadtmail.mail.models import Folder, Mailbox, Message
from stadtmail.people.models import Contract
from stadtmail.privacy import policy
from stadtmail.tenants.models import Tenant
from tests.mail.conftest import opened


def test_rows_read_by_hand_are_the_models_own(ahaus, anna, deliver, now) -> None:
    deliver(b"Subject: x\n\nWorte\n", "anna@ahaus.net")
    Contract.objects.filter(id=anna.contract).update(ends_at=now + timedelta(days=3, microseconds=5))
    for model in (Tenant, Contract, Mailbox, Folder, Message):
        for row in model.objects.all():
            (found,) = store.rows_of(model, "id = %s", [row.id])
            assert _values(found) == _values(row)


def test_they_belong_to_the_transaction_that_is_being_written(anna, now) -> None:
    ends_at = now + timedelta(days=1)
    with store.writing():
        Contract.objects.filter(id=anna.contract).update(ends_at=ends_at)
        assert store.rows_of(Contract, "id = %s", [anna.contract])[0].ends_at == ends_at


def test_a_store_that_is_away_is_told_as_django_tells_it(monkeypatch, tmp_path) -> None:
    if not store.is_near():
        pytest.skip("a file of this machine")
    from django.db import connections

    monkeypatch.setitem(connections.settings["default"], "NAME", str(tmp_path / "nothing"))
    with pytest.raises(OperationalError):
        store.select("SELECT 1", [])


def test_a_page_asks_for_no_message_of_somebody_else(ahaus, anna, ben, deliver) -> None:
    deliver(b"Subject: nur Ben\n\n", "ben@ahaus.net")
    bens = Message.objects.filter(folder__mailbox__contract=ben.contract)
    o, folder = opened(ahaus, anna), bens.order_by("-uid")[0].folder
    for number in bens.values_list("uid", flat=True):
        shown = [row.subject for row in queries.some(o, folder.number, [number])]
        assert "nur Ben" not in shown
    halves = queries.privates(o)
    ids = list(bens.values_list("id", flat=True))
    assert queries.shown(o, halves, f"message.id IN ({store.marks(ids)})", ids) == []
    assert queries.shown(o, halves, "folder.id = %s", [folder.id]) == []


def test_a_new_policy_holds_at_once(ahaus) -> None:
    before = policy.current(ahaus)
    assert policy.current(ahaus) is before  # and is not compiled anew
    from stadtmail.privacy.models import NoticeVersion

    source = before.source.replace(f"version = {before.version}".encode(), f"version = {before.version + 1}".encode(), 1)
    NoticeVersion.objects.create(tenant=ahaus.pk, version=before.version + 1, digest="f" * 64, source=source, since=before.effective_from)
    assert policy.current(ahaus).version == before.version + 1


def _values(row) -> dict[str, object]:
    found = {name: value for name, value in vars(row).items() if name != "_state"}
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in found.items()}
