"""The portal beside Debian's Roundcube: inbox, message, search in subjects and in everything, in the same folder of 50,000 messages.

Both sides hold the same messages, are logged in and warm, and take turns. Roundcube runs as Debian ships it (PHP-FPM, OPcache,
SQLite, elastic) on nginx; its Dovecot keeps Maildir and has no full-text index, because Debian ships none with it. Ours is the
web role as `./run` starts it.
"""

import glob
import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import cost, imap_client, portal_client, search, servers, world
from bench.portal_client import Browser, Ours, Theirs
from bench.table import Row

PEER = Path(__file__).with_name("peer_portal.sh")
PACKAGES = "roundcube-core roundcube-sqlite3 sqlite3 php-fpm nginx-light dovecot-imapd"
HOST, SMALL = "ahaus.localhost", (50, 5_000)
STEPS = {"inbox": "inbox list", "message": "message page", "subject": "search in subjects", "text": "search in everything"}
NEWEST, WORDS, WARM = 500, 40, 3
HTML = """<html><head><style>p {{ margin: 0 0 1em }} .k {{ color: #345 }}</style></head><body><table width="600"><tr><td>
<h1 class="k">{subject}</h1>{paragraphs}<p><a href="https://peer.example/{number}">Mehr dazu</a></p>
<img src="https://peer.example/{number}.gif" width="1" height="1" alt=""></td></tr></table></body></html>"""


@dataclass(frozen=True)
class Side:
    """A portal that is up: where, its processes, how somebody comes in, the uids of the newest messages."""

    name: str
    port: int
    roots: tuple[int, ...]
    browser: Callable[[], Browser]
    uids: range


class Letters(search.Text):
    """The folder's messages, the same for both sides: text and HTML, 3 to 9 KB, words as frequent as words are."""

    def mail(self, number: int) -> bytes:
        """One message; its number is a word of its own."""
        name, at = self.chance.choice(self.names), world.NOW - timedelta(minutes=5 * (self.count - number))
        subject = f"{' '.join(self.word() for _ in range(4))} vorgang{number}"
        parts = [" ".join(self.word() for _ in range(self.chance.randint(30, 120))) for _ in range(4)]
        html = HTML.format(subject=subject, number=number, paragraphs="".join(f"<p>{one}</p>" for one in parts))
        head = (
            f"From: {name} <{name.replace(' ', '.').lower()}@peer.example>\r\nTo: messung@ahaus.net\r\nSubject: {subject}\r\n"
            f"Date: {at:%a, %d %b %Y %H:%M:%S +0000}\r\nMessage-ID: <{number}@peer.example>\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
        )
        plain = "\r\n\r\n".join(parts)
        kind = "\r\n--b\r\nContent-Type: text/{}; charset=utf-8\r\n\r\n{}"
        return f"{head}{kind.format('plain', plain)}{kind.format('html', html)}\r\n--b--\r\n".encode()

    @classmethod
    def of(cls, count: int) -> "Letters":
        """So many, from the beginning."""
        made = cls(random.Random(7))
        made.count = count
        return made

    count = 0


def run(*, quick: bool) -> list[Row]:
    """Measure; with `quick` a folder of 5,000 messages and short runs."""
    count, seconds, rounds = (5_000, 2.0, 2) if quick else (50_000, 8.0, 3)
    with ExitStack() as stack:
        ours, queries = stack.enter_context(_ours([*SMALL[: 1 if quick else 2], count]))
        sides = [ours, stack.enter_context(_roundcube(count))]
        rows = [row for step in STEPS for clients in (1, 4) for row in _measured(step, sides, clients, seconds, rounds)]
        weights = {side.name: _weights(side) for side in sides}
    return [{**row, **_beside(row, queries, weights)} for row in rows]


