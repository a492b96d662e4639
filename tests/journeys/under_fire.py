"""Mixed load while one role after another is killed with -9: python -m tests.journeys.under_fire [SECONDS [EVERY]], ten minutes by default.

What got a 250 (SMTP, submission) or an OK (APPEND) is there exactly once, wherever it was moved to; what an EXPUNGE took stays gone; what
got no answer is there at most once. The supervisor brings every role back, and nothing of a lock or a lease is left.
"""

import contextlib
import imaplib
import itertools
import smtplib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from secrets import token_hex

from tests.journeys.browsing import Browser
from tests.journeys.post import trusting
from tests.journeys.running import PASSWORD, Running, running

ROLES = ("doors", "imap", "work", "web")
RESIDENTS = ("anna@ahaus.net", "ben@ahaus.net", "clara@musterstadt.example")
FOLDERS = ("INBOX", "Unterwegs")
LOST = (OSError, EOFError, smtplib.SMTPException, imaplib.IMAP4.error)
BODY = "x" * 3_000


@dataclass
class Told:
    """What the load was told, by mark: each mark is a word in the subject of one message."""

    tried: list[str] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)  # (mark, whose mailbox)
    deleted: list[str] = field(default_factory=list)  # an EXPUNGE with these was answered
    doubtful: list[str] = field(default_factory=list)  # an EXPUNGE with these was not
    moved: int = 0
    killed: Counter[str] = field(default_factory=Counter)

    def mark(self, kind: str) -> str:
        """A new one."""
        self.tried.append(f"{kind}{token_hex(6)}")
        return self.tried[-1]


def letter(mark: str, sender: str) -> bytes:
    """A message that carries its mark."""
    return f"From: {sender}\r\nTo: you@ahaus.net\r\nSubject: {mark}\r\nMessage-ID: <{mark}@last.example>\r\n\r\n{BODY}\r\n".encode()


def again_and_again(stop: threading.Event, work: Callable[[], None]) -> None:
    """Begin anew whenever the connection is lost."""
    while not stop.is_set():
        with contextlib.suppress(*LOST):
            work()
        stop.wait(0.2)


def arriving(here: Running, told: Told, stop: threading.Event) -> None:
    """A server outside sends to one resident, or to two."""
    turns = itertools.cycle([RESIDENTS[:1], RESIDENTS[1:2], RESIDENTS[2:], RESIDENTS[:2]])
    with smtplib.SMTP("127.0.0.1", here.smtp, local_hostname="last.example", timeout=20) as client:
        while not stop.is_set():
            to, mark = next(turns), told.mark("an")
            refused = client.sendmail("last@last.example", list(to), letter(mark, "last@last.example"))
            told.taken += [(mark, one) for one in to if one not in refused]


def submitting(here: Running, told: Told, stop: threading.Event) -> None:
    """Anna's program sends to Ben, to Clara in the other city, and to elsewhere (which the demo holds)."""
    turns = itertools.cycle([["ben@ahaus.net"], ["clara@musterstadt.example", "fern@peer.example"]])
    with smtplib.SMTP("127.0.0.1", here.ports["PORT_SUBMISSION"], local_hostname="laptop.invalid", timeout=20) as client:
        client.starttls(context=trusting())
        client.login("anna@ahaus.net", PASSWORD)
        while not stop.is_set():
            to, mark = next(turns), told.mark("ab")
            client.sendmail("anna@ahaus.net", to, letter(mark, "anna@ahaus.net"))
            told.taken.append((mark, to[0]))
            stop.wait(0.5)  # a person may send only so much in an hour


def programs(here: Running, told: Told, stop: threading.Event, who: str) -> None:
    """A resident's mail program appends, flags, moves to and fro, and expunges some of what it appended."""
    with imap(here, who) as client:
        for folder in itertools.cycle(FOLDERS):
            if stop.is_set():
                return
            appended(client, told, who, folder)
            client.select(folder)
            other = FOLDERS[1 - FOLDERS.index(folder)]
            uids = said(client.uid("SEARCH", "1:*"))[0].split()[-20:]
            if uids:
                said(client.uid("STORE", b",".join(uids).decode(), "+FLAGS", "(\\Flagged)"))
                said(client.uid("MOVE", b",".join(uids[::2]).decode(), other))
                told.moved += len(uids[::2])
            expunged(client, told)


def appended(client: imaplib.IMAP4, told: Told, who: str, folder: str) -> None:
    for kind in ("bleibt", "geht"):
        mark = told.mark(kind)
        said(client.append(folder, None, None, letter(mark, who)))
        told.taken.append((mark, who))


