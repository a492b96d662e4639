"""What the portal sends to other machines, as the kernel saw it: every process under strace through a resident's day (C-1.2)."""

import re
import shutil
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.journeys import post
from tests.journeys.people import OVERVIEW, Resident
from tests.journeys.running import running

STRACE = shutil.which("strace")
CALLS = "connect,sendto,sendmsg,sendmmsg"
ADDRESS = re.compile(r'sin6?_port=htons\((\d+)\)[^}]*?(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")')
PICTURES = (
    '<img src="http://192.0.2.77/pixel.gif"><img src="https://zaehlpixel.example/anna.gif">'
    '<link rel="stylesheet" href="https://fonts.example/a.css"><p style="background:url(http://192.0.2.78/b.png)">x</p>'
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(600), pytest.mark.skipif(STRACE is None, reason="strace is not on this machine")]


def watched(file: Path) -> tuple[str, ...]:
    """Run a command with all its children watched; the watcher stands beside them, so that signals go where they belong."""
    return (str(STRACE), "-D", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={CALLS}", "-e", "signal=none", "-A", "-o", str(file))


def seen(file: Path) -> list[tuple[str, int]]:
    """Every destination on the network that was named to the kernel."""
    found = (ADDRESS.findall(line) for line in file.read_text(errors="replace").splitlines())
    return [(four or six, int(port)) for addresses in found for port, four, six in addresses]


def is_elsewhere(address: str) -> bool:
    number = ip_address(address)
    return not (getattr(number, "ipv4_mapped", None) or number).is_loopback


def test_the_watcher_sees_what_leaves(tmp_path) -> None:
    tries = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.connect(('192.0.2.77', 9))\n"
    for guarded, expected in (("", [("192.0.2.77", 9)]), ("from stadtmail.kit import egress\negress.guard('web')\n", [])):
        file = tmp_path / f"calls{len(expected)}"
        subprocess.run([*watched(file)[:1], *watched(file)[2:], sys.executable, "-c", guarded + tries], capture_output=True, check=False)
        assert [one for one in seen(file) if is_elsewhere(one[0])] == expected


def test_c12_through_a_whole_day_nothing_is_sent_to_another_machine() -> None:
    with running() as here:
        here.stop()
        file = here.folder / "calls"
        here.under = watched(file)
        here.start()
        resident = Resident(here, voluntary=False)
        resident.order()
        post.send(here.smtp, post.letter("Falle", PICTURES, "html"), resident.address)
        resident.login()
        uid = resident.inbox()[-1]
        resident.browser.get(f"/postfach/1/{uid}")
        resident.browser.raw(f"/postfach/1/{uid}/html")
        resident.browser.get(OVERVIEW)
        resident.archive()
        proven = here.command("prove", "--json", fails=True)
        here.command("clock", "advance", "P1D")
        here.stop()
        calls = seen(file)
    assert calls, "nothing was seen at all: the supervisor asks each port whether it answers"
    assert [one for one in calls if is_elsewhere(one[0])] == []
    assert '"connections_refused": 0' in proven
