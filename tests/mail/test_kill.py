"""kill -9 at every numbered step of a delivery: no half message, no lost message that had been accepted (law 6); a hold keeps it whole."""

import os
import random
import subprocess
import sys
import time
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections

from stadtmail.kit import clock, store
from stadtmail.mail import jobs, queries
from stadtmail.mail.models import Body, Folder, Mailbox, Message
from stadtmail.privacy import events, holds, recovery, sweep
from stadtmail.privacy.models import Unit
from stadtmail.vault import blobs
from tests.mail.conftest import opened

SMALL, LARGE = 100, 200_000
# (step, size, messages that are stored then)
STEPS = [(1, SMALL, 0), (1, LARGE, 0), (2, LARGE, 0), (3, SMALL, 0), (3, LARGE, 0), (4, SMALL, 1), (4, LARGE, 1), (5, SMALL, 1)]
pytestmark = pytest.mark.postgres


def start(step: int, size: int) -> subprocess.Popen:
    name, env = connections["default"].settings_dict["NAME"], dict(os.environ)
    if url := env.get("STADTMAIL_DATABASE_URL"):  # the tests' own database on that server
        env["STADTMAIL_DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}"
    connections.close_all()
    command = [sys.executable, "-m", "tests.mail.crash", str(step), str(size)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def check(tenant, account, accepted: set[str]) -> list[str]:
    """Nothing half: each row opens, has its body, its uid and its bytes in the count. Returns the subjects."""
    o = opened(tenant, account)
    rows: list[queries.MessageRow] = []
    while part := queries.page(o, 1, before=rows[-1].uid if rows else None, count=500):
        rows += part
    for row in rows:
        assert len(b"".join(queries.raw(o, 1, row.uid))) == row.size_bytes
    folder = Folder.objects.get(mailbox=o.mailbox, role="inbox")
    assert [row.uid for row in rows] == list(range(folder.uidnext - 1, 0, -1))
    assert Mailbox.objects.get(id=o.mailbox.id).used_bytes == sum(Message.objects.values_list("size_bytes", flat=True))
    assert Body.objects.count() == Message.objects.filter(blob=None).count()
    subjects = [row.subject for row in rows]
    assert accepted <= set(subjects)
    assert len(set(subjects)) == len(subjects)
    old = time.time() - 7200
    for blob in blobs.every():
        os.utime(blobs.path_of(blob), (old, old))
    jobs.remove_lost_blobs(clock.now())
    assert set(blobs.every()) == set(Message.objects.exclude(blob=None).values_list("blob", flat=True))
    return subjects


@pytest.mark.matrix
@pytest.mark.parametrize(("step", "size", "stored"), STEPS)
def test_killed_at_a_step(step, size, stored, ahaus, anna) -> None:
    child = start(step, size)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == -9
    assert len(check(ahaus, anna, set(out.split()))) == 1 + stored


def hold(tenant, unit: UUID, now: datetime) -> UUID:
    """A court's order to keep a mailbox."""
    order = {"type": "legal_hold", "reason": "court_order", "by": "desk:1", "approved_by": "officer:2"}
    return holds.place(tenant=tenant, units=[unit], review_at=now + timedelta(days=30), now=now, **order).id


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "between", "after"])
@pytest.mark.parametrize(("step", "size", "stored"), STEPS)
def test_c41_a_hold_around_a_killed_delivery_keeps_all_of_it(step, size, stored, when, ahaus, anna, now) -> None:
    """Nothing of it goes while the hold stands, and with its release everything does, once."""
    unit = Mailbox.objects.get(contract=anna.contract).unit_id
    placed = [hold(ahaus, unit, now)] if when == "before" else []
    child = start(step, size)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == -9
    placed += [hold(ahaus, unit, now)] if when == "between" else []
    recovery.replay(now)
    kept = check(ahaus, anna, set(out.split()))
    assert len(kept) == 1 + stored
    placed += [hold(ahaus, unit, now)] if when == "after" else []
    with store.writing():
        events.record(tenant=ahaus, anchor_kind="contract", anchor=anna.contract, name="contract_end", at=now, now=now)
    due = Unit.objects.get(id=unit).due_at
    sweep.run(due)
    assert check(ahaus, anna, set()) == kept
    assert holds.release(placed[0], tenant=ahaus, now=due) == 1
    assert not Message.objects.exists()
    assert not Body.objects.exists()
    assert list(blobs.every()) == []


@pytest.mark.long
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_killed_at_any_moment(size, ahaus, anna) -> None:
    child = start(0, size)
    begun = [child.stdout.readline().strip() for _ in range(10)]
    time.sleep(random.random() * 0.3)
    child.kill()
    rest, _ = child.communicate(timeout=60)
    accepted = {*begun, *rest.split("\n")[:-1]}  # a last line that was cut off is no answer
    assert len(check(ahaus, anna, accepted)) >= len(accepted) + 1
