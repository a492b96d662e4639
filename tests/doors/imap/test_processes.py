"""Several processes of the door on the same ports: one is killed and the others go on, changes and limits reach across."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from stadtmail.kit import clock, config
from stadtmail.usage import connections, volatile
from tests.doors.imap.conftest import Client, wait_for

CODE = """
import django; django.setup()
import asyncio, sys
from stadtmail.doors.imap import server
from stadtmail.doors.imap.bounds import Bounds
async def main():
    bounds = Bounds(look_seconds=60, beat_seconds=0.2, connections_a_person=4)
    await server.start('127.0.0.1', port=int(sys.argv[1]), tls_port=None, tls=None, bounds=bounds, shared=True)
    print('up', flush=True)
    await asyncio.sleep(120)
asyncio.run(main())
"""
LOGIN = 'LOGIN anna@ahaus.net "ein langer Satz 7"'


@pytest.fixture
def workers(residents):
    """Two processes on one port."""
    volatile.clear()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "STADTMAIL_DATA": str(config.load().data), "DJANGO_SETTINGS_MODULE": "stadtmail.settings"}
    made = [subprocess.Popen([sys.executable, "-c", CODE, str(port)], stdout=subprocess.PIPE, env=env) for _ in range(2)]
    for one in made:
        assert one.stdout.readline() == b"up\n"
    yield port, made
    for one in made:
        one.kill()
        one.wait()
        one.stdout.close()
    volatile.clear()


def owner(client: Client, made) -> int:
    """Which process has the other end: found by what it has open."""
    host, port = client.socket.getsockname()
    for number, one in enumerate(made):
        found = subprocess.run(["ss", "-tnpH", "dst", f"{host}:{port}"], capture_output=True, text=True, check=True).stdout
        if f"pid={one.pid}," in found:
            return number
    return -1


def one_in_each(port: int, made) -> tuple[Client, Client]:
    found: dict[int, Client] = {}
    for _ in range(60):
        client = Client(port)
        client.line()
        number = owner(client, made)
        if number in found or number < 0:
            client.close()
        else:
            found[number] = client
        if len(found) == 2:
            return found[0], found[1]
    pytest.fail("the kernel deals everything to one process")


def test_what_one_process_changes_shows_in_the_idle_of_the_other_at_once(workers, mail) -> None:
    one, two = one_in_each(*workers)
    for client in (one, two):
        assert client.ask(LOGIN)[-1].startswith(b"OK")
        client.ask("SELECT INBOX")
    two.send(b"i IDLE\r\n")
    assert two.line() == b"+ Waiting"
    begun = time.monotonic()
    one.ask("STORE 1 +FLAGS (\\Flagged)")
    assert two.line() == b"* 1 FETCH (UID 1 FLAGS (\\Flagged))"
    mail(b"Subject: neu\r\n\r\nx\r\n")  # and what a third one delivers
    assert two.line() == b"* 2 EXISTS"
    assert time.monotonic() - begun < 10  # nobody looks by itself for a minute
    one.close()
    two.close()


def test_c42_kill_9_of_one_ends_its_connections_only(workers) -> None:
    port, made = workers
    one, two = one_in_each(port, made)
    for client in (one, two):
        client.ask(LOGIN)
    assert connections.count(clock.now()) == 2
    made[0].send_signal(signal.SIGKILL)
    made[0].wait()
    assert one.line() == b""
    assert two.ask("SELECT INBOX")[-1].startswith(b"OK")
    later = clock.now() + connections.LEASE
    assert wait_for(lambda: connections.count(clock.now() + connections.LEASE * 0.9) == 1)  # the other one beats
    assert later > clock.now()
    again = Client(port)
    assert again.line().startswith(b"* OK")  # the port is still served
    for client in (two, again):
        client.close()


def test_a_persons_connections_are_counted_over_all_processes(workers) -> None:
    port, _ = workers
    clients, answers = [], []
    for _ in range(6):
        client = Client(port)
        client.line()
        answers.append(client.ask(LOGIN)[-1][:12])
        clients.append(client)
    assert answers == [b"OK [CAPABILI"] * 4 + [b"NO [LIMIT] T"] * 2
    for client in clients:
        client.close()
