"""Carrying over real sockets: who gets it exactly once, who is told what, and when it is tried again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from stadtmail.mail import transit
from stadtmail.mail.actions import legs, outgoing
from stadtmail.mail.leaving import Leg, Transit
from stadtmail.mail.outbound.bounds import Bounds
from stadtmail.privacy import sweep
from tests.mail.outbound.conftest import FAR, MAIL, QUICK
from tests.mail.outbound.sink import Sink
from tests.mail.outbound.test_sending import inbox

pytestmark = pytest.mark.postgres
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def waiting() -> list[tuple[str, int, list[str]]]:
    """(reason, attempts, addresses) of what is in the queue."""
    rows = Leg.objects.select_related("transit__unit", "transit__tenant").order_by("next_at")
    return [(row.reason, row.attempts, [one.address for one in transit.opened(row).recipients]) for row in rows]


def test_one_connection_and_one_transaction_for_all_recipients_of_a_domain(send, sink, carry) -> None:
    send("a@example.org", "b@example.org", "c@example.org")
    assert carry() == 1
    (one,) = sink.taken
    assert (one.sender, one.recipients) == ("anna@ahaus.net", ["a@example.org", "b@example.org", "c@example.org"])
    assert one.data.endswith(b"\r\n\r\nInhaltskanarie\r\n.punkt\r\n")
    assert sink.connections == 1
    assert not Leg.objects.exists()


def test_a_connection_is_used_again_and_there_are_never_too_many(send, sink, carry) -> None:
    for _ in range(30):
        send("a@example.org")
    assert carry() == 30
    assert len(sink.taken) == 30
    assert sink.most_at_once <= QUICK.per_destination
    assert sink.connections < 15


def test_a_server_without_any_extension_gets_it_too(send, sink, carry) -> None:
    sink.offers = ()
    send("a@example.org", "b@example.org")
    carry()
    assert sink.taken[0].recipients == ["a@example.org", "b@example.org"]
    assert sink.taken[0].mail == "MAIL FROM:<anna@ahaus.net>"


def test_a_large_message_arrives_byte_for_byte(send, sink, carry) -> None:
    body = b"".join(b".%d\r\n..\r\n.\r\n" % n for n in range(150_000))
    send("a@example.org", raw=MAIL + body)
    assert Transit.objects.get().blob
    carry()
    assert sink.taken[0].data.endswith(body)


@pytest.mark.parametrize("filler", [b"", b"x" * 100_000], ids=["row", "blob"])
def test_a_key_whose_copy_has_run_out_is_opened_anew_and_not_in_the_event_loop(filler, send, sink, carry, monkeypatch) -> None:
    from stadtmail.vault import keys

    opened, carried = transit.body, []

    def body(row):
        keys.drop_copies()  # the lease of a copy is five seconds: a backlog takes longer
        carried.append(row)
        yield from opened(row)

    monkeypatch.setattr(transit, "body", body)
    for _ in range(3):
        send("a@example.org", raw=MAIL + filler)
    carry()
    assert len(sink.taken) == len(carried) == 3
    assert not Leg.objects.exists()


def test_each_recipient_has_an_answer_of_its_own(send, sink, carry, ahaus, anna, now) -> None:
    sink.answers = {"gone@example.org": "550 5.1.1 no such user", "later@example.org": "451 4.7.1 greylisted"}
    send("a@example.org", "gone@example.org", "later@example.org")
    carry()
    assert sink.taken[0].recipients == ["a@example.org"]
    assert waiting() == [("policy", 1, ["later@example.org"])]
    (bounce,) = inbox(ahaus, anna)
    assert b"gone@example.org" in bounce
    assert b"later@" not in bounce.partition(b"text/rfc822-headers")[0]
    sink.answers = {}
    carry(now + HOUR)
    assert [one.recipients for one in sink.taken] == [["a@example.org"], ["later@example.org"]]
    assert not Leg.objects.exists()


def test_what_is_enqueued_for_a_mailbox_here_is_placed_or_bounced(ahaus, anna, ben, carry, now) -> None:
    outgoing.enqueue(ahaus, sender="anna@ahaus.net", recipients=["ben@ahaus.net", "nobody@ahaus.net"], raw=MAIL, now=now)
    assert carry() == 1
    assert len(inbox(ahaus, ben)) == 1
    assert b"nobody@ahaus.net" in inbox(ahaus, anna)[0]
    assert not Leg.objects.exists()


def test_what_is_enqueued_for_a_mailbox_here_passes_its_filter(ahaus, anna, ben, carry, now) -> None:
    from tests.mail.outbound.test_sending import filtered

    filtered(ahaus, ben, 'require "reject"; reject "Bitte nicht.";', now)
    outgoing.enqueue(ahaus, sender="anna@ahaus.net", recipients=["ben@ahaus.net"], raw=MAIL, now=now)
    assert carry() == 1
    assert inbox(ahaus, ben) == []
    assert b"Bitte nicht." in inbox(ahaus, anna)[0]
    assert not Leg.objects.exists()


def test_too_many_recipients_for_the_server_go_in_several_transactions(send, sink, carry) -> None:
    sink.most_recipients = 4
    send(*(f"r{n}@example.org" for n in range(10)))
    carry()
    assert sorted(name for one in sink.taken for name in one.recipients) == sorted(f"r{n}@example.org" for n in range(10))
    assert len(sink.taken) == 3
    assert not Leg.objects.exists()


# -- servers that misbehave ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"drop": "greeting"}, "lost"), ({"drop": "mail"}, "lost"), ({"drop": "body"}, "lost"), ({"silent": "greeting"}, "lost"),
     ({"greeting": "554 5.7.1 not you"}, "no_connection"), ({"greeting": "421 4.3.2 busy"}, "server"),
     ({"greeting": "220 \x00\xff nonsense"}, ""), ({"greeting": "hello"}, "lost"), ({"greeting": "220-" + "x" * 70_000}, "lost"),
     ({"after_data": "451 4.3.0 disk"}, "server"), ({"mail_answer": "452 4.3.1 space"}, "server")],
)  # fmt: skip
def test_a_server_that_misbehaves_delays_and_loses_nothing(wrong, reason, send, sink, carry, ahaus, anna, now) -> None:
    for name, value in wrong.items():
        setattr(sink, name, value)
    send("a@example.org")
    carry()
    if reason:
        assert waiting() == [(reason, 1, ["a@example.org"])]
        sink.drop = sink.silent = ""
        sink.greeting, sink.after_data, sink.mail_answer = "220 sink", "250 ok", "250 ok"
        carry(now + HOUR)
    assert len(sink.taken) == 1
    assert not Leg.objects.exists()
    assert inbox(ahaus, anna) == []


@pytest.mark.parametrize("wrong", [{"drop": "taken"}, {"silent": "final"}])
def test_a_250_that_was_lost_is_the_only_case_in_which_it_comes_twice(wrong, send, sink, carry, now) -> None:
    for name, value in wrong.items():
        setattr(sink, name, value)
    send("a@example.org")
    carry()
    assert len(sink.taken) == 1
    assert waiting() == [("lost", 1, ["a@example.org"])]
    sink.drop = sink.silent = ""
    carry(now + HOUR)
    assert len(sink.taken) == 2
    assert not Leg.objects.exists()


def test_a_dead_first_exchanger_and_a_living_second(send, dns, sink, carry) -> None:
    dns.zones[f"{FAR}."]["MX"] = ["5 dead.example.org.", "10 mx.example.org."]
    dns.add({"dead.example.org": {"A": ["127.0.0.77"]}})
    send("a@example.org")
    carry()
    assert len(sink.taken) == 1


# -- routes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "bounced"),
    [({"MX": ["0 ."]}, b"5.1.10"), ({"TXT": ["x"]}, b"5.4.4"), ({"MX": ["10 post.ahaus.net."]}, b"5.4.6"),
     ({"MX": ["10 nowhere.example.org."]}, b"5.4.4"), (None, b"5.1.2")],
)  # fmt: skip
def test_a_destination_that_takes_no_mail_is_told_at_once(zone, bounced, send, dns, sink, carry, ahaus, anna) -> None:
    dns.zones.clear()
    if zone is not None:
        dns.add({FAR: zone})
    send("a@example.org")
    carry()
    assert bounced in inbox(ahaus, anna)[0]
    assert not Leg.objects.exists()
    assert sink.connections == 0


def test_a_domain_without_exchangers_is_its_own(send, dns, sink, carry) -> None:
    dns.zones.clear()
    dns.add({FAR: {"A": ["127.0.0.1"]}})
    send("a@example.org")
    carry()
    assert len(sink.taken) == 1


@pytest.mark.parametrize("failure", ["SERVFAIL", "silent"])
def test_a_name_server_that_is_silent_loses_nothing(failure, send, dns, sink, carry, now) -> None:
    dns.failing[FAR] = failure
    send("a@example.org")
    carry()
    assert waiting() == [("no_answer", 1, ["a@example.org"])]
    dns.failing.clear()
    carry(now + HOUR)
    assert len(sink.taken) == 1


def test_what_waits_for_a_dead_destination_is_not_tried_one_by_one(send, dns, carry) -> None:
    dns.zones["mx.example.org."]["A"] = ["127.0.0.77"]
    for _ in range(20):
        send("a@example.org")
    began = datetime.now(UTC)
    assert carry(limits=Bounds(connect_seconds=0.3, per_destination=2)) == 20
    assert datetime.now(UTC) - began < timedelta(seconds=8)
    assert {reason for reason, _, _ in waiting()} == {"no_connection"}


def test_a_test_instance_reaches_nobody_outside(send, dns, carry, monkeypatch) -> None:
    import asyncio

    dns.zones["mx.example.org."]["A"] = ["192.0.2.1"]
    asked = []
    monkeypatch.setattr(asyncio, "open_connection", lambda *a, **k: asked.append(a))
    send("a@example.org")
    carry()
    assert asked == []
    assert len(waiting()) == 1


def test_a_demo_shows_as_held_what_would_leave_it(send, sink, carry, monkeypatch, ahaus, now) -> None:
    monkeypatch.delenv("STADTMAIL_RESOLVER")
    send("a@example.org")
    assert carry() == 0
    assert sink.connections == 0
    assert Leg.objects.get().state == "held"
    assert Leg.objects.get().reason == "not_production"
    assert legs.release(ahaus, now=now) == 0  # nothing has changed
    monkeypatch.setenv("STADTMAIL_RESOLVER", "127.0.0.1:5353")
    assert legs.release(ahaus, now=now) == 1
    assert carry() == 1
    assert len(sink.taken) == 1


# -- time ----------------------------------------------------------------------------------------------------------------


def test_back_off_expiry_and_the_word_in_between(send, sink, carry, ahaus, anna, now) -> None:
    sink.mail_answer = "451 4.3.0 later"
    send("a@example.org")
    moments, at = [], now
    while Leg.objects.exists():
        at = Leg.objects.get().next_at
        assert carry(at - timedelta(seconds=1)) == 0  # not a second too early
        if legs.expiry_is_due(at):
            break
        assert carry(at) == 1
        moments.append(at - now)
    pauses = [later - before for before, later in pairwise(moments)]
    assert pauses[0] < 6 * MINUTE
    assert max(pauses) < 5 * HOUR
    assert pauses == sorted(pauses[:6]) + pauses[6:]
    assert now + 5 * DAY - HOUR <= now + moments[-1] < now + 5 * DAY
    (told,) = inbox(ahaus, anna)
    assert b"Action: delayed" in told
    assert b"Will-Retry-Until" in told
    assert legs.expire(now + 5 * DAY - timedelta(seconds=1)) == 0
    assert legs.expire(now + 5 * DAY) == 1
    assert b"4.4.7" in inbox(ahaus, anna)[0]
    assert b"451 4.3.0 later" in inbox(ahaus, anna)[0]
    assert sweep.run(now + 5 * DAY).erased == 1
    assert not Transit.objects.exists()


def test_held_mail_expires_like_any_other(send, ahaus, anna, now, monkeypatch) -> None:
    monkeypatch.delenv("STADTMAIL_RESOLVER")
    send("a@example.org")
    assert legs.expire(now + 5 * DAY) == 1
    assert b"4.4.7" in inbox(ahaus, anna)[0]


def test_the_operator_stops_a_city_and_lets_it_go_again(send, sink, carry, ahaus, musterstadt, now) -> None:
    send("a@example.org")
    assert legs.hold(ahaus) == 1
    send("b@example.org")
    outgoing.enqueue(musterstadt, sender="", recipients=["c@example.org"], raw=MAIL, now=now)
    assert carry() == 1
    assert [one.recipients for one in sink.taken] == [["c@example.org"]]
    assert legs.release(ahaus, now=now) == 2
    assert carry() == 2
    assert len(sink.taken) == 3


def test_retry_brings_forward_what_waits(send, sink, carry, ahaus, now) -> None:
    sink.mail_answer = "451 later"
    send("a@example.org")
    carry()
    sink.mail_answer = "250 ok"
    assert carry(now + MINUTE) == 0
    assert legs.retry(ahaus, now=now + MINUTE) == 1
    assert carry(now + MINUTE) == 1


# -- several workers -------------------------------------------------------------------------------------------------------


def test_two_workers_never_have_the_same_leg_and_a_lease_runs_out(send, now) -> None:
    from uuid import uuid4

    for _ in range(10):
        send("a@example.org")
    one, two = uuid4(), uuid4()
    first = {leg.id for leg in legs.claim(one, most=6, now=now)}
    second = {leg.id for leg in legs.claim(two, most=10, now=now)}
    assert len(first) == 6
    assert len(second) == 4
    assert not first & second
    assert legs.claim(two, most=10, now=now + timedelta(minutes=4, seconds=59)) == []
    legs.renew(one, now + 3 * MINUTE)
    assert {leg.id for leg in legs.claim(two, most=10, now=now + 5 * MINUTE)} == second
    legs.give_back(one)
    assert {leg.id for leg in legs.claim(two, most=10, now=now + 5 * MINUTE)} == first


def test_two_results_of_one_leg_whose_lease_ran_out_bring_nobody_back(send, now) -> None:
    from uuid import uuid4

    send("a@example.org", "b@example.org")
    (mine,) = legs.claim(uuid4(), most=1, now=now)
    (theirs,) = legs.claim(uuid4(), most=1, now=now + HOUR)
    a, b = mine.recipients
    legs.settle([(mine, legs.Try([a.answered(legs.DELIVERED, "2.0.0", ""), b]))], now=now + HOUR)
    legs.settle([(theirs, legs.Try([a, b]))], now=now + HOUR)
    assert [addresses for _, _, addresses in waiting()] == [["b@example.org"]]
    legs.settle([(theirs, legs.Try([a, b.answered(legs.DELIVERED, "2.0.0", "")]))], now=now + HOUR)
    legs.settle([(mine, legs.Try([a, b]))], now=now + HOUR)
    assert not Leg.objects.exists()


def test_smarthost_all_mail_goes_there_with_a_password(send, dns, carry, authority, now) -> None:
    from stadtmail.kit.smarthost import Smarthost

    with Sink(tls=authority.context("relay.test"), users={"me": "pw"}) as relay:
        dns.add({"relay.test": {"A": ["127.0.0.1"]}})
        send("a@example.org", "b@example.net")
        given = Smarthost.read(f"smtp://me:p%40w@relay.test:{relay.port}")
        assert carry(relay=given, trust=authority.trust()) == 2
        assert len(relay.taken) == 2
        assert all(one.tls for one in relay.taken)
        assert relay.connections <= 2
        assert relay.lines.index("STARTTLS") < next(n for n, line in enumerate(relay.lines) if line.startswith("AUTH PLAIN"))
        send("c@example.org")
        assert carry(relay=given) == 1  # the system's authorities do not know this one: no password is sent
        assert len(relay.taken) == 2
    with Sink(tls=authority.context("relay.test"), is_tls=True) as relay:
        assert carry(now + HOUR, relay=Smarthost.read(f"smtps://relay.test:{relay.port}"), trust=authority.trust()) == 1
        assert relay.taken[0].tls
