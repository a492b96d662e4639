"""The stored tree and log against the verifier, grown in every kind of step; nothing is lost or doubled by two at once."""

import hashlib
import sys
from pathlib import Path
from random import Random
from threading import Thread
from uuid import uuid4

from django.db import connections

from stadtmail.kit import store
from stadtmail.privacy.evidence import log, public, tree
from stadtmail.privacy.models import Commitment, Head, Leaf, Node, Outbox

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "verifier"))
import stadtmail_verify as verify


def test_a_tree_grown_in_any_steps_is_the_same_tree() -> None:
    """RFC 6962: every audit path and consistency proof of the stored tree is accepted by the verifier's own code."""
    random = Random(7)
    data, hashes, city = [], [], uuid4()
    while len(data) < 70:
        step = [bytes([random.randrange(256)]) * random.randrange(9) for _ in range(random.choice([1, 1, 2, 3, 8, 17]))]
        with store.writing("evidence"):
            tree.append(city, len(data), step)
        data += step
    hashes = [verify.leaf_hash(leaf) for leaf in data]
    roots = verify.roots(hashes, range(len(data) + 1))
    assert Node.objects.filter(tenant=city).count() <= 2 * len(data)
    for size in range(1, len(data) + 1):
        assert tree.root(city, size) == roots[size]
    size = len(data)
    for index in range(size):
        assert verify.root_by_path(hashes[index], index, size, tree.inclusion(city, index, size)) == roots[size]
    for old in range(size + 1):
        assert verify.extends(old, roots[old], size, roots[size], tree.consistency(city, old, size))


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert tree.root(uuid4(), 0) == hashlib.sha256(b"").digest() == verify.roots([], [0])[0]


def test_two_moves_at_once_move_each_leaf_once(ahaus, now) -> None:
    for _ in range(40):
        with store.writing():
            log.note(ahaus, {"type": "hold_placed", "hold": "legal_hold", "count": 1}, now=now)

    def move() -> None:
        log.move(now)
        connections.close_all()

    threads = [Thread(target=move) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not Outbox.objects.exists()
    assert list(Leaf.objects.order_by("index").values_list("index", flat=True)) == list(range(40))
    head = log.head(ahaus.id)
    assert (head.size, bytes(head.root)) == (40, tree.root(ahaus.id, 40))


def test_a_crash_between_tree_and_outbox_doubles_nothing(ahaus, make, erase, now) -> None:
    """The leaf is in the tree, the outbox was not emptied: the next move recognises it."""
    from stadtmail.privacy import erasure

    rows = make(ahaus, 3)
    erasure.erase([row.id for row in rows], tenant=ahaus, now=now, cause="deleted")
    kept = list(Outbox.objects.values())
    log.move(now)
    Outbox.objects.bulk_create([Outbox(**row) for row in kept])
    assert log.move(now) == 0
    assert not Outbox.objects.exists()
    assert (Leaf.objects.count(), Commitment.objects.count(), Head.objects.count()) == (1, 3, 1)


def test_the_export_is_one_moment_even_while_the_log_grows(ahaus, make, erase, now, monkeypatch) -> None:
    """What a sweep adds between two reads belongs to the next head: a download is never half old and half new."""
    erase(make(ahaus, 1), now, cause="deleted")
    newest = log.head

    def grows(city):
        found = newest(city)
        with store.writing("evidence"):
            log.add(city, [(uuid4(), b"{}", b"")])
        return found

    monkeypatch.setattr(log, "head", grows)
    found = public.whole(ahaus)
    assert (len(found["leaves"]), found["heads"][-1]["size"]) == (1, 1)
