"""A machine that is rolled back stays closed until its witness has caught it up; what was erased is erased again (C-4.1)."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from stadtmail.kit import instance
from stadtmail.people.models import Inventory
from stadtmail.privacy import erasure, witness
from stadtmail.privacy.evidence import log, public, receipts
from stadtmail.privacy.models import Head, Leaf, LedgerEntry, Unit
from stadtmail.vault import keys


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "witness"
    place.mkdir()
    monkeypatch.setenv("STADTMAIL_WITNESS_URL", str(place))
    return place


@pytest.fixture
def machine(tmp_path):
    """machine.snapshot(); machine.roll_back(): the files of the stores, as a backup of the whole disk holds them."""

    class Machine:
        def snapshot(self, *names: str) -> None:
            for name in names:
                copy = tmp_path / f"{name}.copy"
                copy.unlink(missing_ok=True)
                with connections[name].cursor() as cursor:
                    cursor.execute("VACUUM INTO %s", [str(copy)])

        def roll_back(self, *names: str) -> None:
            for name in names:
                connections[name].ensure_connection()
                with closing(sqlite3.connect(tmp_path / f"{name}.copy")) as copy:
                    copy.backup(connections[name].connection)  # page by page: whoever else has the store open sees the past too
                connections[name].close()
            keys.drop_copies()

    return Machine()


STORES = ("default", "evidence", "keys")


def replay(now) -> None:
    try:
        from stadtmail.privacy import recovery
    except ImportError:
        recovery = erasure
    recovery.replay(now)
    log.move(now)


def gone(ids) -> bool:
    return not Unit.objects.filter(id__in=ids).exists() and not Inventory.objects.filter(unit_id__in=ids).exists()


def test_without_a_witness_nothing_is_behind(ahaus, make, erase, now) -> None:
    erase(make(ahaus, 1), now, cause="deleted")
    assert witness.place() is None
    assert not witness.behind(now)
    assert not witness.copy(now)


def test_a_fresh_witness_is_not_ahead(folder, ahaus, now) -> None:
    assert not witness.behind(now)


def test_the_witness_follows_each_head_and_holds_nothing_personal(folder, ahaus, make, erase, now) -> None:
    for _ in range(3):
        erase(make(ahaus, 2), now, cause="deleted")
        assert witness.lag(ahaus) == 0
        assert not witness.behind(now)
    text = (folder / f"{instance.current().id}.witness").read_text()
    assert [json.loads(line)["index"] for line in text.splitlines() if '"leaf"' in line] == [0, 1, 2]
    assert text.count('"head"') == 3
    assert text.count('{"erasure"') == 3
    assert "KANARIE" not in text
    assert "ahaus" not in text


@pytest.mark.parametrize("stores", [("default", "evidence"), STORES])
def test_a_rolled_back_machine_stays_closed_and_catches_up(folder, machine, ahaus, make, end, erase, now, stores) -> None:
    erase(make(ahaus, 1), now, cause="deleted")
    rows, neighbours = end(make(ahaus, 3), now), make(ahaus, 2)
    paper = receipts.receipt(ahaus, rows, now=now)
    machine.snapshot(*stores)
    later = rows[0].due_at
    erase(rows, later)
    erase(neighbours[:1], later, cause="withdrawn")
    before = log.export(ahaus)
    ids = [row.id for row in rows]
    assert gone(ids)

    machine.roll_back(*stores)
    assert Unit.objects.filter(id__in=ids).count() == 3  # the dead have risen
    assert witness.behind(later)

    caught = witness.catch_up(later)
    assert (caught.leaves, caught.erasures) == (2, 2)
    assert not witness.behind(later)
    replay(later + timedelta(hours=1))
    assert gone(ids)
    assert gone([neighbours[0].id])
    assert Unit.objects.filter(id=neighbours[1].id).exists()
    assert not LedgerEntry.objects.filter(done_at=None).exists()
    after = log.export(ahaus)
    assert after["leaves"] == before["leaves"]  # no second leaf, and every old receipt stays provable
    assert after["heads"][-1]["root"] == before["heads"][-1]["root"]
    assert public.proof_for(ahaus, receipts.commitments(paper), since=1)["erasures"]
    assert witness.catch_up(later) == witness.CaughtUp(0, 0)


def test_the_log_goes_on_behind_the_witnessed_head(folder, machine, ahaus, make, erase, now) -> None:
    machine.snapshot("default", "evidence")
    erase(make(ahaus, 1), now, cause="deleted")
    machine.roll_back("default", "evidence")
    witness.catch_up(now)
    erase(make(ahaus, 1), now, cause="deleted")
    assert log.size(ahaus.id) == 2
    assert witness.lag(ahaus) == 0


def test_an_erasure_that_was_told_before_its_leaf_gets_its_leaf(folder, machine, ahaus, make, erase, now) -> None:
    rows = make(ahaus, 2)
    machine.snapshot("default", "evidence")
    erasure.erase([row.id for row in rows], tenant=ahaus, now=now, cause="deleted")
    witness.copy(now)  # the ledger is there, the leaf still lies in the outbox
    machine.roll_back("default", "evidence")
    assert witness.behind(now)
    assert witness.catch_up(now) == witness.CaughtUp(0, 1)
    replay(now)
    assert gone([row.id for row in rows])
    assert log.size(ahaus.id) == 1
    assert json.loads(log.export(ahaus)["leaves"][0])["count"] == 2


def test_a_fork_erases_again_and_is_reported_until_the_operator_settles_it(folder, machine, ahaus, make, erase, now, monkeypatch) -> None:
    rows = make(ahaus, 2)
    machine.snapshot("default", "evidence")
    erase(rows, now, cause="deleted")
    machine.roll_back("default", "evidence")
    monkeypatch.delenv("STADTMAIL_WITNESS_URL")  # somebody lets it run without its witness: the past splits
    erase(make(ahaus, 1), now, cause="withdrawn")
    monkeypatch.setenv("STADTMAIL_WITNESS_URL", str(folder))
    assert not witness.copy(now)
    assert witness.behind(now)
    for _ in range(2):
        with pytest.raises(witness.Forked):
            witness.catch_up(now)
    replay(now)
    assert gone([row.id for row in rows])
    assert witness.behind(now)  # still closed
    assert witness.settle(now) == 1
    assert not witness.behind(now)
    assert len(list(folder.iterdir())) == 2  # the old file is kept
    last = json.loads(log.export(ahaus)["leaves"][-1])
    assert (last["type"], last["size"]) == ("fork", 1)
    assert witness.lag(ahaus) == 0


def test_a_configured_witness_that_cannot_be_read_keeps_the_ports_closed(folder, ahaus, make, erase, now) -> None:
    erase(make(ahaus, 1), now, cause="deleted")
    folder.rename(folder.parent / "unplugged")
    with pytest.raises(witness.WitnessUnreachable):
        witness.behind(now)
    with pytest.raises(witness.WitnessUnreachable):
        witness.catch_up(now)
    erase(make(ahaus, 1), now, cause="deleted")  # what runs goes on
    (folder.parent / "unplugged").rename(folder)
    assert witness.lag(ahaus) == 1
    assert witness.copy(now)
    assert witness.lag(ahaus) == 0


def test_a_line_torn_by_a_crash_is_told_again(folder, ahaus, make, erase, now) -> None:
    erase(make(ahaus, 1), now, cause="deleted")
    path = folder / f"{instance.current().id}.witness"
    whole = path.read_bytes()
    for cut in (1, 40, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        assert witness.copy(now)
        assert witness._read(path, witness.Seen(), 0, rows=True)[0].sizes == {ahaus.id: 1}
        assert len(witness._told(path).heads) == 1
        assert not witness.behind(now)


def test_a_forged_witness_is_not_believed(folder, machine, ahaus, make, erase, now) -> None:
    machine.snapshot("default", "evidence")
    erase(make(ahaus, 1), now, cause="deleted")
    machine.roll_back("default", "evidence")
    path = folder / f"{instance.current().id}.witness"
    text = path.read_text()
    path.write_text(text.replace('\\"count\\":1', '\\"count\\":2'))
    assert path.read_text() != text
    with pytest.raises(witness.WitnessForged):
        witness.catch_up(now)
    assert not Leaf.objects.exists()
    assert not Head.objects.exists()


def test_the_file_is_closed_to_others(folder, ahaus, make, erase, now) -> None:
    erase(make(ahaus, 1), now, cause="deleted")
    assert (folder / f"{instance.current().id}.witness").stat().st_mode & 0o777 == 0o600
