"""Nothing undeclared exists (C-1.1): a column, table or category that nobody declares stops the start."""

from dataclasses import replace

import pytest

from stadtmail.kit.holdings import Column
from stadtmail.privacy import holdings, policy


def known(tenant) -> set[str]:
    return set(policy.current(tenant).categories)


def test_c11_everything_is_declared(ahaus, musterstadt) -> None:
    assert holdings.check(known(ahaus)) == []
    assert holdings.check(known(musterstadt)) == []
    declared, all_columns = holdings.coverage()
    assert declared == all_columns > 100


def test_c11_an_undeclared_column_is_found(monkeypatch) -> None:
    table = "people.Inventory"
    held = holdings._registered[table]
    monkeypatch.setitem(holdings._registered, table, replace(held, personal={k: v for k, v in held.personal.items() if k != "phone"}))
    assert f"{table}.phone is not declared" in holdings.check()


def test_c11_an_undeclared_table_is_found(monkeypatch) -> None:
    monkeypatch.delitem(holdings._registered, "people.Payment")
    assert "people.Payment is not declared" in holdings.check()


def test_c11_a_category_without_a_rule_is_found(ahaus) -> None:
    assert holdings.check(known(ahaus) - {"BD-PAY"}) == ["category BD-PAY has no rule in the policy"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"harmless": {"unit": "", "contract": "x", "source": "x"}}, "harmless without a reason"),
        ({"purge": None}, "cannot erase it"),
        ({"personal": {"iban": Column("BD-PAY", "clear", "iban"), "holder": Column("BD-PAY", "sealed", "h")}}, "unknown form"),
        ({"personal": {"iban": Column("BD-PAY", "sealed", "iban"), "source": Column("BD-PAY", "sealed", "h")}}, "both personal and"),
    ],
)
def test_c11_a_wrong_declaration_is_found(monkeypatch, change, problem) -> None:
    table = "people.Payment"
    monkeypatch.setitem(holdings._registered, table, replace(holdings._registered[table], **change))
    assert any(problem in found for found in holdings.check())


def test_c11_a_sealed_column_must_be_bytes(monkeypatch) -> None:
    held = holdings._registered["people.Payment"]
    table = "people.Payment"
    changed = replace(held, personal={**held.personal, "source": Column("BD-PAY", "sealed", None)}, harmless={
        name: why for name, why in held.harmless.items() if name != "source"
    })
    monkeypatch.setitem(holdings._registered, table, changed)
    assert f"{table}.source must be bytes: it is sealed" in holdings.check()