def _measured(step: str, sides: list[Side], clients: int, seconds: float, rounds: int) -> Iterator[Row]:
    browsers = {side.name: [side.browser() for _ in range(clients)] for side in sides}
    found: dict[str, list[tuple[float, float]]] = {side.name: [] for side in sides}
    took: dict[str, list[float]] = {side.name: [] for side in sides}
    for side in sides:
        portal_client.together([_asks(side, step, one, WARM) for one in browsers[side.name]], 0.0 if step == "text" else 1.0)
    for at in range(rounds):
        for side in sides:
            with cost.measured(side.roots) as spent:
                done = portal_client.together([_asks(side, step, one, at) for one in browsers[side.name]], seconds)
            rate, cpu = done.count / done.seconds, 1000 * spent.cpu / done.count
            found[side.name].append((rate, cpu))
            took[side.name] += done.took
            world.say(f"{STEPS[step]}, {clients} at a time, {side.name}: {rate:.2f} a second, {cpu:.1f} ms of processor")
    ours = median(one[0] for one in found["stadtmail"])
    for side in sides:
        rate, cpu = (median(values) for values in zip(*found[side.name], strict=True))
        yield {
            "page": STEPS[step], "clients": clients, "server": side.name, "a second": rate, "ours, times it": ours / rate,
            "median ms": 1000 * median(took[side.name]), "p95 ms": 1000 * cost.percentile(took[side.name], 0.95), "processor ms": cpu,
        }  # fmt: skip


def _asks(side: Side, step: str, browser: Any, seed: int) -> Iterator[Callable[[], None]]:
    """What one browser does, without end: another message, another word each time; the same ones on both sides."""
    chance = random.Random(f"{step} {seed}")
    ask, words = getattr(browser, step), _words(side.uids.stop)
    given: dict[str, Callable[[], tuple[Any, ...]]] = {"inbox": tuple, "message": lambda: (chance.choice(side.uids),)}
    choose = given.get(step, lambda: (chance.choice(words),))
    while True:
        yield partial(ask, *choose())


