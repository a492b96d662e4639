"""What was right and is right no more: a revoked, changed or switched-off password, an ended contract; it counts at once."""

import time

from stadtmail.doors.smtp.bounds import Bounds
from stadtmail.kit import clock
from stadtmail.people.actions import app_passwords, contracts, credentials
from stadtmail.usage import connections
from stadtmail.usage.connections import end_credential
from tests.doors.submission.conftest import PASSWORD
from tests.doors.submission.scram import proven
from tests.doors.submission.test_attacks import auth, begin, send


def test_a_proof_is_good_once(door, make) -> None:
    from tests.doors.submission import scram

    made, said = make(), []
    client = door.client()
    ask, client.ask = client.ask, lambda octets: (said.append(octets), ask(octets))[1]
    assert scram.proven(client, "anna@ahaus.net", made.password).startswith("235")
    client.close()
    again = door.client()
    assert again.ask(said[0]).startswith("334")
    assert again.ask(said[1]).startswith("501")  # the server's half of the nonce is another one
    again.close()


def test_revoking_cuts_at_once_and_lets_nothing_more_through(ahaus, contract, door, make, ben, inbox, now) -> None:
    lost, kept = make(label="verloren"), make(label="behalten")
    clients = {}
    for made in (lost, kept):
        clients[made.id] = door.client()
        assert clients[made.id].ask(auth("anna@ahaus.net", made.password)).startswith("235")
        assert connections.of_credential(ahaus.id, made.id, clock.now()) == 1
    before = len(inbox(ben))
    begin(clients[lost.id])
    clients[lost.id].ask(b"DATA")
    assert app_passwords.revoke(contract, lost.id, tenant=ahaus, now=now)
    assert end_credential(ahaus.id, lost.id) == 1
    clients[lost.id].say(b"From: anna@ahaus.net\r\n\r\nzu spaet\r\n.\r\n")
    assert clients[lost.id].reply().startswith("421")
    assert len(inbox(ben)) == before
    assert send(clients[kept.id], b"From: anna@ahaus.net\r\n").startswith("250")
    for client in clients.values():
        client.close()
    client = door.client()
    assert client.ask(auth("anna@ahaus.net", lost.password)).startswith("535")
    assert proven(client, "anna@ahaus.net", lost.password).startswith("535")
    client.close()


def test_an_idle_connection_is_cut_within_a_second_of_the_revocation(ahaus, contract, open_door, ben, make, now) -> None:
    door = open_door(beat_seconds=600, watch_seconds=Bounds().watch_seconds)
    made, client = make(), door.client()
    assert client.ask(auth("anna@ahaus.net", made.password)).startswith("235")
    app_passwords.revoke(contract, made.id, tenant=ahaus, now=now)
    began = time.monotonic()
    end_credential(ahaus.id, made.id)
    assert client.reply().startswith("421")
    assert time.monotonic() - began < 20  # the watch, a second apart; the next beat of the connection is far away
    client.close()


def test_switching_the_login_password_off_and_changing_it_count_at_once(ahaus, contract, door, allowed) -> None:
    for _ in range(2):  # the second time it is known from a moment ago
        client = door.client()
        assert client.ask(auth("anna@ahaus.net", PASSWORD)).startswith("235")
        client.close()
    credentials.set_password(contract, tenant=ahaus, old=PASSWORD, new="ein anderer Satz 8", now=clock.now())
    client = door.client()
    assert client.ask(auth("anna@ahaus.net", PASSWORD)).startswith("535")
    assert client.ask(auth("anna@ahaus.net", "ein anderer Satz 8")).startswith("235")
    client.close()
    client = door.client()
    assert proven(client, "anna@ahaus.net", "ein anderer Satz 8").startswith("235")
    client.close()
    credentials.set_mail_login(contract, tenant=ahaus, on=False)
    client = door.client()
    assert client.ask(auth("anna@ahaus.net", "ein anderer Satz 8")).startswith("535")
    assert proven(client, "anna@ahaus.net", "ein anderer Satz 8").startswith("535")
    client.close()


def test_c28_the_end_of_the_contract_ends_it_all(ahaus, contract, door, make, allowed, now) -> None:
    made, client = make(), door.client()
    assert client.ask(auth("anna@ahaus.net", made.password)).startswith("235")
    contracts.cancel(contract, ends_at=now, now=now)
    assert client.ask(b"MAIL FROM:<anna@ahaus.net>").startswith("553")
    for password in (made.password, PASSWORD):
        other = door.client()
        assert other.ask(auth("anna@ahaus.net", password)).startswith("535")
        assert proven(other, "anna@ahaus.net", password).startswith("535")
        other.close()
    client.close()
