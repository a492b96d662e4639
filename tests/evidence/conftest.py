"""Units with something real behind them (people.Inventory), erased by the one path, so that receipts have something to prove."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from stadtmail.kit import store
from stadtmail.people.models import Contract, Inventory, Person
from stadtmail.privacy import erasure, events, units
from stadtmail.privacy.evidence import log, public, receipts
from stadtmail.privacy.models import Unit

VERIFIER = Path(__file__).resolve().parents[2] / "verifier" / "stadtmail_verify.py"


@pytest.fixture
def make(now):
    """make(city, n) -> n new units of category BD on one contract of a new person."""

    def units_of(tenant, count: int = 1) -> list[Unit]:
        person = Person.objects.create(tenant=tenant)
        contract = Contract.objects.create(
            tenant=tenant, person=person, tariff="basis", notice_version=1, notice_digest="0" * 64, terms_version="1"
        )
        prepared = units.prepare(tenant, [units.Wanted("BD", "contract", contract.id, person.id)] * count, now=now)
        with store.writing():
            units.save(prepared)
            Inventory.objects.bulk_create(
                [
                    Inventory(
                        unit_id=one.id, contract=contract, source="order_form", phone=None, salutation=units.seal(one, "salutation", "x"),
                        display_name=units.seal(one, "display_name", "KANARIE-7f3a9c21"), language=units.seal(one, "language", "de"),
                    )
                    for one in prepared
                ]
            )  # fmt: skip
        return list(Unit.objects.filter(id__in=[one.id for one in prepared]).select_related("tenant"))

    return units_of


@pytest.fixture
def end():
    """end(units, at) records the end of their contract and returns the units with their dates."""

    def end_of(rows: list[Unit], at) -> list[Unit]:
        anchors = {row.anchor for row in rows}
        with store.writing():
            for anchor in anchors:
                events.record(tenant=rows[0].tenant, anchor_kind="contract", anchor=anchor, name="contract_end", at=at, now=at)
        return list(Unit.objects.filter(id__in=[row.id for row in rows]).select_related("tenant"))

    return end_of


@pytest.fixture
def erase():
    """erase(units, at, cause) erases them and signs the head."""

    def erased(rows: list[Unit], at, cause: str = "due") -> None:
        erasure.erase([row.id for row in rows], tenant=rows[0].tenant, now=at, cause=cause)
        log.move(at)

    return erased


@pytest.fixture
def papers(ahaus, make, end, erase, now):
    """A receipt, and the log after it: two earlier erasures, Anna's on time, one more behind it."""
    erase(make(ahaus, 3), now, cause="deleted")
    rows = end(make(ahaus, 5), now)
    paper = receipts.receipt(ahaus, rows, now=now)
    erase(rows, rows[0].due_at + timedelta(minutes=2))
    erase(make(ahaus, 2), now + timedelta(days=400), cause="withdrawn")
    return paper, log.export(ahaus), public.proof_for(ahaus, receipts.commitments(paper), since=paper["head"]["size"])


@pytest.fixture
def verdict(tmp_path):
    """Run the verifier on papers, in a Python without site-packages and without our environment: (exit code, output)."""

    def run(*papers, language: str = "en", key: str = "") -> tuple[int, str]:
        paths = []
        for number, paper in enumerate(papers):
            paths.append(tmp_path / f"{number}.json")
            paths[-1].write_text(json.dumps(paper))
        more = ["--key", key] if key else []
        command = [sys.executable, "-I", "-S", str(VERIFIER), *map(str, paths), "--lang", language, *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={})
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout

    return run
