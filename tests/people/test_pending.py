"""Waiting orders: reserved, opened by the desk on the record, accepted once, erased whatever becomes of them (C-2.3)."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connections

from stadtmail.kit import store
from stadtmail.people import queries
from stadtmail.people.actions import accesses, contracts, credentials, pending, staff
from stadtmail.people.models import Access, Order
from stadtmail.privacy import policy, sweep, units
from stadtmail.privacy.models import LedgerEntry, Unit
from tests.people.people import PASSWORD, clerk, form, order
from tests.people.traces import files_with


@pytest.fixture(params=["approval", "letter"])
def mode(request, monkeypatch) -> str:
    _set_mode(monkeypatch, request.param)
    return request.param


def _set_mode(monkeypatch, mode: str) -> None:
    current, version = policy.current, policy.version

    def waiting(found):
        return replace(found, order=replace(found.order, mode=mode))

    monkeypatch.setattr(policy, "current", lambda tenant: waiting(current(tenant)))
    monkeypatch.setattr(policy, "version", lambda tenant, number: waiting(version(tenant, number)))


def _accept(waiting, tenant, now):
    made = pending.prepare(waiting, tenant=tenant, now=now)
    with store.writing():
        pending.accepted(waiting, tenant=tenant, now=now)
        contract = contracts.conclude(made, now=now)
    pending.clear(waiting, tenant=tenant, now=now)
    return contract


def test_c23_a_forgotten_order_is_gone_after_its_period(ahaus, now, mode) -> None:
    waiting = pending.submit(form(name="Kanaria Vergessen"), tenant=ahaus, now=now)
    assert waiting.until - now < timedelta(days=15)
    sweep.run(waiting.until - timedelta(seconds=1))
    assert Order.objects.exists()
    sweep.run(waiting.until)
    assert not Order.objects.exists()
    assert not Unit.objects.exists()
    assert queries.address_state(ahaus, "anna.k") == queries.FREE


def test_c23_a_refused_order_is_erased_at_once_by_the_one_path(ahaus, now, mode) -> None:
    desk = clerk(ahaus, now)
    waiting = pending.submit(form(), tenant=ahaus, now=now)
    pending.refuse(waiting.order, tenant=ahaus, by=desk, now=now)
    assert not Order.objects.exists()
    assert LedgerEntry.objects.get(category="ORD").done_at == now
    with pytest.raises(pending.NoSuchOrder):
        pending.refuse(waiting.order, tenant=ahaus, by=desk, now=now)


def test_c22_an_order_that_waits_holds_no_password_and_no_code(ahaus, now, mode) -> None:
    given = form(password="Kanarienpasswort 9 xyz", reclaim="KANA-RIEN-CODE-2222-3333-4444-55")
    waiting = pending.submit(given, tenant=ahaus, now=now)
    row = Order.objects.select_related("unit").get()
    opened = units.text(row.unit, "form", row.form)
    for secret in ("Kanarienpasswort", "KANA", waiting.recovery_code, "password"):
        assert secret not in opened
    assert files_with("Kanarienpasswort 9 xyz") == []
    assert files_with("Kanariengelb") == []
    assert "Kanarien" not in repr(given) + repr(waiting) + repr(pending.form_of(waiting.order, tenant=ahaus, now=now))
    assert waiting.recovery_code not in repr(waiting)


def test_c23_an_accepted_order_becomes_one_contract_with_what_was_shown(ahaus, now, mode) -> None:
    waiting = pending.submit(form(voluntary={"nickname": "Änne"}), tenant=ahaus, now=now)
    contract = _accept(waiting.order, ahaus, now + timedelta(days=2))
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", PASSWORD).contract == contract
    assert bytes(contract.credentials.get().recovery) == queries.code_digest(ahaus, waiting.recovery_code)
    assert (contract.notice_version, contract.notice_digest) == (1, policy.version(ahaus, 1).digest)
    assert not Order.objects.exists()
    assert [detail.field for detail in queries.voluntary(ahaus, contract)] == ["nickname"]


def test_c23_an_order_is_accepted_once(ahaus, now, mode) -> None:
    waiting = pending.submit(form(), tenant=ahaus, now=now)
    first, second = (pending.prepare(waiting.order, tenant=ahaus, now=now) for _ in range(2))
    with store.writing():
        pending.accepted(waiting.order, tenant=ahaus, now=now)
        contracts.conclude(first, now=now)
    with pytest.raises(pending.NoSuchOrder), store.writing():
        pending.accepted(waiting.order, tenant=ahaus, now=now)
    with pytest.raises(contracts.AddressTaken), store.writing():
        contracts.conclude(second, now=now)


def test_a_waiting_order_reserves_its_address(ahaus, now, mode) -> None:
    pending.submit(form(), tenant=ahaus, now=now)
    assert queries.address_state(ahaus, "ANNA.K") == queries.TAKEN
    with pytest.raises(contracts.AddressTaken):
        pending.submit(form(name="Jemand Anders"), tenant=ahaus, now=now)
    with pytest.raises(contracts.AddressTaken):
        order(ahaus, now)


def test_two_orders_for_one_address_at_the_same_moment(ahaus, now, mode) -> None:
    got: list[str] = []

    def attempt(name: str) -> None:
        try:
            pending.submit(form(name=name), tenant=ahaus, now=now)
            got.append("waits")
        except contracts.AddressTaken:
            got.append("taken")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt, args=(f"Person {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == ["taken", "taken", "taken", "waits"]
    assert Order.objects.count() == 1


def test_law5_another_city_finds_no_order(ahaus, musterstadt, now, mode) -> None:
    waiting = pending.submit(form(), tenant=ahaus, now=now)
    stranger = clerk(musterstadt, now)
    for act in (
        lambda: pending.form_of(waiting.order, tenant=musterstadt, now=now),
        lambda: pending.refuse(waiting.order, tenant=musterstadt, by=stranger, now=now),
        lambda: staff.look_order(waiting.order, tenant=musterstadt, by=stranger, now=now),
    ):
        with pytest.raises(pending.NoSuchOrder):
            act()
    with pytest.raises(accesses.NotStaff):
        staff.look_order(waiting.order, tenant=ahaus, by=stranger, now=now)
    assert queries.waiting_orders(musterstadt) == []


def test_c24_whoever_checked_an_order_is_shown_to_the_person(ahaus, now, mode) -> None:
    desk = clerk(ahaus, now)
    waiting = pending.submit(form(), tenant=ahaus, now=now)
    seen = staff.look_order(waiting.order, tenant=ahaus, by=desk, now=now)
    assert (seen.name, seen.password) == ("Anna Kanariengelb", "")
    contract = _accept(waiting.order, ahaus, now)
    (shown,) = queries.accesses(ahaus, contract)
    assert shown == {"at": now.isoformat(), "role": "desk", "purpose": "order_check", "categories": ["ORD"]}


def test_the_code_of_a_letter_opens_its_order_and_only_the_newest_one_does(ahaus, now, monkeypatch) -> None:
    _set_mode(monkeypatch, "letter")
    desk = clerk(ahaus, now)
    waiting = pending.submit(form(), tenant=ahaus, now=now)
    lost = pending.letter_of(waiting.order, tenant=ahaus, by=desk, now=now)
    letter = pending.letter_of(waiting.order, tenant=ahaus, by=desk, now=now)
    assert letter.lines == ("Anna Kanariengelb", "Marktstraße 1", "48683 Ahaus")
    assert letter.code not in repr(letter)
    assert pending.order_of_letter(letter.code.lower().replace("-", " "), tenant=ahaus, now=now) == waiting.order
    for wrong in (lost.code, "", letter.code[:-1], waiting.recovery_code):
        with pytest.raises(pending.NoSuchOrder):
            pending.order_of_letter(wrong, tenant=ahaus, now=now)
    with pytest.raises(pending.NoSuchOrder):
        pending.order_of_letter(letter.code, tenant=ahaus, now=waiting.until)
    assert Access.objects.count() == 2
    assert files_with(letter.code) == files_with(letter.code.replace("-", "")) == []


def test_a_city_whose_orders_are_concluded_at_once_lets_none_wait(ahaus, now) -> None:
    with pytest.raises(pending.NothingWaits):
        pending.submit(form(), tenant=ahaus, now=now)


def test_k21_a_waiting_order_of_the_former_holder_gets_the_address_back(ahaus, now, mode) -> None:
    ended = contracts.cancel(order(ahaus, now), ends_at=now, now=now)
    later = now + timedelta(days=40)
    sweep.run(later)
    with pytest.raises(contracts.AddressTaken):
        pending.submit(form(), tenant=ahaus, now=later)
    waiting = pending.submit(form(reclaim=ended.reclaim_code), tenant=ahaus, now=later)
    assert _accept(waiting.order, ahaus, later).state == "active"


def test_c47_the_export_of_an_order_carries_no_check_value(ahaus, now, mode) -> None:
    from stadtmail.privacy import holdings

    waiting = pending.submit(form(), tenant=ahaus, now=now)
    (record,) = [record for holding in holdings.of_category("ORD") if holding.export for record in holding.export(waiting.order)]
    assert record["order"]["form"]["name"] == "Anna Kanariengelb"
    assert "argon2" not in str(record)
    assert set(record["order"]) == {"form", "person", "notice_version"}
