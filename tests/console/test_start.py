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


def test_an_empty_or_foreign_keystore_erases_nobody_and_stops_the_start(ahaus, now) -> None:
    from stadtmail.privacy.models import Unit
    from stadtmail.vault.models import Key
    from tests.people.people import order

    order(ahaus, now)
    assert start._keystore() == []
    keys = list(Key.objects.filter(kind="unit"))
    Key.objects.filter(kind="unit").delete()
    assert "keystore lacks 3 of 3 keys" in start._keystore()[0]
    Key.objects.bulk_create(keys[1:])
    assert start._keystore() == []  # one lost key is a crash's work: its unit follows it, with a leaf
    assert Unit.objects.count() == 3


def test_what_was_erased_since_a_backup_is_accounted_for(ahaus, now) -> None:
    from stadtmail.privacy import erasure
    from stadtmail.privacy.models import Unit
    from tests.people.people import order

    order(ahaus, now)
    rows = list(Unit.objects.all())
    erasure.erase([row.id for row in rows if row.category != "BD-ID"], tenant=ahaus, now=now, cause="withdrawn")
    Unit.objects.bulk_create([row for row in rows if row.category != "BD-ID"])  # the rows come back, their keys do not
    assert start._keystore() == []


def test_what_an_older_keystore_has_lost_goes_only_by_the_operators_word(ahaus, now, monkeypatch, capsys) -> None:
    from stadtmail.doors.console import main
    from stadtmail.privacy.models import Unit
    from stadtmail.vault.models import Key
    from tests.people.people import order

    class Alone:
        def release(self) -> None:
            """Nothing is held."""

    monkeypatch.setattr(start, "settling", Alone)
    monkeypatch.setattr(main.log, "install", lambda role: None)
    order(ahaus, now)
    keys = list(Key.objects.filter(kind="unit"))
    Key.objects.filter(kind="unit").delete()
    assert main.main(["keys", "settle"]) == 1
    assert Unit.objects.count() == 3
    Key.objects.bulk_create(keys[1:])
    assert main.main(["keys", "settle"]) == 0
    assert "1 of 3 units" in capsys.readouterr().out
    assert Unit.objects.count() == 2
