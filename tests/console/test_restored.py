"""A backup of `default` that is put back is noticed at the next start, whatever was erased since or not. Nothing else looks like it."""

import json
import os
import signal
from datetime import timedelta
from multiprocessing import get_context

import pytest
from django.db import connections

from stadtmail.doors.console import restored, work
from stadtmail.mail import finding
from stadtmail.mail.actions import delivery, indexing, sending
from stadtmail.mail.index import files
from stadtmail.mail.leaving import HELD, WAITING, Leg
from stadtmail.mail.models import Folder, Mailbox
from stadtmail.privacy import erasure, generation, guard, holds, witness
from stadtmail.privacy.evidence import log
from stadtmail.privacy.models import Generation, Hold, Lived, Unit
from tests.backups import backup
from tests.mail.conftest import anna, contract, opened, writer  # noqa: F401 - fixtures

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.postgres]
RAW = b"From: anna@ahaus.net\r\nSubject: einmal\r\n\r\nText\r\n"
SOMEONE = "officer 7f1c1b9e-3a51-4d38-9a52-3f0a3f4f7d11"


@pytest.fixture
def waiting(ahaus, anna, now, monkeypatch):  # noqa: F811
    """A message of Anna's that waits to leave: what must not go twice."""
    monkeypatch.setenv("STADTMAIL_RESOLVER", "127.0.0.1:5353")
    restored.replay(now)
    sending.send(ahaus, contract=anna.contract, sender="anna@ahaus.net", recipients=["x@example.org"], raw=RAW, now=now)


def is_held() -> bool:
    (found,) = Leg.objects.values_list("state", "reason")
    return found == (HELD, "restored")


def told(tenant) -> list[dict]:
    return [leaf for leaf in map(json.loads, log.export(tenant)["leaves"]) if leaf["type"] == "restored"]


def numbers() -> tuple[int, int]:
    return Generation.objects.get().number, Lived.objects.get().number


def tick(now) -> None:
    """What the role `work` does every ten seconds."""
    work.Work(tuple(task for task in work.TASKS if task.name == "generation")).round(now)


def test_c42_a_backup_since_which_nothing_was_erased_is_noticed_too(ahaus, waiting, now, capsys) -> None:
    put_back = backup()
    tick(now)
    put_back()
    assert restored.replay(now) == 0
    assert is_held()
    assert "put back from a backup" in capsys.readouterr().err
    assert [leaf["count"] for leaf in told(ahaus)] == [0]
    Leg.objects.update(reason="")
    assert restored.replay(now) == 0  # it has been dealt with: the next start is an ordinary one
    assert not is_held()
    assert len(told(ahaus)) == 1


def test_each_start_tells_the_backups_before_it_from_the_rows(waiting, now) -> None:
    put_back = backup()
    restored.replay(now)
    put_back()
    restored.replay(now)
    assert is_held()


def test_an_older_backup_after_a_newer_one(ahaus, waiting, now) -> None:
    oldest = backup()
    tick(now)
    newer = backup()
    for put_back in (newer, oldest, newer):
        tick(now)
        put_back()
        Leg.objects.update(reason="")
        restored.replay(now)
        assert is_held()
    assert len(told(ahaus)) == 3


def test_ordinary_starts_and_a_clock_that_is_moved_hold_nothing(ahaus, waiting, now) -> None:
    for hours in (0, 1, 24 * 400, -24):
        tick(now + timedelta(hours=hours))
        restored.replay(now + timedelta(hours=hours))
    assert not is_held()
    assert told(ahaus) == []


def _killed_at(step: int) -> None:
    real, done = generation._reach, []

    def reach(model, number) -> None:
        if len(done) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        real(model, number)
        done.append(number)

    generation._reach = reach
    generation.advance()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_kill_9_between_the_two_stores_is_no_restore(ahaus, waiting, now, step) -> None:
    from django.db import connections

    for _ in range(2):  # also where the power fails at the same place twice
        connections.close_all()
        child = get_context("fork").Process(target=_killed_at, args=(step,))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
        rows, lived = numbers()
        assert rows - lived in (0, 1)
        assert not generation.is_ahead()
    restored.replay(now)
    assert not is_held()
    assert numbers()[0] == numbers()[1]


def test_without_the_mark_nobody_would_notice(waiting, now, monkeypatch) -> None:
    """The mutant: rows that never count as behind."""
    monkeypatch.setattr(generation, "is_behind", lambda: False)
    put_back = backup()
    tick(now)
    put_back()
    restored.replay(now)
    assert not is_held()


def test_rows_that_were_put_back_while_everything_runs_are_not_hidden(waiting, now) -> None:
    put_back = backup()
    tick(now)
    put_back()
    tick(now)
    tick(now)
    restored.replay(now)
    assert is_held()


