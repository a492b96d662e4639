"""kill -9 at every step of carrying and of taking: nothing is lost, and nothing comes twice but where the 250 could not be noted."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connections

from stadtmail.mail.actions import delivery, outgoing, sending
from stadtmail.mail.leaving import Leg, Transit
from stadtmail.mail.models import Message
from stadtmail.mail.outbound.bounds import Bounds
from tests.mail.outbound.conftest import MAIL
from tests.mail.outbound.test_sending import inbox

pytestmark = pytest.mark.postgres
LATER = timedelta(minutes=6)  # the dead worker's lease has run out


def start(step: int, sink, dns) -> subprocess.Popen:
    name, env = connections["default"].settings_dict["NAME"], dict(os.environ)
    if url := env.get("STADTMAIL_DATABASE_URL"):  # the tests' own database on that server
        env["STADTMAIL_DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}"
    connections.close_all()
    command = [sys.executable, "-m", "tests.mail.outbound.crash", str(step), str(sink.port), str(dns.port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


@pytest.mark.matrix
@pytest.mark.parametrize(("step", "copies"), [(1, 2), (2, 2), (3, 2), (4, 1)])
def test_a_worker_killed_after_the_remote_answer(step, copies, ahaus, anna, now, sink, dns, carry) -> None:
    sending.send(ahaus, contract=anna.contract, sender="anna@ahaus.net", recipients=["a@example.org"], raw=MAIL, now=now)
    child = start(step, sink, dns)
    assert child.wait(60) == -9
    assert len(sink.taken) == 1
    assert Leg.objects.count() == (0 if step == 4 else 1)
    carry(now)  # the lease still stands
    assert len(sink.taken) == 1
    carry(now + LATER)
    assert len(sink.taken) == copies
    assert not Leg.objects.exists()


@pytest.mark.matrix
@pytest.mark.parametrize("step", [2, 3, 4])
def test_a_leg_to_a_mailbox_here_comes_exactly_once(step, ahaus, anna, ben, now, sink, dns, carry) -> None:
    outgoing.enqueue(ahaus, sender="anna@ahaus.net", recipients=["ben@ahaus.net"], raw=MAIL, now=now)
    assert start(step, sink, dns).wait(60) == -9
    assert len(inbox(ahaus, ben)) == (1 if step == 4 else 0)
    carry(now + LATER)
    assert len(inbox(ahaus, ben)) == 1
    assert not Leg.objects.exists()


@pytest.mark.matrix
@pytest.mark.parametrize("step", [2, 3, 4])
def test_a_bounce_comes_exactly_once(step, ahaus, anna, now, sink, dns, carry) -> None:
    sink.answers = {"gone@example.org": "550 5.1.1 no"}
    sending.send(ahaus, contract=anna.contract, sender="anna@ahaus.net", recipients=["gone@example.org"], raw=MAIL, now=now)
    assert start(step, sink, dns).wait(60) == -9
    assert len(inbox(ahaus, anna)) == (1 if step == 4 else 0)
    carry(now + LATER)
    assert len(inbox(ahaus, anna)) == 1
    assert not Leg.objects.exists()


@pytest.mark.long
def test_killed_at_any_moment_everything_arrives_and_few_twice(ahaus, anna, now, sink, dns, carry) -> None:
    names = [f"r{number}@example.org" for number in range(60)]
    for name in names:
        outgoing.enqueue(ahaus, sender="anna@ahaus.net", recipients=[name], raw=MAIL, now=now)
    child = start(0, sink, dns)
    child.stdout.readline()
    began = time.monotonic()
    while len(sink.taken) < 5 and time.monotonic() - began < 20:
        time.sleep(0.01)
    time.sleep(random.random() * 0.2)
    child.kill()
    child.wait(10)
    carry(now + LATER, limits=Bounds())  # patient: a loaded machine must not make one lose a 250
    counted = Counter(name for one in sink.taken for name in one.recipients)
    assert set(counted) == set(names)
    assert sum(counted.values()) - len(names) <= 4  # connections that were at work
    assert not Leg.objects.exists()


def test_taking_is_all_or_nothing(ahaus, anna, ben, now, monkeypatch) -> None:
    """The process ends between the keys and the rows, or inside the transaction: nobody has anything, and the key is an orphan."""
    from stadtmail.privacy import sweep

    class Died(BaseException):
        pass

    for module, name in ((delivery.storing, "place"), (outgoing, "save")):

        def die(*_):
            raise Died

        with monkeypatch.context() as patched:
            patched.setattr(module, name, die)
            with pytest.raises(Died):
                sending.send(
                    ahaus, contract=anna.contract, sender="anna@ahaus.net", recipients=["ben@ahaus.net", "a@example.org"], raw=MAIL, now=now
                )
    assert not Transit.objects.exists()
    assert Message.objects.count() == 2  # the welcomes
    assert sweep.run(now + timedelta(hours=3)).orphans == 2
