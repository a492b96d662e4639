"""kill -9 at each step of sealing, unsealing, beginning anew and changing the password: it opens before and after, and ends whole."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from stadtmail.kit import store
from stadtmail.mail import queries, wraps
from stadtmail.mail.actions import moving, sealed
from stadtmail.mail.models import MailboxKey, Message
from stadtmail.people import queries as people
from stadtmail.people.actions import credentials
from stadtmail.privacy import recovery
from stadtmail.privacy.models import Unit
from stadtmail.vault import keys
from tests.mail.conftest import opened
from tests.mail.sealed_child import NEW, PASSWORD

pytestmark = pytest.mark.postgres


def begun(action: str, when: str, account, **more) -> subprocess.Popen:
    name, env = connections["default"].settings_dict["NAME"], dict(os.environ)
    if url := env.get("STADTMAIL_DATABASE_URL"):  # the tests' own database on that server
        env["STADTMAIL_DATABASE_URL"] = f"{url.rpartition('/')[0]}/{name}"
    connections.close_all()
    command = [sys.executable, "-m", "tests.mail.sealed_child", action, when, str(account.contract)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, **more)


def killed(action: str, when: str, account) -> None:
    child = begun(action, when, account)
    _, said = child.communicate(timeout=120)
    assert child.returncode == -9, said.decode()
    store.close_reader()
    keys.drop_copies()


def readable(tenant, account, *passwords: str) -> list[str]:
    """What the holder reads, with whichever of the passwords the account has."""
    (password,) = [one for one in passwords if _is(tenant, account, one)]
    box = queries.mailbox_of(tenant, account.contract)
    o = queries.opened(box, holder=account.contract, halves=wraps.opened(box.id, wraps.of_password(password)))
    rows = queries.page(o, 1, count=500)
    assert all(b"".join(queries.raw(o, 1, row.uid)) for row in rows)
    assert all(row.name for row in queries.folders(o))
    return sorted(row.subject for row in rows)


def _is(tenant, account, password: str) -> bool:
    try:
        credentials.check_password(people.contract(tenant, account.contract), password, tenant=tenant)
    except credentials.WrongCredentials:
        return False
    return True


def healed(tenant, account, now) -> None:
    """What the next start and the work role do."""
    recovery.replay(now)
    moving.finish_all(now)
    box = queries.mailbox_of(tenant, account.contract)
    pairs = list(MailboxKey.objects.filter(mailbox=box))
    assert [pair.current for pair in pairs] == [True]
    assert box.unit_id == pairs[0].unit_id
    assert set(Message.objects.filter(folder__mailbox=box).values_list("pair", flat=True)) <= {pairs[0].unit_id}
    assert Unit.objects.filter(anchor=account.contract, category="INH").count() == 1


@pytest.fixture
def full(anna, deliver) -> list[str]:
    for number in range(6):
        deliver(b"Subject: Nummer " + str(number).encode() + b"\r\n\r\nWort\r\n", "anna@ahaus.net")
    return sorted([f"Nummer {number}" for number in range(6)])


WITHIN = [f"erasure {number}" for number in range(2, 7)]
AT = ["step 1", "wraps before", "wraps after", "step 2", "portion between", "portion inside", "step 3", *WITHIN, "step 4", "end"]


@pytest.mark.long
@pytest.mark.parametrize("when", AT)
def test_sealing(when, ahaus, anna, full, deliver, now) -> None:
    killed("seal", when, anna)
    is_sealed = queries.is_sealed(queries.mailbox_of(ahaus, anna.contract))
    assert is_sealed == (when not in ("step 1", "wraps before", "wraps after"))
    before = readable(ahaus, anna, PASSWORD)  # at once, before anything has healed
    assert set(full) <= set(before)
    assert len(before) == 7
    deliver(b"Subject: danach\r\n\r\nx\r\n", "anna@ahaus.net")
    healed(ahaus, anna, now)
    assert readable(ahaus, anna, PASSWORD) == sorted([*before, "danach"])
    if is_sealed:
        with pytest.raises(queries.Locked):
            opened(ahaus, anna)


@pytest.mark.long
@pytest.mark.parametrize("when", ["end"])
def test_unsealing(when, ahaus, anna, full, now) -> None:
    sealed.seal_mailbox(people.contract(ahaus, anna.contract), tenant=ahaus, password=PASSWORD, now=now)
    killed("unseal", when, anna)
    assert len(readable(ahaus, anna, PASSWORD)) == 7
    healed(ahaus, anna, now)
    assert len(queries.page(opened(ahaus, anna), 1)) == 7


@pytest.mark.long
@pytest.mark.parametrize("when", ["wraps before", "wraps after", "end"])
def test_the_password(when, ahaus, anna, full, now) -> None:
    sealed.seal_mailbox(people.contract(ahaus, anna.contract), tenant=ahaus, password=PASSWORD, now=now)
    killed("password", when, anna)
    assert _is(ahaus, anna, NEW) == (when == "end")
    assert len(readable(ahaus, anna, PASSWORD, NEW)) == 7  # whichever it is: account and mailbox agree
    healed(ahaus, anna, now)


@pytest.mark.long
@pytest.mark.parametrize("when", ["step 1", "step 2", "step 3", "erasure 3", "erasure 5", "step 4"])
def test_beginning_anew(when, ahaus, anna, full, deliver, now) -> None:
    sealed.seal_mailbox(people.contract(ahaus, anna.contract), tenant=ahaus, password=PASSWORD, now=now)
    killed("anew", when, anna)
    deliver(b"Subject: danach\r\n\r\nx\r\n", "anna@ahaus.net")
    healed(ahaus, anna, now)
    found = readable(ahaus, anna, PASSWORD)
    assert len(found) == 8 if when == "step 1" else found == ["danach"]


def memory(pid: int) -> Iterator[bytes]:
    """All that a process has in its memory."""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            start, end = (int(one, 16) for one in span.split("-"))
            if rights.startswith("rw") and end - start < 1 << 30:
                mem.seek(start)
                try:
                    yield mem.read(end - start)
                except OSError:  # a page that nobody may read
                    continue


def test_the_memory_of_the_work_role_has_neither_half_nor_message(ahaus, anna, ben, deliver, now) -> None:
    """All jobs ran, every unit was opened: Ben's words are there, which shows that we look rightly; Anna's are not."""
    halves = sealed.seal_mailbox(people.contract(ahaus, anna.contract), tenant=ahaus, password=PASSWORD, now=now).halves
    deliver(b"Subject: Kanarienruf-Anna-4711\r\n\r\nMohnblume-Anna\r\n", "anna@ahaus.net")
    deliver(b"Subject: Kanarienruf-Ben-4711\r\n\r\nMohnblume-Ben\r\n" + b"x" * 50_000, "ben@ahaus.net")
    child = begun("work", "", anna, stdin=subprocess.PIPE)
    assert child.stdout.readline().endswith(b"pieces\n")
    hers = next(iter(halves.values()))
    seen = dict.fromkeys((b"Ben-4711", b"Anna-4711", b"Mohnblume-Anna", hers), False)
    for piece in memory(child.pid):
        seen |= {word: True for word in seen if word in piece}
    child.communicate(timeout=30)
    assert seen == {b"Ben-4711": True, b"Anna-4711": False, b"Mohnblume-Anna": False, hers: False}
