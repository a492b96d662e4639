"""Conversations with the ManageSieve door (RFC 5804), octet for octet."""

import base64
import shutil
import subprocess

import pytest

from tests.doors.sieve.conftest import PASSWORD

KEEP = b'require "fileinto";\r\nfileinto "Archiv";\r\n'


def test_the_greeting_says_what_may_be_used(door) -> None:
    client = door.client(login="", greeted=False)
    lines = client.answer()
    assert lines[0] == b'"IMPLEMENTATION" "stadtmail"'
    assert lines[1] == b'"SASL" "SCRAM-SHA-256 PLAIN"'
    assert lines[2].startswith(b'"SIEVE" "fileinto reject ereject envelope ')
    assert b'"VERSION" "1.0"' in lines
    assert b'"MAXREDIRECTS" "4"' in lines
    assert b'"UNAUTHENTICATE"' in lines
    assert b'"STARTTLS"' not in lines
    assert lines[-1] == b'OK "ready"'
    client.close()


def test_the_life_of_a_script(client) -> None:
    assert client.ask("LISTSCRIPTS") == [b'OK "Done"']
    assert client.ask('HAVESPACE "haupt" 400') == [b'OK "Done"']
    assert client.ask('PUTSCRIPT "haupt" {}', KEEP) == [b'OK "Done"']
    assert client.ask("PUTSCRIPT {} {}", "zweites Körbchen".encode(), b"keep;") == [b'OK "Done"']
    assert client.ask('SETACTIVE "haupt"') == [b'OK "Done"']
    assert client.ask("LISTSCRIPTS") == [b'"haupt" ACTIVE', '"zweites Körbchen"'.encode(), b'OK "Done"']
    assert client.ask('GETSCRIPT "haupt"') == [b"{%d}\r\n" % len(KEEP) + KEEP, b'OK "Done"']
    assert client.ask('DELETESCRIPT "haupt"') == [b'NO (ACTIVE) "The script is active; choose another one first"']
    assert client.ask('RENAMESCRIPT "haupt" "zweites K\u00f6rbchen"') == [b'NO (ALREADYEXISTS) "There is a script with this name"']
    assert client.ask('RENAMESCRIPT "haupt" "eins"') == [b'OK "Done"']
    assert client.ask("LISTSCRIPTS")[0] == b'"eins" ACTIVE'
    assert client.ask('SETACTIVE ""') == [b'OK "Done"']
    assert client.ask('DELETESCRIPT "eins"') == [b'OK "Done"']
    for command in ('GETSCRIPT "eins"', 'SETACTIVE "eins"', 'DELETESCRIPT "eins"', 'RENAMESCRIPT "eins" "x"'):
        assert client.ask(command) == [b'NO (NONEXISTENT) "No such script"']
    assert client.ask("LOGOUT") == [b'OK "See you"']
    assert client.line() == b""


def test_mistakes_are_told_with_their_line(client, door) -> None:
    answer = client.ask('PUTSCRIPT "x" {}', b'keep;\r\nfileinto "Archiv";\r\n')
    assert answer == [b'NO {52}\r\nZeile 2, Spalte 1: Oben fehlt: require ["fileinto"];']
    assert client.ask("CHECKSCRIPT {}", b"keep") == [b'NO "Zeile 1, Spalte 1: Nach keep fehlt ein Semikolon."']
    assert client.ask("CHECKSCRIPT {}", b"keep;") == [b'OK "Done"']
    warned = client.ask('PUTSCRIPT "x" {}', b'redirect "a@private.example";')
    assert warned[0].startswith(b'OK (WARNINGS) "Zeile 1, Spalte 1: An a@private.example wird erst weitergeleitet')
    assert [one.to for one in door.outbox] == ["a@private.example"]
    assert client.ask("LISTSCRIPTS")[0] == b'"x"'


def test_a_script_that_is_too_large_is_refused_and_the_talk_goes_on(client) -> None:
    assert client.ask('HAVESPACE "x" 200000') == [b'NO (QUOTA/MAXSIZE) "A script may not be that large"']
    assert client.ask('PUTSCRIPT "x" {}', b"#" * 200_000) == [b'NO (QUOTA/MAXSIZE) "A script may not be that large"']
    assert client.ask("NOOP") == [b'OK "Done"']


