"""A receipt opens what hangs on one contract, and nothing that belongs to anybody else (C-4.1, C-6.2a)."""

import pytest

from stadtmail.people import queries
from stadtmail.people.actions import contracts
from stadtmail.rights.receipts import receipt
from tests.people.people import order


def test_c41_a_receipt_opens_every_unit_of_the_contract_and_names_nobody(ahaus, musterstadt, now) -> None:
    contract = order(ahaus, now, voluntary={"nickname": "Änne"})
    order(ahaus, now, localpart="ben.n")
    contracts.cancel(contract, ends_at=now, now=now)
    paper = receipt(ahaus, contract.id, now=now)
    assert {one["id"] for one in paper["units"]} == {str(unit.id) for unit in queries.units_of(ahaus, contract)}
    assert {one["category"] for one in paper["units"]} == {"BD", "BD-ID", "BD-CRED", "BD-OPT", "CONS", "COLL", "TOMB"}
    for canary in ("Kanarien", "anna", "Marktstra", str(contract.person_id)):
        assert canary not in str(paper)
    with pytest.raises(queries.NoSuchContract):
        receipt(musterstadt, contract.id, now=now)