def test_killed_while_it_is_dealt_with_it_is_dealt_with_at_the_next_start(ahaus, waiting, now, monkeypatch) -> None:
    put_back = backup()
    tick(now)
    put_back()
    monkeypatch.setattr(generation, "meet", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        restored.replay(now)
    monkeypatch.undo()
    monkeypatch.setenv("STADTMAIL_RESOLVER", "127.0.0.1:5353")
    Leg.objects.update(state=WAITING, reason="")
    restored.replay(now)
    assert is_held()
    assert len(told(ahaus)) == 1


def test_an_older_evidence_store_is_told_and_holds_nothing(waiting, now, capsys) -> None:
    Lived.objects.update(number=1)
    Generation.objects.update(number=5)
    restored.replay(now)
    assert "evidence store is older" in capsys.readouterr().err
    assert not is_held()
    restored.replay(now)
    assert "evidence store is older" not in capsys.readouterr().err


def test_numbers_of_messages_are_not_given_a_second_time_unsaid(ahaus, waiting, now) -> None:
    put_back = backup()
    Mailbox.objects.update(last_validity=int(now.timestamp()) + 50)  # a folder was made since, and deleted again
    before = dict(Folder.objects.values_list("id", "uidvalidity"))
    tick(now)
    put_back()
    restored.replay(now + timedelta(hours=1))
    after = dict(Folder.objects.values_list("id", "uidvalidity"))
    assert before.keys() == after.keys()
    assert all(after[one] > before[one] for one in before)
    assert min(after.values()) > now.timestamp() + 50
    assert min(Mailbox.objects.values_list("last_validity", flat=True)) >= max(after.values())


# -- holds ------------------------------------------------------------------------------------------------------------


def hold(tenant, now, contract) -> Hold:  # noqa: F811
    unit = Unit.objects.get(anchor=contract.id, category="BD")
    given = {"type": "objection", "reason": "invoice_objection", "by": SOMEONE, "review_at": now + timedelta(days=30)}
    return holds.place(tenant=tenant, units=[unit.id], now=now, **given)


def found(o, word: str) -> list[str]:
    return [row.row.subject for row in finding.find(o, finding.Wish(text=word)).rows]


def test_a_search_finds_what_is_there_and_nothing_of_what_came_since_the_backup(ahaus, anna, writer, now) -> None:  # noqa: F811
    restored.replay(now)
    o = opened(ahaus, anna)

    def deliver(subject: str) -> None:
        target = [delivery.recipient("anna@ahaus.net", now=now)]
        raw = f"Subject: {subject}\r\n\r\nText\r\n".encode()
        assert writer.submit(raw, target, received=b"", now=now).result(timeout=30) == [None]

    deliver("Aprikose")
    indexing.follow(o, seconds=60)
    put_back = backup()
    for subject in ("Brombeere", "Brombeere", "Brombeere"):
        deliver(subject)
    indexing.follow(o, seconds=60)
    assert len(found(o, "Brombeere")) == 3
    tick(now)
    connections.close_all()
    put_back()
    restored.replay(now)
    deliver("Clementine")
    while indexing.run(now):
        pass
    assert [len(found(o, word)) for word in ("Aprikose", "Brombeere", "Clementine")] == [1, 0, 1]
    for place in indexing.places(o):
        assert b"rombeere" not in b"".join(files.pages(place)).lower(), "no word of what is gone is kept"


def test_c43b_a_hold_that_was_placed_since_is_missed_and_nothing_goes_by_date(ahaus, contract, waiting, now, capsys) -> None:  # noqa: F811
    put_back = backup()
    hold(ahaus, now, contract)
    log.move(now)
    tick(now)
    put_back()
    restored.replay(now)
    assert "1 hold(s) were placed since the backup and are lost (objection 1)" in capsys.readouterr().err
    with pytest.raises(guard.TimeNotTrusted):
        guard.check(now)
    hold(ahaus, now, contract)
    guard.trust(now)
    guard.check(now)


def test_c43b_a_hold_that_was_released_since_does_not_stand_again(ahaus, contract, waiting, now) -> None:  # noqa: F811
    made = hold(ahaus, now, contract)
    log.move(now)
    put_back = backup()
    holds.release(made.id, tenant=ahaus, now=now)
    log.move(now)
    tick(now)
    put_back()
    assert Hold.objects.filter(released_at=None).exists()
    restored.replay(now)
    assert not Hold.objects.filter(released_at=None).exists()
    guard.check(now)  # nothing is missed
    leaves = [json.loads(leaf)["type"] for leaf in log.export(ahaus)["leaves"]]
    assert leaves.count("hold_released") == 1


# -- a machine that was rolled back as a whole -------------------------------------------------------------------------


def test_a_witness_that_knows_more_makes_the_rows_count_as_old(ahaus, contract, waiting, now, tmp_path, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setenv("STADTMAIL_WITNESS_URL", str(tmp_path))
    assert witness.copy(now)
    level = numbers()
    generation.doubt()
    assert generation.is_behind()
    restored.replay(now)
    assert is_held()
    assert numbers()[0] == numbers()[1] > max(level)


def test_units_that_were_erased_since_are_counted_in_the_leaf(ahaus, contract, waiting, now) -> None:  # noqa: F811
    put_back = backup()
    units = list(Unit.objects.filter(anchor=contract.id, category="BD-OPT").values_list("id", flat=True))
    units = units or list(Unit.objects.filter(anchor=contract.id, category="BD-CRED").values_list("id", flat=True))
    erasure.erase(units, tenant=ahaus, now=now, cause="withdrawn")
    tick(now)
    put_back()
    assert restored.replay(now) == len(units)
    assert [leaf["count"] for leaf in told(ahaus)] == [len(units)]
