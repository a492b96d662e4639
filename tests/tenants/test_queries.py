"""Which city answers: by host name, on the bare address, by mail domain; a stranger's name is no city."""

import pytest

from stadtmail.kit.errors import Conflict, NotAllowed
from stadtmail.privacy.policy import actions
from stadtmail.tenants import queries
from stadtmail.tenants.models import Tenant


@pytest.mark.parametrize("host", ["ahaus.localhost", "AHAUS.localhost.", "127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"])
def test_city_of_host_finds_first_city_by_name_and_on_the_bare_address(ahaus, musterstadt, host):
    assert queries.city_of_host(host) == ahaus


def test_second_city_answers_on_its_own_name_only(ahaus, musterstadt):
    assert queries.city_of_host("musterstadt.localhost") == musterstadt
    assert queries.hosts_of(musterstadt) == ["musterstadt.localhost"]


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "", "ahaus.localhost.example.org", "ahaus.localhost:8000"])
def test_city_of_host_does_not_know_strangers(ahaus, host):
    with pytest.raises(queries.NoSuchCity):
        queries.city_of_host(host)


def test_every_address_of_the_machine_is_bare_when_it_listens_on_all(ahaus, monkeypatch):
    monkeypatch.setenv("STADTMAIL_HOST", "0.0.0.0")
    assert queries.city_of_host("192.0.2.1") == ahaus


def test_city_of_domain_and_city(ahaus, musterstadt):
    assert queries.city_of_domain("Ahaus.NET") == ahaus
    assert queries.city(musterstadt.pk) == musterstadt
    assert queries.cities() == [ahaus, musterstadt]
    with pytest.raises(queries.NoSuchCity):
        queries.city_of_domain("example.org")


def test_a_city_opens_once(ahaus, now):
    with pytest.raises(Conflict):
        actions.open_city(slug="ahaus.net", domain="ahaus.net", hosts=["other.localhost"], now=now)
    assert Tenant.objects.count() == 1


def test_a_city_without_policy_does_not_open_and_leaves_nothing(now):  # C-1.1
    with pytest.raises(NotAllowed):
        actions.open_city(slug="nowhere.example", domain="nowhere.example", hosts=["nowhere.localhost"], now=now)
    assert not Tenant.objects.exists()


def test_str_is_kind_and_key(ahaus):
    assert str(ahaus) == f"tenant {ahaus.pk}"
