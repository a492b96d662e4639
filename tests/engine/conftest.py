"""Units of inventory data on a contract, each with a canary, so that erasure has something real to erase."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from stadtmail.kit import config, store
from stadtmail.people.models import Contract, Inventory, Person
from stadtmail.privacy import events, units

CANARY = "KANARIE-7f3a9c21"


@pytest.fixture
def contract(ahaus) -> Contract:
    return new_contract(ahaus)


def new_contract(tenant) -> Contract:
    person = Person.objects.create(tenant=tenant)
    return Contract.objects.create(
        tenant=tenant, person=person, tariff="basis", notice_version=1, notice_digest="0" * 64, terms_version="1"
    )


@pytest.fixture
def inventory(ahaus, contract, now):
    """Make n units of category BD with a canary each; returns their ids."""

    def make(count: int = 1, canary: str = CANARY, on: Contract = contract) -> list[UUID]:
        wanted = [units.Wanted("BD", "contract", on.id, on.person_id) for _ in range(count)]
        prepared = units.prepare(ahaus, wanted, now=now)
        with store.writing():
            units.save(prepared)
            Inventory.objects.bulk_create(
                [
                    Inventory(
                        unit_id=one.id, contract=on, source="order_form", phone=None,
                        display_name=units.seal(one, "display_name", canary), salutation=units.seal(one, "salutation", "x"),
                        language=units.seal(one, "language", "de"),
                    )
                    for one in prepared
                ]
            )  # fmt: skip
        return [one.id for one in prepared]

    return make


@pytest.fixture
def end(ahaus, contract, now):
    """Let the contract end at a moment: the clocks of its units start."""

    def record(at: datetime = now, on: Contract = contract, **more) -> None:
        with store.writing():
            events.record(tenant=ahaus, anchor_kind="contract", anchor=on.id, name="contract_end", at=at, now=now, **more)

    return record


def run_child(step: int, now: datetime) -> int:
    """Sweep in a process of its own that is killed after `step`. Returns its exit code (-9: killed)."""
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "stadtmail.settings"}
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-m", "tests.engine.child", str(step), now.isoformat()], cwd=root, env=environ, timeout=60, check=False
    ).returncode


def bytes_on_disk() -> bytes:
    """Everything that lies in the data folder, one behind the other."""
    return b"".join(path.read_bytes() for path in sorted(config.load().data.rglob("*")) if path.is_file())


def someone(role: str = "desk") -> str:
    return f"{role}:{uuid4()}"
