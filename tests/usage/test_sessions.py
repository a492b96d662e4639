"""Sessions (C-3.1 to C-3.4, C-3.10, C-4.2): the old token never works again, limits hold to the second, a copy opens nothing."""

import multiprocessing
import os
import re
import threading
from datetime import timedelta
from uuid import uuid4

import pytest

from stadtmail.usage import sessions, volatile

SECOND = timedelta(seconds=1)
IDLE = {"cookie": timedelta(minutes=30), "url": timedelta(minutes=20)}
ABSOLUTE = {"cookie": timedelta(hours=12), "url": timedelta(hours=8)}
KINDS = pytest.mark.parametrize("kind", ["cookie", "url"])


def begin(tenant, now, kind="cookie", **more) -> str:
    return sessions.begin(tenant=tenant.pk, kind=kind, data={"contract": "c"}, now=now, **more)


def test_c34_a_token_is_random_and_says_nothing(ahaus, now) -> None:
    tokens = {begin(ahaus, now) for _ in range(200)}
    assert len(tokens) == 200
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)


@KINDS
def test_a_session_is_found_as_it_began(ahaus, now, kind: str) -> None:
    person = uuid4()
    token = begin(ahaus, now, kind, person=person)
    found = sessions.find(token, tenant=ahaus.pk, now=now + SECOND)
    assert (found.kind, found.tenant, found.person, found.staff) == (kind, ahaus.pk, person, None)
    assert found.data == {"contract": "c"}
    assert (found.began_at, found.seen_at) == (now, now + SECOND)
    assert "contract" not in repr(found)


@KINDS
def test_c42_idle_limit_to_the_second(ahaus, now, kind: str) -> None:
    token = begin(ahaus, now, kind)
    now += IDLE[kind] - SECOND
    assert sessions.find(token, tenant=ahaus.pk, now=now)
    now += IDLE[kind] - SECOND  # it slid
    assert sessions.find(token, tenant=ahaus.pk, now=now)
    assert sessions.find(token, tenant=ahaus.pk, now=now + IDLE[kind]) is None
    volatile.sweep(now + IDLE[kind])
    assert sessions.find(token, tenant=ahaus.pk, now=now) is None  # also for a clock that goes back


@KINDS
def test_c33_absolute_limit_to_the_second(ahaus, now, kind: str) -> None:
    """A browser that is never closed, or restores its session (C-3.3): the server ends it."""
    token, end = begin(ahaus, now, kind), now + ABSOLUTE[kind]
    moment = now
    while moment < end - SECOND:
        assert sessions.find(token, tenant=ahaus.pk, now=moment), moment
        moment = min(moment + timedelta(minutes=10), end - SECOND)
    assert sessions.find(token, tenant=ahaus.pk, now=end - SECOND)
    assert sessions.find(token, tenant=ahaus.pk, now=end) is None


def test_c32_replay_after_logout(ahaus, now) -> None:
    token = begin(ahaus, now)
    sessions.end(token)
    sessions.end(token)
    assert sessions.find(token, tenant=ahaus.pk, now=now) is None


def test_c32_replay_after_a_restart(ahaus, now) -> None:
    token = begin(ahaus, now)
    volatile.clear()
    assert sessions.find(token, tenant=ahaus.pk, now=now) is None


def test_c32_end_person_ends_all_of_that_person_only(ahaus, musterstadt, now) -> None:
    anna, ben = uuid4(), uuid4()
    hers = [begin(ahaus, now, kind, person=anna) for kind in ("cookie", "url", "cookie")]
    his = begin(ahaus, now, person=ben)
    elsewhere = begin(musterstadt, now, person=anna)  # the same id in another city is somebody else
    assert sessions.end_person(ahaus.pk, anna) == 3
    assert not any(sessions.find(token, tenant=ahaus.pk, now=now) for token in hers)
    assert sessions.find(his, tenant=ahaus.pk, now=now)
    assert sessions.find(elsewhere, tenant=musterstadt.pk, now=now)


def test_staff_sessions_end_by_their_id_too(ahaus, now) -> None:
    desk = uuid4()
    token = begin(ahaus, now, staff=desk)
    assert sessions.find(token, tenant=ahaus.pk, now=now).staff == desk
    assert sessions.end_person(ahaus.pk, desk) == 1
    assert sessions.find(token, tenant=ahaus.pk, now=now) is None


def test_a_token_of_one_city_opens_nothing_in_another(ahaus, musterstadt, now) -> None:
    token = begin(ahaus, now)
    assert sessions.find(token, tenant=musterstadt.pk, now=now) is None
    assert sessions.find(token, tenant=ahaus.pk, now=now)


@pytest.mark.parametrize("token", ["", "x", "ä" * 43, "a" * 44, "a" * 43, "a" * 42 + "\n", "a" * 10_000])
def test_a_wrong_token_finds_nothing(ahaus, now, token: str) -> None:
    assert sessions.find(token, tenant=ahaus.pk, now=now) is None
    sessions.end(token)


