"""The end of a contract that comes by itself cuts what its person still has open, at every door (C-2.8).

The cancellation was weeks ago; on its day a program waits in IDLE, another one is about to send, a third one edits filters.
"""

import base64
from datetime import timedelta

import pytest

from stadtmail.doors.console import work
from stadtmail.kit import clock
from stadtmail.mail import views
from stadtmail.mail.models import Mailbox
from stadtmail.people import jobs
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts, credentials
from stadtmail.usage import connections, sessions, volatile
from tests.doors.imap.conftest import Door as ImapDoor
from tests.doors.imap.conftest import wait_for
from tests.doors.sieve.conftest import Door as SieveDoor
from tests.doors.submission.conftest import Door as SubmissionDoor
from tests.mail.conftest import _no_old_blobs, anna, ben  # noqa: F401 - the standing cast

PASSWORD = "ein langer Satz 7"


@pytest.fixture
def end_of_anna(ahaus, anna, ben, now):  # noqa: F811
    """Anna has cancelled for tomorrow, Ben has not. Returns the moment of the end."""
    volatile.clear()
    for one in (anna, ben):
        credentials.set_mail_login(people.contract(ahaus, one.contract), tenant=ahaus, on=True, password=PASSWORD)
    at = now + timedelta(days=1)
    contracts.cancel(people.contract(ahaus, anna.contract), ends_at=at, now=now)
    yield at
    volatile.clear()


def imap(name: str, door: ImapDoor):
    client = door.client(login=f"{name}@ahaus.net")
    client.ask("SELECT INBOX")
    client.send(b"i IDLE\r\n")
    assert client.line().startswith(b"+")
    return client


def submission(name: str, door: SubmissionDoor):
    client = door.client()
    assert client.ask(b"AUTH PLAIN " + base64.b64encode(f"\0{name}@ahaus.net\0{PASSWORD}".encode())).startswith("235")
    assert client.ask(f"MAIL FROM:<{name}@ahaus.net>".encode()).startswith("250")
    return client


def sieve(name: str, door: SieveDoor):
    return door.client(login=f"{name}@ahaus.net")


def last_words(client) -> bytes:
    """Everything up to the end of the connection."""
    said = b""
    while piece := client.socket.recv(4096):
        said += piece
    return said


DOORS = {"imap": (ImapDoor, imap), "submission": (SubmissionDoor, submission), "sieve": (SieveDoor, sieve)}


@pytest.mark.parametrize("which", DOORS)
def test_c28_an_end_that_comes_by_itself_cuts_every_door(which, ahaus, anna, end_of_anna) -> None:  # noqa: F811
    make, enter = DOORS[which]
    door = make()
    try:
        hers, his = enter("anna", door), enter("ben", door)
        work.Work(tuple(task for task in work.TASKS if task.name == "ends")).round(end_of_anna)
        assert people.contract(ahaus, anna.contract).state == "ended"
        assert wait_for(lambda: connections.of_person(ahaus.id, anna.person, clock.now()) == 0, 3)
        assert connections.count(clock.now()) == 1
        said = last_words(hers)
        assert b"BYE" in said or said.startswith(b"421")
        hers.close()
        his.close()
    finally:
        door.close()


@pytest.mark.parametrize("which", ["imap", "sieve"])
def test_c28_even_where_the_process_that_ended_it_died_before_it_could_say_so(which, ahaus, anna, end_of_anna) -> None:  # noqa: F811
    make, enter = DOORS[which]
    door = make()
    try:
        hers = enter("anna", door)
        jobs.run(end_of_anna)  # nobody is told
        assert wait_for(lambda: connections.of_person(ahaus.id, anna.person, clock.now()) == 0, 5)
        hers.close()
    finally:
        door.close()


def test_c28_a_session_from_before_does_not_come_back_with_the_contract(ahaus, anna, end_of_anna) -> None:  # noqa: F811
    token = sessions.begin(tenant=ahaus.id, kind="cookie", data={}, now=end_of_anna, person=anna.person)
    work.Work(tuple(task for task in work.TASKS if task.name == "ends")).round(end_of_anna)
    assert sessions.find(token, tenant=ahaus.id, now=end_of_anna) is None


def test_role_mailboxes_have_no_contract_and_live(ahaus, anna, now) -> None:  # noqa: F811
    from stadtmail.mail.actions import accounts

    accounts.open_roles(ahaus, now=now)
    boxes = list(Mailbox.objects.values_list("id", flat=True))
    assert views.living(boxes) == set(boxes)
