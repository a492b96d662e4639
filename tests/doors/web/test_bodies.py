"""Slow senders hold no more threads than they may, and what is no form in UTF-8 is refused without a fuss (C-2.1)."""

import gc
import threading

import pytest
from django.core.exceptions import BadRequest

from stadtmail.doors.web import bodies, downloads, places
from tests.doors.web.browsing import Browser

FORM = "application/x-www-form-urlencoded"


class Slow:
    """A request whose body comes only when the test lets it."""

    content_type, content_params = FORM, {}

    def __init__(self, peer: str, comes: threading.Event, began: threading.Semaphore) -> None:
        self.META, self.comes, self.began = {"REMOTE_ADDR": peer}, comes, began

    @property
    def body(self) -> bytes:
        self.began.release()
        assert self.comes.wait(20)
        return b""


@pytest.fixture
def send():
    """Begin to send from this address; everything arrives at the end of the test."""
    comes, began, threads = threading.Event(), threading.Semaphore(0), []

    def begin(peer: str) -> None:
        thread = threading.Thread(target=bodies.read, args=(Slow(peer, comes, began),))
        thread.start()
        threads.append(thread)
        assert began.acquire(timeout=10)

    def finish() -> None:
        comes.set()
        for thread in threads:
            thread.join(20)

    begin.finish = finish
    yield begin
    finish()


def ready(peer: str) -> Slow:
    comes = threading.Event()
    comes.set()
    return Slow(peer, comes, threading.Semaphore(0))


def test_slow_senders_of_two_networks_hold_up_nobody_else(send) -> None:
    for number in range(places.FROM_NETWORK):
        send(f"198.51.100.{number}")
        send(f"192.0.2.{number}")
    with pytest.raises(places.NoPlace):
        bodies.read(ready("198.51.100.200"))
    bodies.read(ready("203.0.113.1"))
    send.finish()
    bodies.read(ready("198.51.100.200"))


def test_a_burst_from_one_network_waits_for_a_moment_and_gets_through(send) -> None:
    for number in range(places.FROM_NETWORK):
        send(f"198.51.100.{number}")
    threading.Timer(0.1, send.finish).start()
    bodies.read(ready("198.51.100.200"))


def test_slow_senders_of_many_networks_leave_threads_for_readers(send, ahaus) -> None:
    for number in range(places.AT_ONCE):
        send(f"10.{number}.0.1")
    browser = Browser()
    page = browser.get("/anmelden")
    refused = browser.send(page.form("anmelden"), status=503, address="a@ahaus.net", password="x", way="cookie")
    assert refused.response.headers["Retry-After"] == "60"
    send.finish()
    browser.send(page.form("anmelden"), status=403, address="a@ahaus.net", password="x", way="cookie")
    assert not places._held


def test_a_large_download_holds_a_place_until_it_is_taken_closed_or_forgotten() -> None:
    peer = type("Request", (), {"META": {"REMOTE_ADDR": "198.51.100.1"}})()

    def download(size: int):
        return downloads.streamed(peer, (b"x" * 65_536 for _ in range(size // 65_536)), "a.bin", kind="x/y")

    small = [download(downloads.AT_ONCE_BYTES) for _ in range(9)]
    assert not any(one.streaming for one in small)
    large = [download(2 * downloads.AT_ONCE_BYTES) for _ in range(places.FROM_NETWORK)]
    with pytest.raises(places.NoPlace):
        download(2 * downloads.AT_ONCE_BYTES)
    with pytest.raises(places.NoPlace):
        bodies.read(ready("198.51.100.9"))
    assert len(b"".join(large[0])) == 2 * downloads.AT_ONCE_BYTES
    large[0] = download(2 * downloads.AT_ONCE_BYTES)  # the one that was taken has left its place
    large[1].close()
    large[1] = download(2 * downloads.AT_ONCE_BYTES)
    large.clear()  # the server has forgotten them
    gc.collect()
    assert not places._held


OTHERS = (f"{FORM}; charset=utf-7", f"{FORM}; charset=idna", f"{FORM};charset=latin-1", "application/json", "", "x")


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_form_in_utf8_is_refused(ahaus, kind: str) -> None:
    browser = Browser()
    token = browser.get("/anmelden").form("anmelden").values["token"]
    body = f"token={token}&address=a&password=b&way=cookie&next="
    response = browser.client.generic("POST", "/anmelden", body, content_type=kind)
    assert response.status_code == 400
    with pytest.raises(BadRequest):
        bodies.read(type("Request", (), {"content_type": FORM, "content_params": {"charset": "utf-7"}})())


@pytest.mark.parametrize("charset", ["utf-7", "idna", "rot13", "nonsense", "utf-8"])
def test_a_pages_address_is_read_as_utf8_whatever_the_request_claims(ahaus, charset: str) -> None:
    response = Browser().client.generic("GET", "/anmelden?next=%C3%A4+ADw-", content_type=f"text/plain; charset={charset}")
    assert response.status_code == 200
    assert "ADw-" in response.content.decode()
