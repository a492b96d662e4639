"""A portal on a loopback port and a real Chromium: skipped, with a reason, only where the browser or its driver is missing."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
Driver = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def portal(served: tuple[str, dict[str, str]]) -> str:
    """Base address of AHAUS.NET."""
    return served[0]


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[str, dict[str, str]]]:
    """Base address of AHAUS.NET and the settings of its processes, freshly made; the server and its folders are gone afterwards."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium; ./check does it as root)")
    if not (ROOT / "node_modules" / "playwright-core").exists() or shutil.which("node") is None:
        pytest.skip("no driver for the browser (npm ci; ./check does it)")
    folder = Path(tempfile.mkdtemp(prefix="stadtmail-browser-"))
    volatile = Path(tempfile.mkdtemp(prefix="stadtmail-browser-", dir="/dev/shm"))
    port = _free_port()
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("STADTMAIL_", "DJANGO_"))}
    settings |= {"STADTMAIL_DATA": str(folder), "STADTMAIL_VOLATILE_URL": str(volatile), "STADTMAIL_PORT_WEB": str(port)}
    with (folder / "server.out").open("wb") as output:
        command = [sys.executable, "-m", "tests.browser.city", str(port)]
        server = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=output, stderr=output)
    try:
        _wait_for(f"http://127.0.0.1:{port}/robots.txt", server, folder / "server.out")
        yield f"http://ahaus.localhost:{port}", settings
    finally:
        server.terminate()
        server.wait(20)
        for place in (folder, volatile):
            shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def chromium(portal: str) -> Driver:
    """Run one task of walk.mjs with a fresh profile; returns what the browser saw."""

    def run(task: str, *, strict: bool = True, **options: Any) -> dict[str, Any]:
        given = json.dumps({"chromium": CHROMIUM, **options})
        command = ["node", str(Path(__file__).with_name("walk.mjs")), task, portal, given]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        seen: dict[str, Any] = json.loads(done.stdout)
        assert not strict or (seen["foreign"], seen["errors"]) == ([], [])
        return seen

    return run


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, server: subprocess.Popen[bytes], output: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(address, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the portal did not start: {output.read_text()[-2000:]}")
