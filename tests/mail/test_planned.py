"""What waits to be sent: sent exactly once, by nobody after the end, with nothing of Bcc, and killed at any moment it loses nothing."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connections

from stadtmail.mail import drafts, queries, transit
from stadtmail.mail.actions import accounts, drafting, planning, rates, sending
from stadtmail.mail.drafts import Draft
from stadtmail.mail.folders import ANSWERED
from stadtmail.mail.leaving import Leg
from stadtmail.mail.models import Message, Planned, Signature
from stadtmail.mail.privacy import _planned, _signature
from stadtmail.people.actions import ends, restriction
from stadtmail.people.models import Contract
from stadtmail.privacy import erasure, sweep
from stadtmail.privacy.models import Unit
from stadtmail.vault import blobs
from tests.mail.conftest import every_byte, form, opened
from tests.mail.planned import NOW, wait

INBOX, DRAFTS, SENT = 1, 2, 3


def subjects(tenant, account, number: int) -> list[str]:
    return [row.subject for row in queries.page(opened(tenant, account), number)]


def raws(tenant, account, number: int) -> list[bytes]:
    o = opened(tenant, account)
    return [b"".join(queries.raw(o, number, row.uid)) for row in queries.page(o, number)]


@pytest.mark.postgres
def test_it_is_sent_once_and_then_lies_in_sent(ahaus, anna, ben) -> None:
    wait(opened(ahaus, anna), "ben@ahaus.net", bcc="eva@elsewhere.example")
    assert planning.send_due(NOW - timedelta(seconds=1)) == 0
    assert [planning.send_due(NOW) for _ in range(3)] == [1, 0, 0]
    assert subjects(ahaus, ben, INBOX).count("Geplant") == 1
    assert (subjects(ahaus, anna, DRAFTS), subjects(ahaus, anna, SENT)) == ([], ["Geplant"])
    assert Leg.objects.count() == 1


@pytest.mark.postgres
def test_nothing_of_bcc_is_in_what_is_delivered(ahaus, anna, ben) -> None:
    wait(opened(ahaus, anna), "ben@ahaus.net", bcc="eva.geheim@elsewhere.example")
    assert planning.send_due(NOW) == 1
    assert b"eva.geheim" not in raws(ahaus, ben, INBOX)[0]
    assert b"X-Stadtmail-Draft" not in raws(ahaus, ben, INBOX)[0]
    leg = Leg.objects.select_related("transit__unit", "transit__tenant").get()
    body = b"".join(transit.body(leg.transit))
    assert b"eva.geheim" not in body
    assert b"Bcc" not in body
    assert b"Bcc: eva.geheim@elsewhere.example" in raws(ahaus, anna, SENT)[0]  # their own copy says whom they wrote to


@pytest.mark.postgres
@pytest.mark.matrix
@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize(("where", "sent"), [("prepared", 0), ("marked", 0), ("done", 1)])
def test_killed_while_it_sends_it_is_neither_lost_nor_doubled(ahaus, anna, ben, where: str, sent: int, size: int) -> None:
    o = opened(ahaus, anna)
    wait(o, "anna@ahaus.net", subject="Original")
    assert planning.send_due(NOW) == 1
    original = Message.objects.get(folder__mailbox=o.mailbox, folder__number=INBOX, uid=2)
    wait(o, "ben@ahaus.net", "karl@elsewhere.example", text="x" * size, original=f"reply {original.id.hex}")
    name, env = connections["default"].settings_dict["NAME"], dict(os.environ)
    if url := env.get("STADTMAIL_DATABASE_URL"):
        env["STADTMAIL_DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}"
    connections.close_all()
    child = subprocess.run([sys.executable, "-m", "tests.mail.planned_child", where], env=env, timeout=60, check=False)
    assert child.returncode == -9
    assert subjects(ahaus, ben, INBOX).count("Geplant") == sent
    assert Leg.objects.count() == sent
    assert planning.send_due(NOW) == 1 - sent
    assert subjects(ahaus, ben, INBOX).count("Geplant") == 1
    assert Leg.objects.count() == 1
    assert subjects(ahaus, anna, SENT) == ["Geplant", "Original"]
    assert subjects(ahaus, anna, DRAFTS) == []
    original.refresh_from_db()
    assert original.flags & ANSWERED


@pytest.mark.postgres
def test_who_stops_it_wins_or_hears_that_it_is_too_late(ahaus, anna, ben, monkeypatch) -> None:
    o = opened(ahaus, anna)
    message = wait(o, "ben@ahaus.net")
    real = sending._take

    def stopped_meanwhile(*args, **more):
        planning.stop(o, message, now=NOW)
        return real(*args, **more)

    monkeypatch.setattr(sending, "_take", stopped_meanwhile)
    assert planning.send_due(NOW) == 0
    assert subjects(ahaus, ben, INBOX).count("Geplant") == 0
    assert subjects(ahaus, anna, DRAFTS) == ["Geplant"]
    assert list(blobs.every()) == []
    with pytest.raises(planning.NotWaiting):
        planning.stop(o, message, now=NOW)


def test_a_draft_that_a_mail_program_deleted_is_not_sent(ahaus, anna, ben) -> None:
    o = opened(ahaus, anna)
    message = wait(o, "ben@ahaus.net", at=NOW + timedelta(hours=1))
    row = Message.objects.get(id=message)
    with drafting.store.writing():
        drafting.remove(o, drafts.folder(o, drafts.DRAFTS), row.id, row.uid)
    assert planning.send_due(NOW + timedelta(hours=1)) == 0
    wait(o, "ben@ahaus.net", at=NOW + timedelta(hours=1))
    assert planning.forget_lost(NOW) == 0
    assert Planned.objects.count() == 1
    assert subjects(ahaus, ben, INBOX).count("Geplant") == 0


def test_a_clock_that_jumped_sends_nothing_too_early_and_holds_no_other_mail_up(ahaus, anna, ben, monkeypatch) -> None:
    from stadtmail.doors.console import work
    from stadtmail.privacy import guard

    o = opened(ahaus, anna)
    wait(o, "ben@ahaus.net", subject="Zum Geburtstag", later=True, at=NOW + timedelta(days=90))
    wait(o, "ben@ahaus.net", subject="Jetzt")
    tasks = tuple(task for task in work.TASKS if task.name in ("held_back", "planned"))
    monkeypatch.setattr(guard, "paused", lambda _: True)
    work.Work(tasks).round(NOW + timedelta(days=100))
    assert subjects(ahaus, ben, INBOX)[0] == "Jetzt"
    monkeypatch.setattr(guard, "paused", lambda _: False)
    assert work.next_moment(NOW + timedelta(days=89, hours=20)) <= NOW + timedelta(days=90)
    work.Work(tasks).round(NOW + timedelta(days=90))
    assert subjects(ahaus, ben, INBOX)[0] == "Zum Geburtstag"


def test_of_a_moved_message_only_the_new_moment_counts(ahaus, anna, ben) -> None:
    o = opened(ahaus, anna)
    message = wait(o, "ben@ahaus.net", later=True, at=NOW + timedelta(hours=1))
    planning.move(o, message, at=NOW + timedelta(hours=2), now=NOW)
    assert planning.send_due(NOW + timedelta(hours=1)) == 0
    planning.move(o, message, at=NOW + timedelta(hours=1), now=NOW + timedelta(hours=1))
    assert planning.send_due(NOW + timedelta(hours=1)) == 1


@pytest.mark.parametrize("who", ["ben", "clara"])
def test_c47_nobody_touches_the_plan_of_somebody_else(ahaus, musterstadt, anna, ben, now, who: str) -> None:
    message = wait(opened(ahaus, anna), "ben@ahaus.net", at=NOW + timedelta(hours=1))
    clara = accounts.open_account(form(localpart="clara", name="Clara Chrysopras"), tenant=musterstadt, now=now)
    other = opened(ahaus, ben) if who == "ben" else opened(musterstadt, clara)
    with pytest.raises(planning.NotWaiting):
        planning.stop(other, message, now=NOW)
    with pytest.raises(planning.NotWaiting):
        planning.move(other, message, at=NOW, now=NOW)
    assert drafts.whereabouts(other, message) == ("gone", 0, None)
    assert drafts.planned(other) == []
    with pytest.raises((queries.NoSuchMessage, planning.NotWaiting)):
        planning.plan(other, planning.Dispatch(message, 1, message, "ben@ahaus.net", ["ben@ahaus.net"]), at=NOW, later=False, now=NOW)
    assert Planned.objects.count() == 1


def test_c28_after_the_end_of_the_contract_nothing_is_sent(ahaus, anna, ben, now) -> None:
    wait(opened(ahaus, anna), "ben@ahaus.net", later=True, at=NOW + timedelta(hours=1))
    contract = Contract.objects.get(id=anna.contract)
    ends.schedule(contract, ends_at=NOW, now=NOW)
    ends.take_due_effects(NOW)
    assert planning.send_due(NOW + timedelta(hours=1)) == 0
    assert Planned.objects.count() == 0
    assert subjects(ahaus, ben, INBOX).count("Geplant") == 0


def test_c62c_a_restriction_ends_what_was_planned_and_its_person_hears_of_it(ahaus, anna, ben, now) -> None:
    wait(opened(ahaus, anna), "ben@ahaus.net", later=True, at=NOW + timedelta(hours=1))
    contract = Contract.objects.get(id=anna.contract)
    restriction.restrict(contract, tenant=ahaus, reason="objection_pending", now=NOW)
    with pytest.raises(planning.IsRestricted):
        wait(opened(ahaus, anna), "ben@ahaus.net", later=True, at=NOW + timedelta(hours=1))
    wait(opened(ahaus, anna), "ben@ahaus.net", subject="Von Hand")
    assert planning.send_due(NOW + timedelta(hours=1)) == 1  # what they send themselves goes
    assert subjects(ahaus, anna, INBOX)[0] == "Eine Nachricht von Ihnen wurde nicht gesendet"
    assert subjects(ahaus, anna, DRAFTS)[-1] == "Geplant"
    assert subjects(ahaus, ben, INBOX)[0] == "Von Hand"


def test_an_erased_mailbox_takes_its_plans_along(ahaus, anna, ben, now) -> None:
    wait(opened(ahaus, anna), "ben@ahaus.net", at=NOW + timedelta(hours=1))
    drafting.sign(opened(ahaus, anna), "Annas Kanariensignatur", now=NOW)
    units = list(Unit.objects.filter(anchor=anna.contract, category="INH").values_list("id", flat=True))
    erasure.erase(units, tenant=ahaus, now=NOW, cause="deleted")
    sweep.run(NOW)
    assert planning.send_due(NOW + timedelta(hours=1)) == 0
    assert (Planned.objects.count(), Signature.objects.count()) == (0, 0)


def test_what_cannot_be_sent_any_more_stays_a_draft_and_is_told(ahaus, anna, ben, now) -> None:
    wait(opened(ahaus, anna), "ben@ahaus.net", "weg@ahaus.net")
    assert planning.send_due(NOW) == 0
    assert subjects(ahaus, anna, INBOX)[0] == "Eine Nachricht von Ihnen wurde nicht gesendet"
    assert subjects(ahaus, anna, DRAFTS) == ["Geplant"]
    assert subjects(ahaus, ben, INBOX).count("Geplant") == 0
    assert Planned.objects.count() == 0


def test_too_often_waits_and_is_sent_later(ahaus, anna, ben, monkeypatch) -> None:
    wait(opened(ahaus, anna), "ben@ahaus.net")

    def refuse(*_, **__):
        raise rates.TooOften

    with monkeypatch.context() as patched:
        patched.setattr(rates, "count", refuse)
        assert planning.send_due(NOW) == 0
    assert planning.send_due(NOW) == 0
    assert planning.send_due(NOW + planning.PAUSE) == 1


def test_nobody_sends_as_somebody_else(ahaus, anna, ben) -> None:
    with pytest.raises(sending.NotYourAddress):
        planning.check(opened(ahaus, anna), "ben@ahaus.net", ["ben@ahaus.net"], now=NOW)
    wait(opened(ahaus, anna), "ben@ahaus.net", sender="ben@ahaus.net")
    assert planning.send_due(NOW) == 0
    assert subjects(ahaus, ben, INBOX).count("Geplant") == 0


def test_c47_a_canary_in_a_draft_is_found_by_nothing_and_nowhere_after_it_is_deleted(ahaus, anna, now) -> None:
    o = opened(ahaus, anna)
    canary = "Kanarienvogel4711"
    written = Draft(sender="anna@ahaus.net without", to=f"{canary}@example.org", subject=canary, text=canary)
    upload = drafting.Upload(f"{canary}.txt", ahaus.id)
    upload.write(canary.encode() * 20_000)
    upload.finish()
    saved = drafting.save(o, written, sender=("", "anna@ahaus.net"), uploads=[upload], now=NOW)
    upload.forget()
    drafting.sign(o, canary, now=NOW)
    assert not [name for name, raw in every_byte() if canary.encode() in raw]
    drafting.sign(o, "", now=NOW)
    drafting.discard(o, saved.uid, now=NOW)
    assert not [name for name, raw in every_byte() if canary.encode() in raw]
    assert list(blobs.every()) == []
    assert Message.objects.filter(id=saved.message).count() == 0


def test_the_archive_has_signature_and_plans(ahaus, anna, ben) -> None:
    o = opened(ahaus, anna)
    wait(o, "ben@ahaus.net", at=NOW + timedelta(hours=1))
    drafting.sign(o, "Anna, Ahaus", now=NOW)
    assert [dict(one) for one in _signature(o.mailbox.unit_id)] == [{"signature": "Anna, Ahaus"}]
    (unit,) = Planned.objects.values_list("delivery", flat=True)
    at = (NOW + timedelta(hours=1)).isoformat()
    assert list(_planned(unit)) == [{"planned_for": at, "sender": "anna@ahaus.net", "to": ["ben@ahaus.net"]}]
