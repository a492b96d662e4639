"""Units of a made-up room: rows of people.Voluntary on a contract, so that erasure has something real to erase."""

from uuid import UUID

import pytest

from stadtmail.kit import store
from stadtmail.people.models import Contract, Inventory, Person
from stadtmail.privacy import units


@pytest.fixture
def contract(ahaus) -> Contract:
    person = Person.objects.create(tenant=ahaus)
    return Contract.objects.create(
        tenant=ahaus, person=person, tariff="basis", notice_version=1, notice_digest="0" * 64, terms_version="1"
    )


@pytest.fixture
def inventory(ahaus, contract, now):
    """Make n units of category BD with a canary each; returns their ids."""

    def make(count: int = 1, canary: str = "KANARIE-7f3a9c21") -> list[UUID]:
        wanted = [units.Wanted("BD", "contract", contract.id, contract.person_id) for _ in range(count)]
        prepared = units.prepare(ahaus, wanted, now=now)
        with store.writing():
            units.save(prepared)
            Inventory.objects.bulk_create(
                [
                    Inventory(
                        unit_id=one.id, contract=contract, source="order_form", phone=None,
                        display_name=units.seal(one, "display_name", canary), salutation=units.seal(one, "salutation", "x"),
                        language=units.seal(one, "language", "de"),
                    )
                    for one in prepared
                ]
            )  # fmt: skip
        return [one.id for one in prepared]

    return make