def test_live_of_shows_times_and_no_contents(ahaus, now) -> None:
    anna = uuid4()
    first, second = begin(ahaus, now, person=anna), begin(ahaus, now + SECOND, "url", person=anna)
    begin(ahaus, now, person=uuid4())
    sessions.find(first, tenant=ahaus.pk, now=now + 9 * SECOND)
    live = sessions.live_of(ahaus.pk, anna, now + 9 * SECOND)
    assert [(one.kind, one.began_at, one.seen_at) for one in live] == [
        ("cookie", now, now + 9 * SECOND),
        ("url", now + SECOND, now + SECOND),
    ]
    assert all(one.data == {} for one in live)
    sessions.end(second)
    assert len(sessions.live_of(ahaus.pk, anna, now)) == 1


def test_c34_a_copy_of_the_folder_names_nobody_and_opens_nothing(ahaus, now, ram) -> None:
    """C-3.4: the store holds HMAC(token) only. C-2.4: neither the person nor what the session holds."""
    canary, anna = "canary-" + os.urandom(12).hex(), uuid4()
    token = sessions.begin(tenant=ahaus.pk, kind="cookie", data={"key": canary, "address": "anna@ahaus.net"}, now=now, person=anna)
    sessions.find(token, tenant=ahaus.pk, now=now + SECOND)
    lain = ram()
    for secret in (token, canary, str(anna), anna.hex, "anna", "contract"):
        assert secret.encode() not in lain
        assert secret.encode().lower() not in lain.lower()
    assert anna.bytes not in lain


def test_two_sessions_of_one_person_share_no_bytes(ahaus, now, ram) -> None:
    """C-3.2: identifiers of two sessions cannot be linked by what lies in the values."""
    anna = uuid4()
    for _ in range(2):
        begin(ahaus, now, person=anna)
    values = volatile.of_person("session", sessions.marks.of_person(ahaus.pk, anna), now)
    assert len(values) == 2
    first, second = ({value[at : at + 16] for at in range(len(value) - 16)} for value in values)
    assert not first & second


def test_the_end_wins_against_requests_that_slide_it(ahaus, now) -> None:
    """A request that is under way when its session ends must not bring it back."""
    for _ in range(10):
        token, stop = begin(ahaus, now), threading.Event()

        def slide(token=token, stop=stop) -> None:
            moment = now
            while not stop.is_set():
                moment += SECOND / 100
                sessions.find(token, tenant=ahaus.pk, now=moment)

        worker = threading.Thread(target=slide)
        worker.start()
        try:
            sessions.end(token)
            assert volatile.count("session", now) == 0
        finally:
            stop.set()
            worker.join()
        assert sessions.find(token, tenant=ahaus.pk, now=now) is None
        assert volatile.count("session", now) == 0


def test_another_process_sees_the_end_at_once(ahaus, now) -> None:
    token, keep = begin(ahaus, now), begin(ahaus, now)
    context = multiprocessing.get_context("fork")

    def work() -> None:
        sessions.end(token)
        os._exit(0)

    child = context.Process(target=work)
    child.start()
    child.join(30)
    assert sessions.find(token, tenant=ahaus.pk, now=now) is None
    assert sessions.find(keep, tenant=ahaus.pk, now=now)


def test_a_stricter_policy_holds_for_living_sessions_too(ahaus, now, monkeypatch) -> None:
    token = begin(ahaus, now)
    assert sessions.find(token, tenant=ahaus.pk, now=now + timedelta(minutes=1))
    strict = sessions._Limits(timedelta(minutes=5), timedelta(minutes=6))
    monkeypatch.setattr(sessions, "_limits", lambda tenant, kind: strict)
    assert sessions.find(token, tenant=ahaus.pk, now=now + timedelta(minutes=6)) is None
    assert volatile.count("session", now) == 0


@KINDS
def test_c33_a_choice_is_kept_with_the_session_and_ends_with_it(ahaus, musterstadt, now, kind: str) -> None:
    token = begin(ahaus, now, kind, person=uuid4())
    assert sessions.keep(token, {"view": "gespraeche"}, tenant=ahaus.pk, now=now + SECOND)
    assert sessions.find(token, tenant=ahaus.pk, now=now + SECOND).data == {"contract": "c", "view": "gespraeche"}
    assert not sessions.keep(token, {"view": "liste"}, tenant=musterstadt.pk, now=now + SECOND)
    assert sessions.find(token, tenant=ahaus.pk, now=now + SECOND).data["view"] == "gespraeche"
    sessions.end(token)
    assert not sessions.keep(token, {"view": "liste"}, tenant=ahaus.pk, now=now + SECOND)
    assert sessions.find(token, tenant=ahaus.pk, now=now + SECOND) is None