def _words(count: int) -> list[str]:
    """What people look for: words as in a text, rarer ones, and numbers that one message has."""
    text, chance = search.Text(random.Random(7)), random.Random(11)
    common = [text.words[chance.randint(20, 2_000)] for _ in range(WORDS // 4)]
    rare = [text.words[chance.randint(2_000, search.WORDS - 1)] for _ in range(WORDS // 2)]
    return [one for one in common + rare if len(one) > 3] + [f"vorgang{chance.randint(1, count)}" for _ in range(WORDS // 4)]


@contextmanager
def _ours(sizes: list[int]) -> Iterator[tuple[Side, dict[str, str]]]:
    port = servers.free_port()
    with world.folder(port_web=str(port)):
        people = world.residents(world.city(), len(sizes))
        for address, size in zip(people, sizes, strict=True):
            _fill(address, size)
        with servers.ours("web", port) as process:
            queries = _queries(people, port)
            address, count = people[-1], sizes[-1]

            def browser() -> Browser:
                made = Ours(HOST, port)
                made.login(address, world.PASSWORD)
                return made

            yield Side("stadtmail", port, (process,), browser, range(count - NEWEST + 2, count + 2)), queries  # 1 is the welcome


def _fill(address: str, count: int) -> None:
    from stadtmail.mail import queries
    from stadtmail.mail.actions import indexing
    from stadtmail.people import queries as people
    from stadtmail.tenants import queries as tenants

    localpart, _, domain = address.partition("@")
    tenant = tenants.city_of_domain(domain)
    found = people.address(tenant, localpart)
    assert found is not None
    assert found.contract_id is not None
    o = queries.opened(queries.mailbox_of(tenant, found.contract_id), holder=found.contract_id)
    search._fill(o, Letters.of(count), count)
    while not indexing.follow(o, seconds=10):
        pass


def _queries(people: list[str], port: int) -> dict[str, str]:
    """Statements of each page in each of the folders, all databases, counted inside of this process."""
    return {step: " ".join(str(_statements(address, step, port)) for address in people) for step in STEPS}


def _statements(address: str, step: str, port: int) -> int:
    from stadtmail.doors.web.visitor import Visitor

    stranger = Visitor(f"{HOST}:{port}")
    fields = {**stranger.get("/anmelden").hidden, "address": address, "password": world.PASSWORD, "way": "cookie"}
    visitor = Visitor(f"{HOST}:{port}", cookies=stranger.post("/anmelden", fields).cookies[0].partition(";")[0])
    inbox = visitor.get("/postfach").text
    uid = int(re.findall(r'href="/postfach/1/(\d+)"', inbox)[0])
    form = {"token": re.findall(r'name="token" value="([^"]*)"', visitor.get("/postfach/suchen").text.partition("stack find")[2])[0]}
    where = "text" if step == "text" else "subject"
    steps: dict[str, Callable[[], Any]] = {
        "inbox": lambda: visitor.get("/postfach"),
        "message": lambda: (visitor.get(f"/postfach/1/{uid}"), visitor.get(f"/postfach/1/{uid}/html")),
        "subject": lambda: visitor.get(visitor.post("/postfach/suchen", {**form, where: "vorgang"}).location),
    }
    ask = steps.get(step, steps["subject"])
    ask()
    return _counted(ask)


def _counted(ask: Callable[[], Any]) -> int:
    from tests import statements

    with statements.seen() as seen:
        ask()
    return len(seen)


def _weights(side: Side) -> dict[str, str]:
    """Page and, where its parts are asked for as well, the whole of it, in kB (1,000 octets) as sent."""
    browser: Any = side.browser()
    octets = {
        "inbox": browser.inbox(), "message": browser.message(side.uids[-1]), "subject": browser.subject("vorgang"),
        "text": browser.text(f"vorgang{side.uids[-1] // 2}"),
    }  # fmt: skip
    page, whole = portal_client.weight(browser, "/postfach" if side.name == "stadtmail" else "/?_task=mail&_mbox=INBOX")
    return {name: f"{size / 1000:.0f} ({(whole - page + size) / 1000:.0f})" for name, size in octets.items()}


def _beside(row: Row, queries: dict[str, str], weights: dict[str, dict[str, str]]) -> Row:
    step = next(name for name, title in STEPS.items() if title == row["page"])
    server = str(row["server"])
    return {"kB (first visit)": weights[server][step], "statements": queries[step] if server == "stadtmail" else "-"}


@contextmanager
def _roundcube(count: int) -> Iterator[Side]:
    if not _has_peer() or os.geteuid() != 0:
        raise servers.NotThere(f"the peer needs root, and: apt-get install --no-install-recommends {PACKAGES}")
    folder, port, imap = Path(tempfile.mkdtemp(prefix="bench-portal-")), servers.free_port(), servers.free_port()
    folder.chmod(0o755)
    try:
        subprocess.run([PEER, "start", folder, str(port), str(imap)], check=True, stdin=subprocess.DEVNULL)
        _maildir(folder / "imap/mail/messung", count)
        client = imap_client.Client(imap)
        client.login("messung:x")
        client.ask(b"SELECT INBOX")  # its index is made here, as with the first mail program
        client.close()
        pids = (folder / "nginx.pid", folder / "fpm.pid", folder / "imap/run/master.pid")

        def browser() -> Browser:
            made = Theirs("localhost", port)
            made.login("messung", "x")
            return made

        roots = tuple(int(path.read_text()) for path in pids)
        yield Side("Roundcube", port, roots, browser, range(count - NEWEST + 1, count + 1))
    finally:
        subprocess.run([PEER, "stop", folder], check=False, stdin=subprocess.DEVNULL)


def _has_peer() -> bool:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    there = all(shutil.which(name, path=path) for name in ("nginx", "dovecot", "sqlite3"))
    return there and bool(glob.glob("/usr/sbin/php-fpm[0-9]*")) and Path("/var/lib/roundcube/public_html").exists()  # noqa: PTH207


def _maildir(box: Path, count: int) -> None:
    """The messages as a delivery would have put them there, oldest first."""
    letters = Letters.of(count)
    for name in ("cur", "new", "tmp"):
        (box / name).mkdir(parents=True)
    for number in range(count):
        at = int((world.NOW - timedelta(minutes=5 * (count - number))).timestamp())
        file = box / "cur" / f"{at}.M{number}.bench:2,"
        file.write_bytes(letters.mail(number))
        os.utime(file, (at, at))
    subprocess.run(["chown", "-R", "vmailbench", box], check=True)
