"""A production instance on its first day, every process under strace: which other machines does it talk to, and what do they learn?

Its name server is ours and on this machine. Mail leads to an address that nobody has (RFC 5737), so nothing is really sent (C-1.2).
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dns import FakeDns
from tests.journeys.people import Resident
from tests.journeys.planting import FAR, Planter, lying
from tests.journeys.running import Running
from tests.journeys.test_egress import STRACE, is_elsewhere, seen, watched

EXCHANGER, POLICY_HOST = "192.0.2.10", "192.0.2.11"
ZONES = {
    FAR: {"MX": [f"10 mx.{FAR}."], "TXT": ["v=spf1 exists:%{l}.spf.peer.example -all"]},
    f"mx.{FAR}": {"A": [EXCHANGER]},
    f"_mta-sts.{FAR}": {"TXT": ["v=STSv1; id=1;"]},
    f"mta-sts.{FAR}": {"A": [POLICY_HOST]},
    "inneres.example": {"A": ["10.1.2.3"]},
}
pytestmark = [pytest.mark.long, pytest.mark.timeout(900), pytest.mark.skipif(STRACE is None, reason="strace is not on this machine")]


class Production(Running):
    """An instance that `init` made: its clock cannot be moved, so whoever waits has to wait."""

    def command(self, *arguments: str, fails: bool = False, timeout: float = 600) -> str:
        """Run the operator's command; the clock is waited for."""
        if arguments[:2] == ("clock", "advance"):
            time.sleep(float(arguments[2].removeprefix("PT").removesuffix("S")))
            return ""
        return super().command(*arguments, fails=fails, timeout=timeout)


@contextmanager
def production(**more: str) -> Iterator[Production]:
    """A fresh one with one city; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="journey-"))
    here = Production(folder, **more)
    del here.environment["STADTMAIL_DEMO_PASSWORD"]
    try:
        here.command("init", "--root-key", str(folder / "elsewhere.key"))
        here.command("city", "open", "ahaus.net", "--host", "ahaus.localhost")
        yield here
    finally:
        try:
            here.stop()
        finally:
            shutil.rmtree(str(here.look("volatile-folder")), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)


def test_c12_a_production_instance_talks_to_the_recipients_servers_and_to_nobody_else() -> None:
    with FakeDns(ZONES) as names, production(STADTMAIL_RESOLVER=names.address, STADTMAIL_LMTP_FROM="127.0.0.1") as here:
        file = here.folder / "calls"
        here.under = watched(file)
        here.start()
        resident = Resident(here, voluntary=False)
        resident.order()
        resident.login()
        planter = Planter(here, resident)
        for plant in (planter.make_app_password, planter.receive, planter.send, planter.read, planter.filter, planter.take_over):
            plant()
        form = resident.browser.get("/postfach/importieren").form("importieren")
        resident.browser.send(form, status=302, step="imap", port="143", host="inneres.example", user="x", password="einesvonvielen")
        wait_for(lambda: (EXCHANGER, 25) in seen(file) and (POLICY_HOST, 443) in seen(file))
        assert "einesvonvielen" not in here.command("queue", "list")
        refused = here.command("clock", "show", fails=True)
        assert "production" in refused.lower() or "now" in refused.lower()
        proven = here.command("prove", "--json", fails=True)
        folders = [here.folder / "data", here.folder / "tmp", Path(str(here.look("volatile-folder")))]
        assert lying(folders, [*planter.kept, *planter.heard, *resident.planted]) == []
        here.stop()
        assert {one for one in seen(file) if is_elsewhere(one[0])} == {(EXCHANGER, 25), (POLICY_HOST, 443)}
        assert '"connections_refused": 0' in proven
    learned = {name.lower() for name, _, _ in names.asked}
    told = {token.lower() for token in (*planter.kept, *planter.heard) if any(token.lower() in name for name in learned)}
    assert {token.removesuffix(resident.mark) for token in told} <= MAY_BE_ASKED, told
    assert not any(resident.localpart in name for name in learned)


# what a sender of SPF with macros asks for by their own record, the HELO of the sending server, and the host of an import
MAY_BE_ASKED = {"anbieter", "helosmtp", "huellesmtptrue", "huellesmtpfalse", "schreibt0", "schreibt1", "schreibt2", "abbruch"}


def wait_for(what, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(1)
