"""The end of a share over IMAP: whoever reads or waits in the folder is put out, and nobody else was ever in."""

import threading

import pytest

from stadtmail.kit import clock
from stadtmail.mail import queries
from stadtmail.mail.actions import accounts, sealed, sharing
from stadtmail.mail.shares import Share
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts, credentials, restriction
from tests.doors.imap.conftest import PASSWORD
from tests.doors.imap.sharing.conftest import ALL, HERE, RAW, share
from tests.mail.conftest import form


def test_taken_away_the_next_command_and_whoever_waits_are_told(door, owner, guest) -> None:
    share(owner, "lrs")
    guest.ask(f"SELECT {HERE}")
    idle = door.client(login="ben@ahaus.net")
    idle.ask(f"SELECT {HERE}")
    idle.send(b"i IDLE\r\n")
    assert idle.line() == b"+ Waiting"
    owner.ask("DELETEACL Verein ben@ahaus.net")
    assert idle.line() == b"* BYE The mailbox is not shared any more"
    answer = guest.ask("FETCH 1:* (FLAGS BODY.PEEK[])")
    assert answer[0] == b"* BYE The mailbox is not shared any more"
    assert b"Vereinskanarie" not in b"".join(answer)
    idle.close()


@pytest.mark.parametrize("how", ["sealed", "ended", "deleted folder", "portal"])
def test_every_other_end_puts_its_readers_out(ahaus, anna, owner, guest, how) -> None:
    share(owner, "lrs")
    guest.ask(f"SELECT {HERE}")
    guest.send(b"i IDLE\r\n")
    assert guest.line() == b"+ Waiting"
    contract = people.contract(ahaus, anna.contract)
    if how == "sealed":
        sealed.seal_mailbox(contract, tenant=ahaus, password=PASSWORD, now=clock.now())
    elif how == "ended":
        contracts.cancel(contract, ends_at=clock.now(), now=clock.now())
    elif how == "portal":
        o = queries.opened(queries.mailbox_of(ahaus, anna.contract), holder=anna.contract)
        sharing.withdraw_one(o, Share.objects.get().id, now=clock.now())
    else:
        owner.ask("DELETE Verein")
    assert guest.line().startswith(b"* BYE The mailbox is ")


def test_c62c_a_restriction_is_seen_by_the_beat(ahaus, anna, open_door, owner) -> None:
    """Nothing rings for it: whoever waits is put out all the same."""
    share(owner, "lrs")
    guest = open_door(beat_seconds=0.2).client(login="ben@ahaus.net")
    guest.ask(f"SELECT {HERE}")
    guest.send(b"i IDLE\r\n")
    assert guest.line() == b"+ Waiting"
    restriction.restrict(people.contract(ahaus, anna.contract), tenant=ahaus, reason="needed_for_claim", now=clock.now())
    assert guest.line() == b"* BYE The mailbox is not shared any more"
    guest.close()


def test_a_right_that_goes_while_messages_are_read_ends_the_reading(owner, guest) -> None:
    """No message is opened with a right that is gone: not even in the middle of one FETCH."""
    for _ in range(150):
        owner.ask("APPEND Verein {}", RAW)
    share(owner, "lrs")
    guest.ask(f"SELECT {HERE}")
    guest.send(b"f FETCH 1:* (BODY.PEEK[])\r\n")
    guest.line()
    gone = threading.Event()

    def take() -> None:
        owner.ask("DELETEACL Verein ben@ahaus.net")
        gone.set()

    taking = threading.Thread(target=take)
    taking.start()
    taking.join(20)
    assert gone.is_set()
    last = guest.answer(b"f")[-1]  # what was opened before may be under way; nothing is opened after
    assert last in (b"NO [NOPERM] The rights to this mailbox do not allow that", b"OK Done", b"")
    assert guest.ask("NOOP")[0] in (b"* BYE The mailbox is not shared any more", b"")


def test_another_resident_of_the_city_and_of_another_sees_nothing_of_it(ahaus, musterstadt, door, owner, now) -> None:
    share(owner, ALL)
    for city, name in ((ahaus, "carla"), (musterstadt, "ben")):
        made = accounts.open_account(form(localpart=name), tenant=city, now=now)
        credentials.set_mail_login(people.contract(city, made.contract), tenant=city, on=True, password=PASSWORD)
        other = door.client(login=made.address)
        assert not [line for line in other.ask('LIST "" *') if b"Andere" in line]
        assert other.ask(f"SELECT {HERE}")[-1].startswith(b"NO [NONEXISTENT]")
        other.close()