def expunged(client: imaplib.IMAP4, told: Told) -> None:
    """Expunge one of those that are to go."""
    found = said(client.uid("SEARCH", "SUBJECT", "geht"))[0].split()[:1]
    if not found:
        return
    uid = found[0].decode()
    rows = said(client.uid("FETCH", uid, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
    if not isinstance(rows[0], tuple):
        return
    mark = rows[0][1].decode().partition(":")[2].strip()
    told.doubtful.append(mark)
    said(client.uid("STORE", uid, "+FLAGS", "(\\Deleted)"))
    said(client.uid("EXPUNGE", uid))
    told.doubtful.remove(mark)
    told.deleted.append(mark)


def said(answer: tuple[str, list]) -> list:
    """What an OK brought. Raises where it was none."""
    if answer[0] != "OK":
        raise imaplib.IMAP4.error(answer[0])
    return answer[1]


@contextlib.contextmanager
def imap(here: Running, who: str) -> Iterator[imaplib.IMAP4]:
    """A connection that is closed however it ends."""
    client = imaplib.IMAP4("127.0.0.1", here.ports["PORT_IMAP"], timeout=30)
    try:
        client.login(who, PASSWORD)
        yield client
    finally:
        client.shutdown()


def fire(here: Running, *, seconds: float, every: float) -> Told:
    """Load for so long, with a role killed every so many seconds."""
    told, stop = Told(), threading.Event()
    for who in RESIDENTS:
        with imap(here, who) as client:
            said(client.create(FOLDERS[1]))
    works = [
        *([lambda: arriving(here, told, stop)] * 2), lambda: submitting(here, told, stop),
        lambda: programs(here, told, stop, "ben@ahaus.net"), lambda: programs(here, told, stop, "clara@musterstadt.example"),
    ]  # fmt: skip
    threads = [threading.Thread(target=again_and_again, args=(stop, work)) for work in works]
    for thread in threads:
        thread.start()
    until, roles = time.monotonic() + seconds, itertools.cycle(ROLES)
    while time.monotonic() + every < until:
        time.sleep(every)
        role = next(roles)
        here.kill_role(role)
        told.killed[role] += 1
    time.sleep(max(0.0, until - time.monotonic()))
    stop.set()
    for thread in threads:
        thread.join(90)
        assert not thread.is_alive(), "a client hangs"
    return told


def came_back(here: Running, seconds: float = 60.0) -> None:
    """Every role answers again."""
    until = time.monotonic() + seconds
    while True:
        try:
            for who in RESIDENTS:
                with imap(here, who) as client:
                    said(client.select("INBOX"))
            for port in (here.smtp, here.ports["PORT_SUBMISSION"]):
                smtplib.SMTP("127.0.0.1", port, timeout=10).quit()
            Browser(here.web).get("/")
        except LOST:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


def lying(here: Running, who: str) -> list[str]:
    """Every mark in a resident's folders."""
    found = []
    with imap(here, who) as client:
        for folder in FOLDERS:
            said(client.select(folder, readonly=True))
            rows = said(client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")) if said(client.search(None, "ALL"))[0] else []
            found += [row[1].decode().partition(":")[2].strip() for row in rows if isinstance(row, tuple)]
    return found


def examine(here: Running, told: Told) -> dict[str, int]:
    """Compare what was told with what lies there. Raises AssertionError. Returns figures."""
    came_back(here)
    there = {who: Counter(lying(here, who)) for who in RESIDENTS}
    gone, doubtful, tried = set(told.deleted), set(told.doubtful), set(told.tried)
    lost = [(mark, who) for mark, who in told.taken if not there[who][mark] and mark not in gone | doubtful]
    doubled = [(mark, who, count) for who, marks in there.items() for mark, count in marks.items() if mark in tried and count > 1]
    risen = [(mark, who) for who, marks in there.items() for mark in marks if mark in gone]
    assert (lost, doubled, risen) == ([], [], []), (len(lost), len(doubled), len(risen), lost[:3], doubled[:3], risen[:3])
    here.command("scan", "nirgendsgesagt")  # nothing holds a lock: the whole of every store is read
    before = len(lying(here, "anna@ahaus.net"))
    mark = told.mark("zuletzt")
    with smtplib.SMTP("127.0.0.1", here.smtp, timeout=20) as client:
        client.sendmail("last@last.example", ["anna@ahaus.net"], letter(mark, "last@last.example"))
    assert len(lying(here, "anna@ahaus.net")) == before + 1
    log = (here.folder / "data" / "log" / "stadtmail.log").read_text()
    assert log.count('"what":"role_died"') >= sum(told.killed.values())
    assert '"what":"bug"' not in log, [line for line in log.splitlines() if '"bug"' in line][:5]
    return {
        "taken": len(told.taken), "unanswered": len(tried) - len({mark for mark, _ in told.taken}), "moved": told.moved,
        "expunged": len(told.deleted), "kills": sum(told.killed.values()),
    }  # fmt: skip


def main(seconds: str = "600", every: str = "20") -> None:
    with running() as here:
        print(examine(here, fire(here, seconds=float(seconds), every=float(every))))


if __name__ == "__main__":
    main(*sys.argv[1:])
