"""Which connections began with a credential: known while they last, ended together, and never about before."""

from datetime import timedelta
from uuid import uuid4

import pytest

from stadtmail.usage import connections, limits, sessions, volatile

SECOND = timedelta(seconds=1)


def test_only_what_began_with_it_ends(ahaus, now) -> None:
    anna, phone, laptop = uuid4(), uuid4(), uuid4()
    begun = [connections.begin("imap", peer="", tenant=ahaus.pk, person=anna, via=via, now=now) for via in (phone, phone, laptop, None)]
    assert connections.of_credential(ahaus.pk, phone, now) == 2
    before = connections.endings()
    assert connections.end_credential(ahaus.pk, phone) == 2
    assert connections.endings() != before
    assert [one.beat(now + SECOND) for one in begun] == [False, False, True, True]
    assert connections.of_credential(ahaus.pk, phone, now) == 0
    sessions.end_person(ahaus.pk, anna)
    assert not any(one.beat(now + SECOND) for one in begun)


def test_in_use_ends_with_the_lease(ahaus, now) -> None:
    phone = uuid4()
    connections.begin("submission", peer="", tenant=ahaus.pk, person=uuid4(), via=phone, now=now)
    assert connections.of_credential(ahaus.pk, phone, now + 29 * SECOND) == 1
    assert connections.of_credential(ahaus.pk, phone, now + 30 * SECOND) == 0


def test_law5_another_city_ends_and_sees_nothing(ahaus, musterstadt, now) -> None:
    phone = uuid4()
    one = connections.begin("imap", peer="", tenant=ahaus.pk, person=uuid4(), via=phone, now=now)
    assert connections.of_credential(musterstadt.pk, phone, now) == 0
    assert connections.end_credential(musterstadt.pk, phone) == 0
    assert one.beat(now + SECOND)


def test_no_credential_lies_in_the_folder(ahaus, now, ram) -> None:
    phone = uuid4()
    connections.begin("imap", peer="192.0.2.7", tenant=ahaus.pk, person=uuid4(), via=phone, now=now)
    lain = ram()
    assert phone.bytes not in lain
    assert phone.hex.encode() not in lain
    assert str(phone).encode() not in lain


def test_what_an_older_program_left_in_ram_is_dropped(now) -> None:
    from stadtmail.usage import folder

    volatile.put("start", b"x", b"y", until=now + SECOND)
    volatile.close()
    import sqlite3

    with sqlite3.connect(folder.current() / "volatile.sqlite3") as db:
        db.executescript("DROP TABLE entry; CREATE TABLE entry (space TEXT, key BLOB, value BLOB, until INTEGER, person BLOB)")
        db.execute("PRAGMA user_version = 0")
    db.close()
    assert volatile.get("start", b"x", now) is None
    volatile.put("start", b"x", b"y", until=now + SECOND, via=b"z")
    assert volatile.get("start", b"x", now) == b"y"


@pytest.mark.parametrize("count", [1, 3])
def test_a_limit_counts_several_at_once_in_an_hour_and_a_day(now, count) -> None:
    def ask(at) -> bool:
        return limits.allow("sent", "anna", limit=4 * count, per_seconds=86_400, within=[(2 * count, 3_600)], now=at, count=count)

    hour = timedelta(hours=1)
    assert [ask(now), ask(now), ask(now)] == [True, True, False]
    assert [ask(now + hour), ask(now + hour), ask(now + hour)] == [True, True, False]
    assert not ask(now + 3 * hour)  # the day is full
    assert ask(now + 24 * hour)
