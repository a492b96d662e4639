"""The evidence store takes nothing back, whoever asks: ORM, plain SQL, or SQL's own ways round a delete."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connections, transaction

from stadtmail.kit import store
from stadtmail.privacy import erasure
from stadtmail.privacy.evidence import append_only, log
from stadtmail.privacy.models import Commitment, Head, Leaf, LedgerEntry, Node, NoticeText, NoticeVersion, PublicKey

TABLES = [Leaf, Node, Head, Commitment, NoticeText, NoticeVersion, PublicKey, LedgerEntry]


@pytest.fixture
def evidence(ahaus, make, erase, now) -> None:
    erase(make(ahaus, 3), now, cause="deleted")


@pytest.mark.parametrize("model", TABLES)
def test_nothing_is_deleted(evidence, model) -> None:
    count = model.objects.count()
    assert count
    for attempt in (
        lambda: model.objects.all().delete(),
        lambda: model.objects.all()._raw_delete("evidence"),
        lambda: model.objects.first().delete(),
        lambda: sql(f"DELETE FROM {model._meta.db_table}"),
    ):
        with pytest.raises(DatabaseError):
            attempt()
    assert model.objects.count() == count


@pytest.mark.parametrize("model", TABLES)
def test_nothing_is_changed(evidence, model) -> None:
    before = list(model.objects.order_by("pk").values())
    for field in model._meta.concrete_fields:
        if field.name in ("step", "keys_gone_at", "done_at"):
            continue
        with pytest.raises(DatabaseError):
            sql(f'UPDATE {model._meta.db_table} SET "{field.column}" = 77')
    assert list(model.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("model", TABLES)
def test_nothing_is_replaced(evidence, model) -> None:
    """INSERT OR REPLACE deletes a row without firing the trigger of DELETE."""
    table, before = model._meta.db_table, list(model.objects.order_by("pk").values())
    named = [field.column for field in model._meta.concrete_fields]
    for left_out in ([], ["id"]):
        columns = ", ".join(f'"{column}"' for column in named if column not in left_out)
        try:
            sql(f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table}")
        except DatabaseError:
            assert model is not LedgerEntry
        else:
            assert model is LedgerEntry
    assert list(model.objects.order_by("pk").values()) == before


def test_the_ledger_goes_forward_only(evidence, now) -> None:
    entry = LedgerEntry.objects.get()
    rows = LedgerEntry.objects.filter(erasure=entry.erasure)
    for change in ({"step": 3}, {"done_at": None}, {"done_at": now + timedelta(days=1)}, {"keys_gone_at": None}, {"cause": "due"}):
        with pytest.raises(DatabaseError), transaction.atomic("evidence"):
            rows.update(**change)
    assert LedgerEntry.objects.get().step == erasure.DONE
    begun = LedgerEntry(
        erasure=uuid4(), tenant=entry.tenant, category="BD", units=b"", keys=b"", cause="due", step=erasure.CLAIM, intent_at=now
    )
    with store.writing("evidence"):
        begun.save()
        for step in range(erasure.INTENT, erasure.DONE):
            assert LedgerEntry.objects.filter(erasure=begun.erasure).update(step=step)
        assert LedgerEntry.objects.filter(erasure=begun.erasure).update(step=erasure.DONE, done_at=now)
        LedgerEntry.objects.bulk_create([begun], ignore_conflicts=True)  # whoever comes second changes nothing
    assert LedgerEntry.objects.get(erasure=begun.erasure).step == erasure.DONE


def test_what_is_new_is_taken(evidence, ahaus, make, erase, now) -> None:
    erase(make(ahaus, 1), now, cause="deleted")
    assert log.size(ahaus.id) == 2


def test_every_table_of_evidence_is_held_or_named_as_moving() -> None:
    """A new table of the evidence store has to be put on one side."""
    from django.apps import apps

    moving = {"privacy_watermark", "privacy_lived", "privacy_proof"}
    tables = {model._meta.db_table for model in apps.get_models() if getattr(model, "store", "") == "evidence"}
    assert tables == moving | set(append_only.ADDED) | {append_only.LEDGER}
    columns = {field.column for field in LedgerEntry._meta.concrete_fields}
    assert columns == {*append_only.NAMED, *append_only.ONCE, "step"}


def sql(statement: str) -> None:
    with transaction.atomic("evidence"), connections["evidence"].cursor() as cursor:
        cursor.execute(statement)
