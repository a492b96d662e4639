"""What is read out for its subject, whatever somebody wrote into a field (C-6.1)."""

import pytest

from stadtmail.people import queries
from stadtmail.privacy import holdings
from tests.people.people import order


def records(tenant, contract) -> list[dict[str, object]]:
    rows = queries.units_of(tenant, contract)
    return [dict(r) for row in rows for h in holdings.of_category(row.category) if h.export for r in h.export(row.id)]


def test_c61_an_organisation_has_no_birth_date_and_is_read_out_all_the_same(ahaus, now) -> None:
    contract = order(ahaus, now, kind="organisation", name="Heimatverein", birth_date="")
    assert [record["birth_date"] for record in records(ahaus, contract) if "birth_date" in record] == [""]


@pytest.mark.parametrize("nickname", ["{Anna}", "[A]", "{", "7"])
def test_c61_what_looks_like_a_structure_is_a_text(ahaus, now, nickname) -> None:
    contract = order(ahaus, now, voluntary={"nickname": nickname})
    assert [record["value"] for record in records(ahaus, contract) if "value" in record] == [nickname]
