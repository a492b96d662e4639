"""Hostile mail in a real browser beside a trap that hears every connection; and what is done with mail, with and without JavaScript.

C-1.2, C-4.7: whoever opens a message tells its sender nothing.
"""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.browser import corpus
from tests.browser.conftest import CHROMIUM, ROOT

pytestmark = pytest.mark.timeout(600)
Served = tuple[str, dict[str, str]]


@pytest.fixture(scope="module")
def trap() -> Iterator[tuple[str, list[bytes]]]:
    """An address on this machine, and what was sent to it."""
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))
    listener = threading.Thread(target=_listen, args=(server, heard), daemon=True)
    listener.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
    server.close()


@pytest.fixture(scope="module")
def mailbox(served: Served, trap: tuple[str, list[bytes]]) -> str:
    """The portal, in which a resident has all of the corpus."""
    base, settings = served
    subprocess.run([sys.executable, "-m", "tests.browser.corpus", trap[0]], cwd=ROOT, env=settings, check=True, timeout=300)
    return base


def read(base: str, task: str, **options: Any) -> dict[str, Any]:
    given = json.dumps({"chromium": CHROMIUM, "address": corpus.ADDRESS, "password": corpus.PASSWORD, **options})
    command = ["node", str(Path(__file__).with_name("letters.mjs")), task, base, given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.long
def test_c12_c47_the_trap_hears_nothing_of_any_hostile_mail(mailbox: str, trap: tuple[str, list[bytes]]) -> None:
    address, heard = trap
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as probe:  # it does hear
        probe.sendall(b"probe")
    seen = read(mailbox, "hostile")
    assert seen["opened"] >= 4 * len(corpus.BODIES | corpus.HEADERS)
    assert heard == [b"probe"]
    assert seen["dialogs"] == seen["foreign"] == []
    assert seen["errors"] == []
    assert seen["violations"] == []
    assert seen["overflow"] == []


@pytest.mark.parametrize("javascript", [True, False])
def test_messages_are_handled_with_and_without_javascript(mailbox: str, javascript: bool) -> None:
    seen = read(mailbox, "journey", javascript=javascript)
    steps = seen["steps"]
    assert steps[0] == "2 Nachrichten liegen jetzt in „Papierkorb“."
    assert steps[1] == "2 Nachrichten sind zurück in „Posteingang“."
    assert steps[2:4] == ["all there", "1"]
    assert steps[4] == "1 Nachricht liegt jetzt in „Archiv“."
    if javascript:
        assert steps[5:] == [
            "all ticked", "1 ticked by key", "1 Nachricht liegt jetzt in „Papierkorb“.", "1 Nachricht liegt jetzt in „Archiv“.",
        ]  # fmt: skip
    assert seen["errors"] == seen["foreign"] == []


def _listen(server: socket.socket, heard: list[bytes]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(2)
                with suppress(OSError):
                    heard.append(connection.recv(400))
