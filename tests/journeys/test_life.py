"""One resident lives a whole life in a running instance: every step through real sockets, and at the end nothing is left.

Order, log in, receive, read, see, end, gone (issue 2). The mail is what others wrote. The power fails in the middle of it.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stadtmail.kit import clock
from tests.journeys import post
from tests.journeys.people import COLLECT, OVERVIEW, Resident, verify
from tests.journeys.running import ROOT, Running, moment, running

BEN = "ben@ahaus.net"
VERIFIER = ROOT / "verifier" / "stadtmail_verify.py"
MARGIN = timedelta(minutes=5)  # the clock runs while it is walked, and what follows a walk takes its time on a busy machine
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def here():
    with running() as made:
        yield made


def advance_to(here: Running, to: datetime, now: datetime | None = None) -> None:
    """Walk the instance's clock beside it, through everything that falls due on the way. `now`: its moment, if somebody has just looked."""
    seconds = max(1, int((to - (now or moment(here))).total_seconds()))  # on a slow machine the moment may have come by itself
    here.command("clock", "advance", f"PT{seconds}S", timeout=1200)


def scan(here: Running, *tokens: str) -> list[dict]:
    """Every hit of every token, in every store."""
    return hits_of(here.look("scan", given="\n".join(tokens)))


def hits_of(report: dict) -> list[dict]:
    assert report["bytes"] > 100_000
    return report["hits"]


def unexplained(hits: list[dict]) -> list[dict]:
    return [hit for hit in hits if not hit["explained"]]


@dataclass(frozen=True)
class Seen:
    """An instance at a moment: what of one person still waits, (due, category), the next one first; and what a scan found of them."""

    moment: datetime
    units: set[str]
    waiting: list[tuple[datetime, str]]
    hits: list[dict]


def looked(here: Running, mine: set[str], *tokens: str) -> Seen:
    """Look at everything at once; without tokens nothing is scanned for."""
    found = here.look("all", given="\n".join(tokens))
    waiting = sorted((datetime.fromisoformat(due), category) for unit, category, due in found["due"] if unit in mine and due != "None")
    hits = hits_of(found["scan"]) if tokens else []
    return Seen(datetime.fromisoformat(found["moment"]), {unit for unit, _, _ in found["due"]}, waiting, hits)


def units_of(here: Running) -> set[str]:
    return {unit for unit, _, _ in here.look("due")}


def verified(receipt: bytes, log: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    """The city's verifier, as its own process that knows nothing of us."""
    (folder / "quittung.json").write_bytes(receipt)
    (folder / "log.json").write_bytes(log)
    command = [sys.executable, "-I", str(VERIFIER), "quittung.json", "log.json"]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.long)], ids=["a life", "a long life"])
def test_c41_c47_a_whole_life(here: Running, tmp_path: Path, everything: bool) -> None:
    """`everything`: voluntary details too (their consents are kept for years), and the power fails at more points."""
    others = units_of(here)
    resident = Resident(here, voluntary=everything)

    # 1 order: no cookie, no JavaScript; a half-made order survives the power failure in the form alone
    browser = resident.new_browser(cookies=False)
    overview = resident.fill_in(browser)
    assert unexplained(scan(here, *resident.planted)) == []  # C-2.3: nothing of it has been stored
    if everything:
        here.kill()
        here.start()
    resident.confirm(browser, overview)
    assert browser.offered == []  # C-3.1, C-3.8

    # 2 log in: with a cookie that says nothing, and without one
    page = resident.login()
    assert "Willkommen" in page.text
    (offered,) = resident.browser.offered
    assert "expires" not in offered.lower()
    assert "max-age" not in offered.lower()
    without = resident.new_browser(cookies=False)
    assert without.login(resident.address, resident.password, way="url").text
    resident.plant(without.at.split("/")[2])
    assert without.at.startswith("/s/")

    # 3 receive: what others wrote, and what is large; a message whose 250 never came is sent again and is there once
    sent = receive(here, resident, tmp_path, kill=True)
    resident.browser.raw("/postfach", status=302)  # C-3.2: the power failed, every session is over
    resident.login()

    # 4 read: byte for byte
    assert read(resident) == sorted(sent)
    post.send(here.smtp, post.letter(f"Nachbar {resident.mark}", "Nur für Ben."), BEN)
    before = here.look("neighbour", BEN)

    # 5 see: everything that is stored, and the same as a signed file
    see(resident, sent)
    hits = scan(here, resident.fields["name"], f"Paket {resident.mark}")
    assert {hit["token"] for hit in hits} == {1, 2}  # the scan can see
    assert {hit["way"] for hit in hits} == {"opened"}  # and nothing lies in clear
    assert unexplained(hits) == []

    # 6 end: codes, dates, receipt; then the collecting place, and nothing else
    mine = units_of(here) - others
    done = resident.cancel()
    collection, receipt = done.codes["collection"], resident.browser.send(done.form(f"{COLLECT}/quittung")).content
    with pytest.raises(post.smtplib.SMTPRecipientsRefused) as refused:
        post.send(here.smtp, post.letter("zu spät", "nach dem Ende"), resident.address)
    assert {code for code, _ in refused.value.recipients.values()} == {550}
    assert resident.new_browser().login(resident.address, resident.password, status=403).text  # C-2.8
    if everything:
        here.kill()
        here.start()
    place = resident.collect(collection)
    assert "Herunterladen" in place.text
    resident.browser.raw("/postfach", status=302)
    resident.browser.raw(OVERVIEW, status=302)
    mine |= units_of(here) - others

    # 7 gone: at each date what the rule says, not a minute before it
    live_on(here, resident, mine, kill=everything)
    assert scan(here, *resident.planted) == []
    resident.new_browser().send(resident.new_browser().get(COLLECT).form("abholen"), status=403, code=collection, way="cookie")
    log = resident.new_browser().raw("/datenschutz/nachweis/log.json").content
    assert resident.mark.encode() not in log
    proven = verified(receipt, log, tmp_path)
    assert proven.returncode == 0, proven.stdout
    assert "TEST" in proven.stdout
    forged = verified(receipt, log.replace(b'"BD\\"', b'"BX\\"', 1), tmp_path)
    assert forged.returncode == 2, forged.stdout
    assert here.look("neighbour", BEN) == before


