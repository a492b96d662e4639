"""The measures of the room: green on a healthy store, and each turns red when its promise is broken (C-2.4, C-2.5, C-4.2)."""

from datetime import timedelta
from uuid import uuid4

import pytest

pytest.importorskip("stadtmail.privacy.proofs")

from stadtmail.usage import connections, folder, limits, proofs, sessions, volatile


@pytest.fixture
def in_use(ahaus, now):
    sessions.begin(tenant=ahaus.pk, kind="cookie", data={"address": "anna@ahaus.net"}, now=now, person=uuid4())
    limits.allow("login", "anna@ahaus.net 2001:db8:7:7::1", limit=3, per_seconds=60, now=now)
    with connections.open_connection("smtp", peer="2001:db8:7:7::1", tenant=None, person=None, now=now):
        yield


@pytest.mark.usefixtures("in_use")
def test_a_healthy_store(ahaus, now) -> None:
    measures = (proofs._without_purpose, proofs._record_fields, proofs._readable, proofs._ended, proofs._in_ram)
    found = [measure(ahaus, now) for measure in measures]
    assert [one.value for one in found] == [0, 7, 0, 0, 1]
    assert all(one.kept for one in found)


@pytest.mark.parametrize("text", [b"192.0.2.1", b"2001:db8:7:7::1", b"anna@ahaus.net"])
def test_c25_an_address_in_clear_is_found(ahaus, now, text: bytes) -> None:
    volatile.put("limit", text, b"", until=now + timedelta(seconds=9))
    assert not proofs._readable(ahaus, now).kept


def test_c42_what_has_ended_and_stays_is_found(ahaus, now) -> None:
    volatile.put("connection", b"1", b"", until=now - timedelta(minutes=15))
    volatile.put("connection", b"2", b"", until=now - timedelta(minutes=14))
    assert proofs._ended(ahaus, now).value == 1
    assert not proofs._ended(ahaus, now).kept


def test_c24_an_undeclared_kind_is_found(ahaus, now, monkeypatch) -> None:
    volatile.put("challenge", b"1", b"", until=now + timedelta(seconds=9))
    monkeypatch.setattr(proofs, "SPACES", {name: space for name, space in proofs.SPACES.items() if name != "challenge"})
    assert not proofs._without_purpose(ahaus, now).kept


def test_c42_a_store_on_a_disk_is_found(ahaus, now, monkeypatch) -> None:
    monkeypatch.setattr(folder, "is_ram", lambda path: False)
    assert proofs._in_ram(ahaus, now).kept is False
