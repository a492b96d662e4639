"""Limits and challenges: exact in every window, blind to names and addresses, one winner (K17, C-5.9)."""

import ipaddress
import multiprocessing
import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

from stadtmail.usage import challenges, jobs, limits, marks, volatile

SECOND = timedelta(seconds=1)


def allow(now, key="anna@ahaus.net", limit=3, per_seconds=600, scope="login.name") -> bool:
    return limits.allow(scope, key, limit=limit, per_seconds=per_seconds, now=now)


def test_a_limit_is_exact_in_every_window(now) -> None:
    moments = [now, now + 300 * SECOND, now + 599 * SECOND]
    assert all(allow(moment) for moment in moments)
    assert not allow(now + 599 * SECOND)
    assert allow(now + 600 * SECOND)  # the first has left the window
    assert not allow(now + 899 * SECOND)
    assert allow(now + 900 * SECOND)


def test_refused_attempts_do_not_lock_anybody_out_for_longer(now) -> None:
    assert all(allow(now) for _ in range(3))
    assert not any(allow(now + n * SECOND) for n in range(1, 600))
    assert allow(now + 600 * SECOND)


def test_scopes_and_keys_do_not_share_their_counts(now) -> None:
    assert all(allow(now) for _ in range(3))
    assert allow(now, key="ben@ahaus.net")
    assert allow(now, scope="login.net")
    assert not allow(now)


def test_midnight_is_no_way_around_a_limit() -> None:
    late = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)
    assert all(allow(late) for _ in range(3))
    assert not allow(late + 2 * SECOND)
    assert not allow(late + 599 * SECOND)
    assert allow(late + 600 * SECOND)


def test_a_limit_a_day_counts_over_midnight() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert all(allow(noon + n * SECOND, per_seconds=86_400) for n in range(3))
    assert not allow(noon + timedelta(hours=20), per_seconds=86_400)
    assert allow(noon + timedelta(hours=24), per_seconds=86_400)
    assert not allow(noon + timedelta(hours=24), per_seconds=86_400)


def test_the_key_of_a_day_is_gone_two_days_later(ahaus, now) -> None:
    allow(now)
    assert volatile.count("start", now) == 1
    volatile.sweep(datetime(2026, 11, 25, tzinfo=UTC))
    assert volatile.count("start", now) == 0
    assert marks.of_limit("a", "b", now.date(), now=now) == marks.of_limit("a", "b", now.date(), now=now)


@pytest.mark.parametrize("address", ["203.0.113.77", "2001:db8:7:7:cafe:f00d:dead:beef"])
def test_k17_neither_names_nor_addresses_are_stored(now, ram, address: str) -> None:
    canary = "canary-" + os.urandom(8).hex()
    allow(now, key=f"{canary}@ahaus.net")
    allow(now, key=limits.network(address), scope="login.net")
    allow(now, key=address, scope="login.net")
    lain = ram()
    packed = ipaddress.ip_address(address).packed
    for form in (canary, address, limits.network(address), packed.hex(), "ahaus.net", "login"):
        assert form.encode() not in lain
    if len(packed) == 16:
        assert packed[:7] not in lain


def test_a_limit_holds_over_threads(now) -> None:
    allowed: list[bool] = []
    threads = [threading.Thread(target=lambda: allowed.extend(allow(now, limit=25) for _ in range(10))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 25


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:7:7fff::1", "2001:db8:7:7f00::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("", "local"),
        ("unix", "local"),
    ],
)
def test_network(peer: str, network: str) -> None:
    assert limits.network(peer) == network


def test_c59_a_challenge_is_good_once_and_in_time(ahaus, musterstadt, now) -> None:
    until = now + timedelta(minutes=10)
    assert challenges.use("mark", tenant=ahaus.pk, until=until, now=now)
    assert not challenges.use("mark", tenant=ahaus.pk, until=until, now=now)
    assert challenges.use("mark", tenant=musterstadt.pk, until=until, now=now)
    assert not challenges.use("mark", tenant=ahaus.pk, until=until, now=until - SECOND)
    volatile.sweep(until)
    assert volatile.count("challenge", now) == 0
    assert not challenges.use("mark", tenant=ahaus.pk, until=until, now=until)  # forgotten, and too old to be used


def test_c59_of_many_processes_and_threads_exactly_one_uses_a_challenge(ahaus, now) -> None:
    context = multiprocessing.get_context("fork")
    gate, wins, tenant = context.Barrier(6), context.Value("i", 0), ahaus.pk

    def one() -> None:
        gate.wait()
        for number in range(30):
            if challenges.use(f"mark {number}", tenant=tenant, until=now + SECOND, now=now):
                with wins.get_lock():
                    wins.value += 1

    def work() -> None:
        threads = [threading.Thread(target=one) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit(0)

    children = [context.Process(target=work) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
        assert child.exitcode == 0
    assert wins.value == 30


def test_looking_whether_a_limit_is_open_counts_nothing(now) -> None:
    given = {"limit": 2, "per_seconds": 900}
    for _ in range(5):
        assert limits.is_open("x", "k", now=now, **given)
    assert limits.allow("x", "k", now=now, **given)
    assert limits.allow("x", "k", now=now, **given)
    assert not limits.is_open("x", "k", now=now, **given)
    assert limits.is_open("x", "k", now=now + timedelta(seconds=901), **given)


def test_c24_k17_a_moment_is_forgotten_with_its_own_window_though_younger_ones_count_on(now) -> None:
    volatile.clear()
    now, hour = now.replace(hour=0), timedelta(hours=1)  # all in one day of the keys
    for at in (0, 13, 23):
        assert allow(now + at * hour, key="city", limit=500, per_seconds=86_400, scope="orders")
    at = now + 25 * hour  # the first order is older than a day now, the others are not
    jobs.sweep(at)

    def moments() -> list[int]:
        found = []
        volatile.revise("limit", lambda value, _: (found.append(len(value) // 8), value)[1], now=at)
        return found

    assert moments() == [2]
    jobs.sweep(now + 38 * hour)
    assert moments() == [1]
    jobs.sweep(now + 47 * hour)
    assert volatile.count("limit", now + 47 * hour) == 0


def test_pruning_changes_no_answer(now) -> None:
    volatile.clear()
    for second in (0, 300, 590):
        assert allow(now + second * SECOND)
    assert limits.prune(now + 595 * SECOND) == 0
    assert not allow(now + 595 * SECOND)
    assert limits.prune(now + 601 * SECOND) == 1
    assert allow(now + 601 * SECOND)
    assert not allow(now + 602 * SECOND)
