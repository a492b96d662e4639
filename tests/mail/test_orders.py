"""Orders that waited become accounts: by the desk, or by the code of a letter; once, and nothing of the order stays."""

from dataclasses import replace
from uuid import uuid4

import pytest

from stadtmail.mail import queries
from stadtmail.mail.actions import accounts
from stadtmail.people.actions import contracts, credentials
from stadtmail.people.models import Order
from stadtmail.privacy import policy
from stadtmail.privacy.models import Unit
from tests.mail.conftest import form, opened

accesses = pytest.importorskip("stadtmail.people.actions.accesses")
pending = pytest.importorskip("stadtmail.people.actions.pending")
staff = pytest.importorskip("stadtmail.people.actions.staff")


@pytest.fixture(params=["approval", "letter"])
def mode(request, monkeypatch, ahaus) -> str:
    rules = policy.current(ahaus)
    waits = replace(rules, order=replace(rules.order, mode=request.param))
    monkeypatch.setattr(policy, "current", lambda tenant: waits)
    return request.param


def test_a_waiting_order_becomes_an_account_once(mode, ahaus, now) -> None:
    desk = staff.appoint(ahaus, role="desk", name="Dora", login="desk@ahaus.net", password="noch ein Satz 8", now=now)
    waiting = pending.submit(form(), tenant=ahaus, now=now)
    with pytest.raises(accesses.NotStaff):
        accounts.accept_order(waiting.order, tenant=ahaus, by=str(uuid4()), now=now)
    if mode == "approval":
        accept = lambda: accounts.accept_order(waiting.order, tenant=ahaus, by=str(desk), now=now)  # noqa: E731
    else:
        code = pending.letter_of(waiting.order, tenant=ahaus, by=desk, now=now).code
        accept = lambda: accounts.open_letter(code, tenant=ahaus, now=now)  # noqa: E731
    account = accept()
    assert account.recovery_code == ""
    assert account.address == "anna@ahaus.net"
    assert "Anna Kanariengelb" in queries.message(opened(ahaus, account), 1, 1).text
    assert credentials.sign_in(ahaus, "anna@ahaus.net", "ein langer Satz 7").contract.id == account.contract
    assert not Order.objects.exists()
    assert not Unit.objects.filter(category="ORD").exists()
    with pytest.raises(pending.NoSuchOrder):
        accept()
    with pytest.raises(contracts.AddressTaken):
        accounts.open_account(form(), tenant=ahaus, now=now)


def test_a_wrong_letter_opens_nothing(ahaus, now) -> None:
    for code in ("", "AAAA-AAAA", "x" * 500):
        with pytest.raises(pending.NoSuchOrder):
            accounts.open_letter(code, tenant=ahaus, now=now)
