"""Each measure of people is green on real cases and turns red when its promise is broken behind the code's back."""

from datetime import timedelta

import pytest

from stadtmail.people import proofs as own
from stadtmail.people.actions import accesses, contracts
from stadtmail.people.models import Address, Consent, Contract, Credential, Identity, Inventory, Order, Payment, Voluntary
from stadtmail.privacy import proofs, units
from stadtmail.privacy.models import Unit
from tests.people.people import clerk, order


@pytest.fixture
def measured(monkeypatch):
    """figure -> value kept, from this room's measures alone."""
    mine: list[proofs.Measure] = []
    monkeypatch.setattr(own, "register", lambda *measures: mine.extend(measures))
    own.declare()
    return lambda tenant, now: {one.figure: found for one in mine if (found := one.run(tenant, now)) is not None}


def broken(found) -> set[str]:
    return {figure for figure, one in found.items() if not one.kept}


def test_all_is_kept_in_an_empty_city_and_in_one_with_lives(ahaus, musterstadt, now, measured) -> None:
    contract = order(ahaus, now, voluntary={"nickname": "Änne"})
    clerk(ahaus, now)
    contracts.cancel(order(ahaus, now, localpart="ben.b"), ends_at=now, now=now)
    contracts.withdraw(contract, "nickname", tenant=ahaus, now=now)
    assert broken(measured(ahaus, now)) == broken(measured(musterstadt, now)) == set()
    assert {figure for figure, one in measured(ahaus, now).items() if one.value} == set()


def _break_notice(contract, now):
    Contract.objects.update(notice_digest="0" * 64)


def _break_consent(contract, now):
    Consent.objects.update(purpose="processor")


def _break_payment(contract, now):
    unit = Unit.objects.filter(category="BD").get()
    Payment.objects.create(unit=unit, contract=contract, iban=b"", holder=b"", source="order_form")


def _break_phone(contract, now):
    Inventory.objects.update(phone=b"x")


def _break_password(contract, now):
    for row in Credential.objects.select_related("unit"):
        Credential.objects.filter(unit=row.unit).update(password=units.seal(row.unit, "password", "im Klartext"))


def _break_source(contract, now):
    Identity.objects.update(source="guessed")


def _break_order(contract, now):
    unit = Unit.objects.filter(category="BD").get()
    Unit.objects.filter(id=unit.id).update(due_at=now - timedelta(hours=1))
    Order.objects.create(unit=unit, tenant=contract.tenant, form=b"", blind=b"x" * 32, state="approval")


def _break_detail(contract, now):
    Consent.objects.update(withdrawn=True)
    assert Voluntary.objects.exists()


def _break_credential(contract, now):
    Contract.objects.update(state="ended")
    Unit.objects.filter(category="BD-CRED").update(due_at=now - timedelta(hours=1))
    Address.objects.update(open=False)


def _break_address(contract, now):
    Contract.objects.update(ends_at=now - timedelta(hours=1))


@pytest.mark.parametrize(
    ("breaking", "figure"),
    [
        (_break_notice, {"contracts_without_notice"}),
        (_break_consent, {"consents_about_the_processor", "details_without_consent"}),
        (_break_payment, {"bank_details_without_need"}),
        (_break_phone, {"phones_without_need"}),
        (_break_password, {"passwords_not_argon2id"}),
        (_break_source, {"unknown_sources"}),
        (_break_order, {"orders_left_over"}),
        (_break_detail, {"details_without_consent"}),
        (_break_credential, {"credentials_after_the_end"}),
        (_break_address, {"open_addresses_after_the_end"}),
    ],
)
def test_a_broken_promise_turns_its_figure_red(ahaus, musterstadt, now, measured, breaking, figure) -> None:
    contract = order(ahaus, now, voluntary={"nickname": "Änne"})
    breaking(contract, now)
    assert broken(measured(ahaus, now)) == figure
    assert broken(measured(musterstadt, now)) == set()


def test_c47_a_purpose_that_opened_contents_would_be_seen(ahaus, now, measured, monkeypatch) -> None:
    monkeypatch.setitem(accesses.PURPOSES, "curiosity", frozenset({"INH"}))
    assert broken(measured(ahaus, now)) == {"purposes_that_open_contents"}