def receive(here: Running, resident: Resident, folder: Path, *, kill: bool) -> list[bytes]:
    """All of it arrives. Returns what was sent."""
    letters = [message for _, message in post.letters()]
    assert len(letters) >= 40
    post.send_all(here.smtp, letters, resident.address)
    html = f'<p>Inhalt {resident.mark}</p><img src="http://127.0.0.1:9/{resident.mark}.gif">'
    own = post.letter(f"Betreff {resident.mark}", html, "html")
    post.send(here.smtp, own, resident.address, sender=f"absender.{resident.mark}@absender.example")
    resident.plant(f"Betreff {resident.mark}", f"Inhalt {resident.mark}", f"absender.{resident.mark}@absender.example")
    sent = [*letters, own]
    if post.SWAKS:
        path = folder / "swaks.eml"
        path.write_bytes(post.letter(f"Swaks {resident.mark}", f"Von swaks {resident.mark}"))
        post.swaks(here.smtp, resident.address, path)
        resident.plant(f"Von swaks {resident.mark}")
    parcel = post.parcel(f"Paket {resident.mark}")
    resident.plant(f"Paket {resident.mark}")
    if kill:
        post.send_half(here.smtp, parcel, resident.address, then=here.kill)
        here.start()
    assert post.send(here.smtp, parcel, resident.address) == {}
    return [*sent, parcel]


def read(resident: Resident) -> list[bytes]:
    """Every message but the welcome and swaks' own, without the lines that the door put before it; each page opens."""
    found = []
    for uid in resident.inbox():
        assert resident.browser.get(f"/postfach/1/{uid}").text
        raw = resident.source(uid)
        if b"Return-Path: <" not in raw[:20] or b"swaks@absender.example" in raw[:60]:
            continue
        _, received, rest = raw.partition(b"Received: ")
        assert received
        lines = rest.split(b"\r\n")
        first = next(number for number, line in enumerate(lines) if number and not line.startswith((b" ", b"\t")))
        found.append(b"\r\n".join(lines[first:]))
    return sorted(found)


def see(resident: Resident, sent: list[bytes]) -> None:
    """The privacy centre shows every canary and no password; the download has every message, and its signature holds."""
    page = resident.browser.get(OVERVIEW)
    for canary in resident.shown:
        assert canary in page.text, canary
    assert "19. Juli 1931" in page.text
    assert resident.password not in page.text
    archive = resident.archive()
    verify(archive)
    stored = {uid: resident.source(uid) for uid in resident.inbox()}
    mails = [archive.read(name) for name in archive.namelist() if name.endswith(".eml")]
    assert sorted(mails) == sorted(stored.values())
    for message in sent:
        assert any(mail.endswith(message) for mail in mails)
    told = archive.read("daten.json").decode()
    for canary in resident.shown:
        assert canary in json.loads(told)["service"] + told
    assert resident.password not in told


def live_on(here: Running, resident: Resident, mine: set[str], *, kill: bool) -> None:
    """Walk to every due moment; shortly before it all is there, at it what was due is gone, and the scan explains the rest."""
    seen = looked(here, mine)
    while left := seen.waiting:
        due, now = left[0][0], seen.moment
        if due - now > 3 * MARGIN:
            if kill:
                power_fails_on_the_way(here, due - 2 * MARGIN)
                kill, now = False, moment(here)
            advance_to(here, due - MARGIN, now)
            seen = looked(here, mine)
            assert seen.moment < due
            assert seen.waiting == left, "erased before it was due"
        advance_to(here, due + timedelta(seconds=1), seen.moment)
        seen = looked(here, mine, *resident.planted)
        assert seen.moment > due
        assert seen.waiting == [one for one in left if one[0] > seen.moment], "still there after it was due"
        assert unexplained(seen.hits) == []
    assert not seen.units & mine


def power_fails_on_the_way(here: Running, to: datetime) -> None:
    """kill -9 of the walked clock and of the instance, in the middle of the way."""
    walking = here.begin("clock", "advance", f"PT{int((to - moment(here)).total_seconds())}S")
    begun = clock.monotonic()
    while clock.monotonic() - begun < 4 and walking.poll() is None:
        pass
    walking.kill()
    walking.wait(20)
    here.kill()
    here.start()
    assert moment(here) < to + timedelta(seconds=60)
    assert datetime.now(UTC) < moment(here)
