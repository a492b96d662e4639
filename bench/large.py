"""A folder of 200,000 messages over IMAP: the first SELECT after a start, a later one, the first page, a flag, resynchronising.

The newest hundred messages are real; the rows before them have the size of real ones and are never opened.
"""

import os
import time
from collections.abc import Callable
from uuid import UUID, uuid4

from bench import cost, imap, imap_client, servers, world
from bench.table import Row

REAL, ENVELOPE_BYTES = 100, 1500


def run(*, quick: bool) -> list[Row]:
    """Measure each step as a client sees it, and the processor time of the door."""
    count, tries = (50_000, 5) if quick else (200_000, 20)
    port = servers.free_port()
    with world.folder(port_imap=str(port), port_imaps=str(servers.free_port()), port_smtp=str(servers.free_port())):
        (address,) = world.residents(world.city(), 1)
        imap.fill(address, REAL)
        world.say(f"storing {count} rows")
        _stretch(count)
        imap.fill(address, REAL)
        with servers.ours("doors", port) as process:
            client = imap_client.Client(port)
            client.login(f"{address}:{world.PASSWORD}")
            rows = [_step("first SELECT after a start", process, lambda: client.ask(b"SELECT INBOX"), 1)]
            total = count + 2 * REAL + 1
            rows.append(_step("SELECT again", process, lambda: client.ask(b"SELECT INBOX"), tries))
            page = b"FETCH %d:%d (%b)" % (total - 49, total, imap_client.FIRST)
            rows.append(_step("first page of 50", process, lambda: client.ask(page), tries))
            rows.append(_step("a flag", process, lambda: client.ask(b"STORE %d +FLAGS (\\Flagged)" % (total // 2)), 1))
            flags = iter([b"-", b"+"] * tries)
            rows.append(
                _step("a flag again", process, lambda: client.ask(b"STORE %d %bFLAGS (\\Flagged)" % (total // 2, next(flags))), tries)
            )
            rows += _resynchronised(client, process, tries, total)
            rows.append(_step("STATUS (MESSAGES UNSEEN)", process, lambda: client.ask(b"STATUS INBOX (MESSAGES UNSEEN)"), tries))
            client.close()
    return rows


def _resynchronised(client: imap_client.Client, process: int, tries: int, total: int) -> list[Row]:
    client.ask(b"ENABLE QRESYNC")
    answer = client.ask(b"SELECT INBOX")
    validity, modseq = (int(answer.partition(word)[2].split(b"]")[0]) for word in (b"[UIDVALIDITY ", b"[HIGHESTMODSEQ "))
    client.ask(b"STORE %d:%d +FLAGS (\\Answered)" % (total - 99, total))
    client.ask(b"UNSELECT")
    resync = b"SELECT INBOX (QRESYNC (%d %d))" % (validity, modseq)
    return [_step("QRESYNC after 100 changes", process, lambda: client.ask(resync), tries)]


def _step(name: str, process: int, run: Callable[[], object], tries: int) -> Row:
    walls = []
    with cost.measured((process,)) as spent:
        for _ in range(tries):
            begun = time.perf_counter()
            run()
            walls.append(1000 * (time.perf_counter() - begun))
    return {"step": name, "median ms": cost.percentile(walls, 0.5), "slowest ms": max(walls), "processor ms": 1000 * spent.cpu / tries}


def _stretch(count: int) -> None:
    """Rows behind the real ones, written as they would lie after years."""
    from stadtmail.kit import store
    from stadtmail.mail.models import Folder, Message

    one = Message.objects.order_by("-uid").first()
    assert one is not None
    filler = os.urandom(ENVELOPE_BYTES)
    sql = (
        "INSERT INTO mail_message (id, folder_id, pair_id, uid, modseq, flags, size_bytes, arrived_on, record_key, envelope, blob)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, '2026-01-01', %s, %s, NULL)"
    )
    key = bytes(one.record_key)
    for at in range(0, count, 10_000):
        rows: list[tuple[str | bytes | int | UUID, ...]] = [
            (uuid4(), one.folder_id, one.pair_id, one.uid + number, one.modseq + number, number % 3 and 1, 9_000, key, filler)
            for number in range(at + 1, min(count, at + 10_000) + 1)
        ]
        with store.writing():
            store.change(sql, rows)
    with store.writing():
        Folder.objects.filter(id=one.folder_id).update(uidnext=one.uid + count + 1, modseq=one.modseq + count + 1)