def test_noop_brings_a_word_back(client) -> None:
    assert client.ask('NOOP "k1"') == [b'OK (TAG "k1") "Done"']
    assert client.ask("NOOP {}", b"a\nb") == [b'OK (TAG {3}\r\na\nb) "Done"']


def test_authenticate_in_two_steps_cancelled_and_wrong(door) -> None:
    client = door.client(login="")
    said = base64.b64encode(f"\0anna@ahaus.net\0{PASSWORD}".encode())
    assert client.ask("LISTSCRIPTS") == [b'NO "Log in first"']
    client.send(b'AUTHENTICATE "PLAIN"\r\n')
    assert client.line() == b'""'
    assert client.ask(b'"*"') == [b'NO "Cancelled"']
    assert client.ask('AUTHENTICATE "GSSAPI"') == [b'NO "No such mechanism"']
    assert client.ask('AUTHENTICATE "PLAIN" "!!!"')[0].startswith(b"NO ")
    assert client.login(password="falsch") == b'NO "Name or password is wrong"'
    assert client.login(authorize="ben@ahaus.net") == b'NO "Nobody acts for another here"'
    client.send(b'AUTHENTICATE "PLAIN"\r\n')
    assert client.line() == b'""'
    assert client.ask(b"{}", said) == [b'OK "Welcome"']
    assert client.ask('AUTHENTICATE "PLAIN" "x"') == [b'NO "Already logged in"']
    assert b'"SASL" ""' in client.ask("CAPABILITY")
    client.close()


def test_unauthenticate_makes_a_stranger_of_somebody(client) -> None:
    assert client.ask('PUTSCRIPT "anna" {}', b"keep;") == [b'OK "Done"']
    assert client.ask("UNAUTHENTICATE") == [b'OK "Done"']
    assert client.ask("LISTSCRIPTS") == [b'NO "Log in first"']
    assert client.login("ben@ahaus.net") == b'OK "Welcome"'
    assert client.ask("LISTSCRIPTS") == [b'OK "Done"']


def test_starttls_forgets_what_came_before_and_says_anew_what_may_be_used(open_door, residents, tls) -> None:
    door = open_door(tls)
    client = door.client(login="")
    assert b'"STARTTLS"' in client.ask("CAPABILITY")
    client.send(b'STARTTLS\r\nPUTSCRIPT "injected" {5+}\r\nkeep;\r\n')
    assert client.line() == b'OK "Begin TLS now"'
    client.encrypt()
    lines = client.answer()
    assert b'"STARTTLS"' not in lines
    assert lines[-1] == b'OK "Encrypted"'
    assert client.login() == b'OK "Welcome"'
    assert client.ask("LISTSCRIPTS") == [b'OK "Done"']
    plain = door.client(login="")
    assert plain.login() == b'OK "Welcome"'
    assert b'"STARTTLS"' not in plain.ask("CAPABILITY"), "it cannot begin after the login (RFC 5804 2.2)"
    client.close()


@pytest.mark.skipif(shutil.which("sieve-connect") is None, reason="sieve-connect is not installed (apt-get install sieve-connect)")
def test_sieve_connect_puts_lists_and_activates(open_door, residents, tls, tmp_path) -> None:
    door = open_door(tls)
    script = tmp_path / "main.sieve"
    script.write_bytes(KEEP)

    def run(*what: str) -> str:
        done = subprocess.run(
            ["sieve-connect", "--server", "127.0.0.1", "--port", str(door.port), "--user", "anna@ahaus.net", "--authmech", "PLAIN",
             "--passwordfd", "0", "--notlsverify", "--nosslverify", *what],
            input=PASSWORD + "\n", text=True, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    run("--upload", "--localsieve", str(script), "--remotesieve", "main")
    run("--activate", "--remotesieve", "main")
    assert "main" in run("--list")
    run("--download", "--remotesieve", "main", "--localsieve", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == KEEP


@pytest.mark.parametrize("line", [b"", b" ", b"FOO", b"NOOP  x", b'NOOP "x', b"NOOP {3}", b'GETSCRIPT 12', b'GETSCRIPT "\xff"',
                                  b"LISTSCRIPTS x", b'HAVESPACE "x" "y"', b'PUTSCRIPT "x"', b"\xff\xfe", b'NOOP "a" "b"'])  # fmt: skip
def test_nonsense_is_answered_no_and_the_talk_goes_on(line, client) -> None:
    assert client.ask(line)[-1].startswith(b"NO ")
    assert client.ask("NOOP") == [b'OK "Done"']
