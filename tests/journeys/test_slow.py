"""Who sends or takes slowly, on real sockets: one or two networks hold up neither forms nor pages of anybody else."""

import re
import socket
import time

import pytest

from tests.journeys import post
from tests.journeys.browsing import Browser
from tests.journeys.people import Resident
from tests.journeys.running import Running, running

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]
NETWORKS = ("127.0.1.1", "127.0.2.1")  # two of the adversary's; the browsers of the others come from 127.0.0.0/24
CONNECTIONS = 1500  # granian alone would take 1024 and then nobody
MANY = 24  # threads of a small machine's two workers: sixteen


@pytest.fixture(scope="module")
def here():
    with running() as made:
        yield made


def send(here: Running, source: str, head: str) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.bind((source, 0))
    made.connect(("127.0.0.1", here.web))
    made.sendall(head.replace("\n", "\r\n").encode())
    return made


def is_served(here: Running) -> None:
    for number in range(4):
        begun = time.monotonic()
        browser = Browser(here.web)
        browser.get("/datenschutz")
        browser.login(f"niemand.{number}.{begun}@ahaus.net", "falsch", status=403)
        assert time.monotonic() - begun < 10


def test_slow_forms_of_two_networks_hold_up_nobody_else(here: Running) -> None:
    head = (
        "POST /anmelden HTTP/1.1\nHost: ahaus.localhost\nContent-Type: application/x-www-form-urlencoded\n"
        "Content-Length: 4000\n\ntoken=langsam"
    )
    held = [send(here, source, head) for source in NETWORKS for _ in range(MANY)]
    time.sleep(1)
    is_served(here)
    for one in held:
        one.close()
    is_served(here)


@pytest.mark.parametrize("said", ["", "GET /hilfe HTTP/1.1\nHost: aha", "GET /robots.txt HTTP/1.1\nHost: ahaus.localhost\n\n"])
def test_connections_that_say_little_or_nothing_hold_up_nobody_else(here: Running, said: str) -> None:
    held = [send(here, NETWORKS[0], said) for _ in range(CONNECTIONS)]
    is_served(here)
    until = time.monotonic() + 40
    while said and not all(is_closed(one) for one in held) and time.monotonic() < until:
        time.sleep(1)
    assert not said or all(is_closed(one) for one in held)  # what says nothing at all stays with the kernel
    for one in held:
        one.close()


def is_closed(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        while one.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_slow_downloads_of_two_networks_hold_up_nobody_else(here: Running) -> None:
    resident = Resident(here, voluntary=False)
    resident.order()
    post.send(here.smtp, post.letter("groß", "x" * 70 + "\r\n", "plain").replace(b"x" * 70, b"\r\n".join([b"x" * 70] * 200_000)),
              resident.address)  # fmt: skip
    resident.login()
    uid = resident.inbox()[-1]
    (token,) = resident.browser.jar.values()
    head = f"GET /postfach/1/{uid}/quelltext HTTP/1.1\nHost: ahaus.localhost\nCookie: stadtmail={token}\n\n"
    held = [send(here, source, head) for source in NETWORKS for _ in range(MANY)]
    time.sleep(2)
    said = [one.recv(15) for one in held]
    assert said.count(b"HTTP/1.1 200 OK") >= 2
    assert said.count(b"HTTP/1.1 503 Se") >= MANY
    is_served(here)
    for one in held:
        one.close()
    time.sleep(1)
    again = send(here, NETWORKS[0], head)
    assert re.match(rb"HTTP/1.1 200", again.recv(15))  # whoever hung up has left their places
    again.close()
