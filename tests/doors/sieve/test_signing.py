"""How mail programs come in to the filters: app passwords and SCRAM; what is revoked is cut."""

import base64
import shutil
import subprocess

import pytest

from stadtmail.kit import clock
from stadtmail.people.actions import app_passwords
from stadtmail.usage import connections
from tests.doors.sieve.conftest import PASSWORD, wait_for
from tests.doors.submission.scram import NONCE, proof


@pytest.fixture
def made(ahaus, contract):
    return app_passwords.make(contract, tenant=ahaus, label="Laptop", scopes=["sieve"], now=clock.now())


def scram(client, name: str, password: str, *, with_initial: bool = True) -> bytes:
    bare = f"n={name},r={NONCE}"
    first = base64.b64encode(f"n,,{bare}".encode())
    if with_initial:
        client.send(b'AUTHENTICATE "SCRAM-SHA-256" "' + first + b'"\r\n')
    else:
        client.send(b'AUTHENTICATE "SCRAM-SHA-256"\r\n')
        assert client.line() == b'""'
        client.send(b"{%d+}\r\n" % len(first) + first + b"\r\n")
    challenge = base64.b64decode(client.line().strip(b'"')).decode()
    without = f"c=biws,r={challenge.split(',')[0].removeprefix('r=')}"
    mine, theirs = proof(password, bare, challenge, without)
    client.send(b'"' + base64.b64encode(f"{without},p={base64.b64encode(mine).decode()}".encode()) + b'"\r\n')
    line = client.line()
    if line.startswith(b"OK "):
        verdict = base64.b64encode(b"v=" + base64.b64encode(theirs))
        assert line == b'OK (SASL "' + verdict + b'") "Welcome"', "the server proves that it knows the password"
    return line


@pytest.mark.parametrize("with_initial", [True, False])
def test_scram_with_app_password_and_login_password(door, made, with_initial) -> None:
    for password in (made.password, PASSWORD):
        client = door.client(login="")
        assert scram(client, "anna@ahaus.net", password, with_initial=with_initial).startswith(b"OK ")
        assert client.ask("LISTSCRIPTS") == [b'OK "Done"']
        client.close()
    client = door.client(login="")
    for name in ("anna@ahaus.net", "niemand@ahaus.net", "anna@elsewhere.example"):
        assert scram(client, name, "falsch") == b'NO "Name or password is wrong"'
    assert scram(client, "anna@ahaus.net", made.password).startswith(b"OK ")
    client.close()


def test_an_app_password_for_reading_changes_no_filter(ahaus, contract, door) -> None:
    other = app_passwords.make(contract, tenant=ahaus, label="nur lesen", scopes=["imap", "submission"], now=clock.now())
    client = door.client(login="")
    assert client.login(password=other.password) == b'NO "Name or password is wrong"'
    assert scram(client, "anna@ahaus.net", other.password).startswith(b"NO ")
    client.close()


def test_revoking_ends_what_began_with_it_and_nothing_else(ahaus, contract, door, made) -> None:
    lost, kept = door.client(login=""), door.client()
    assert lost.login(password=made.password) == b'OK "Welcome"'
    assert connections.of_credential(ahaus.id, made.id, clock.now()) == 1
    app_passwords.revoke(contract, made.id, tenant=ahaus, now=clock.now())
    connections.end_credential(ahaus.id, made.id)
    assert lost.answer()[-1].startswith(b"BYE ")
    assert kept.ask("NOOP") == [b'OK "Done"']
    assert wait_for(lambda: connections.of_credential(ahaus.id, made.id, clock.now()) == 0)
    for one in (lost, kept):
        one.close()


@pytest.mark.parametrize("said", ["!!!", "", base64.b64encode(b"p=tls-unique,,n=a,r=x").decode(), base64.b64encode(b"\xff\xfe").decode()])
def test_what_is_no_proof_is_refused_and_the_talk_goes_on(said, door, residents) -> None:
    client = door.client(login="")
    assert client.ask(f'AUTHENTICATE "SCRAM-SHA-256" "{said}"')[-1] == b'NO "The mechanism does not say this"'
    assert client.ask("NOOP") == [b'OK "Done"']
    client.close()


@pytest.mark.skipif(shutil.which("sieve-connect") is None, reason="sieve-connect is not installed (apt-get install sieve-connect)")
def test_sieve_connect_takes_scram(open_door, residents, tls, made) -> None:
    door = open_door(tls)
    done = subprocess.run(
        ["sieve-connect", "--server", "127.0.0.1", "--port", str(door.port), "--user", "anna@ahaus.net", "--passwordfd", "0",
         "--authmech", "SCRAM-SHA-256", "--notlsverify", "--nosslverify", "--list"],
        input=made.password + "\n", text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    if "No usable mechanism" in done.stderr or "No SASL mechanism found" in done.stderr:
        pytest.skip("Debian's Authen::SASL has no SCRAM")
    assert done.returncode == 0, (done.stdout, done.stderr)
