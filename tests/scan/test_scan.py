"""The residue scan finds a canary in each form in each store, explains what may be there, and cries over what may not."""

import base64
import gzip
import hashlib
import zlib
from datetime import timedelta

import pytest

from stadtmail.kit import config, store
from stadtmail.people.actions import contracts
from stadtmail.privacy import holds, policy, scan, sweep
from stadtmail.privacy.models import Unit
from tests.people.people import form

CANARY = "Kanarie-Grün-7f3a9c21"


def planted(raw: bytes) -> None:
    folder = config.load().data / "log"
    folder.mkdir(exist_ok=True)
    (folder / "residue").write_bytes(b"\x00" * 1000 + raw + b"\xff" * 1000)


@pytest.fixture(autouse=True)
def clean():
    yield
    (config.load().data / "log" / "residue").unlink(missing_ok=True)


@pytest.mark.parametrize(
    "raw",
    [
        CANARY.encode(), CANARY.upper().encode(), CANARY.encode("latin-1"), CANARY.encode("utf-16-le"), CANARY.encode("utf-16-be"),
        base64.b64encode(b"x" + CANARY.encode() + b"yz"), base64.b64encode(b"xy" + CANARY.encode() + b"z"),
        base64.urlsafe_b64encode(CANARY.encode() + b"abc"), b"Kanarie-Gr=C3=BCn-7f3a9c21", b"Kanarie-Gr%C3%BCn-7f3a9c21",
        b"Kanarie-Gr&#252;n-7f3a9c21", b"Kanarie-Gr\\u00fcn-7f3a9c21", CANARY[::-1].encode(), gzip.compress(b"a" * 99 + CANARY.encode()),
        zlib.compress(CANARY.encode(), 9), hashlib.sha256(CANARY.encode()).digest(), hashlib.md5(CANARY.lower().encode()).digest(),
        hashlib.sha1(CANARY.encode()).hexdigest().encode(), CANARY.encode().hex().encode(),
    ],
    ids=range(19),  # compressed bytes differ from run to run: as names they would divide the workers
)  # fmt: skip
def test_every_form_is_found_and_nothing_explains_it(ahaus, now, raw) -> None:
    planted(raw)
    report = scan.run([CANARY], now=now)
    assert [(hit.token, hit.way, hit.place) for hit in report.unexplained] == [(1, "lying", "log/residue")]


@pytest.mark.parametrize("raw", [b"198.51.100.77", b"3325256781", b"c633644d", bytes(10) + b"\xff\xff" + bytes([198, 51, 100, 77])])
def test_a_machine_address_is_found_in_each_form(ahaus, now, raw) -> None:
    planted(raw)
    assert scan.run(["198.51.100.77"], now=now).unexplained


def test_a_form_across_two_pieces_is_found(ahaus, now, monkeypatch) -> None:
    monkeypatch.setattr(scan.stores, "CHUNK_BYTES", 1010)
    planted(CANARY.encode())
    assert scan.run([CANARY], now=now).unexplained


def test_short_tokens_are_refused_and_random_bytes_give_no_alarm(ahaus, now) -> None:
    with pytest.raises(scan.TooShort):
        scan.run(["short"], now=now)
    import os

    planted(os.urandom(3_000_000))
    assert scan.run([CANARY, "198.51.100.77", "anna.k@ahaus.net"], now=now).hits == []


def test_c41_what_lives_is_explained_by_its_rule_or_hold_and_what_is_overdue_by_nothing(ahaus, now) -> None:
    made = contracts.prepare(form(name=f"Anna {CANARY}"), tenant=ahaus, policy=policy.current(ahaus), now=now)
    with store.writing():
        contract = contracts.conclude(made, now=now)
    report = scan.run([CANARY], now=now)
    assert {hit.way for hit in report.hits} == {"opened"}
    assert {hit.place.split()[0] for hit in report.hits} == {"people.Identity", "people.Inventory"}
    assert report.unexplained == []
    contracts.cancel(contract, ends_at=now, now=now)
    unit = Unit.objects.get(category="BD")
    due = unit.due_at
    assert any("due 2027-05-23" in hit.explained for hit in scan.run([CANARY], now=now).hits)
    assert [hit.place.split()[0] for hit in scan.run([CANARY], now=due + timedelta(hours=1)).unexplained] == ["people.Inventory"]
    holds.place(
        tenant=ahaus, type="objection", reason="invoice_objection", units=[unit.id], by="desk:1", review_at=due + timedelta(days=9), now=due
    )
    assert scan.run([CANARY], now=due + timedelta(hours=1)).unexplained == []


def test_c41_after_the_last_date_nothing_is_found(ahaus, now) -> None:
    made = contracts.prepare(form(name=f"Anna {CANARY}"), tenant=ahaus, policy=policy.current(ahaus), now=now)
    with store.writing():
        contract = contracts.conclude(made, now=now)
    contracts.cancel(contract, ends_at=now, now=now)
    at = now
    while at is not None:
        sweep.run(at)
        at = sweep.next_due(None, after=at)
    report = scan.run([CANARY, "anna.k@ahaus.net", "Marktstraße 1", "ein langer Satz 7"], now=now + timedelta(days=2000))
    assert report.hits == []
    assert report.bytes_lying > 100_000


def test_the_citys_own_published_text_is_no_residue(ahaus, now) -> None:
    report = scan.run(["Rathausplatz 1"], now=now)
    assert report.hits
    assert report.unexplained == []


def test_what_lies_in_ram_is_searched_too(ahaus, now) -> None:
    from stadtmail.usage import volatile

    volatile.put("challenge", b"k", CANARY.encode(), until=now + timedelta(minutes=1))
    try:
        report = scan.run([CANARY], now=now)
    finally:
        volatile.clear()
    assert "volatile store" in report.stores
    assert {hit.store for hit in report.unexplained} == {"volatile store"}
