"""A city whose policy does not hold stays closed, its neighbours open, and its erasures go on (C-1.2)."""

from datetime import datetime

import pytest

from stadtmail.doors.console import start
from stadtmail.kit.errors import TryLater
from stadtmail.privacy.policy.findings import Finding

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def expired(monkeypatch, musterstadt):
    """Musterstadt's processing contract has expired."""
    from stadtmail.privacy.policy import published

    real = published.wrong

    def wrong(tenant, now: datetime):
        return [Finding("contract_expired", "error", "AVV 1")] if tenant.slug == "musterstadt.example" else real(tenant, now)

    monkeypatch.setattr(published, "wrong", wrong)
    return musterstadt


def test_c12_the_city_with_an_expired_contract_is_closed_and_its_neighbour_open(ahaus, expired, now, client) -> None:
    from stadtmail.mail.actions import accounts, delivery

    accounts.open_roles(ahaus, now=now)
    accounts.open_roles(expired, now=now)
    assert start._close_cities(now) == []
    assert client.get("/", headers={"host": "ahaus.localhost"}).status_code == 200
    assert client.get("/", headers={"host": "musterstadt.localhost"}).status_code == 503
    assert delivery.recipient("postmaster@ahaus.net", now=now)
    with pytest.raises(TryLater):
        delivery.recipient("postmaster@musterstadt.example", now=now)


def test_c12_a_closed_city_still_erases(expired, now) -> None:
    from stadtmail.privacy import sweep
    from stadtmail.privacy.models import Unit
    from tests.people.people import order

    contract = order(expired, now, tariff="basis")
    from stadtmail.people.actions import contracts

    contracts.cancel(contract, ends_at=now, now=now)
    start._close_cities(now)
    sweep.run(Unit.objects.get(category="BD").due_at)
    assert not Unit.objects.filter(category="BD").exists()


def test_c12_where_no_city_is_left_nothing_starts_and_a_mended_policy_opens_again(ahaus, expired, now, client, monkeypatch) -> None:
    from stadtmail.privacy.policy import published

    broken = [Finding("contract_expired", "error", "AVV 1")]
    monkeypatch.setattr(published, "wrong", lambda tenant, now: broken)
    assert len(start._close_cities(now)) == 2
    monkeypatch.setattr(published, "wrong", lambda tenant, now: [])
    assert start._close_cities(now) == []
    assert client.get("/", headers={"host": "musterstadt.localhost"}).status_code == 200


def test_c11_a_start_leaves_its_leaf_and_one_for_each_published_policy(ahaus) -> None:
    import json

    from stadtmail.privacy.evidence import log

    start._write_down()
    start._write_down()
    assert sorted(json.loads(leaf)["type"] for leaf in log.export(ahaus)["leaves"]) == ["policy_published", "start", "start"]
