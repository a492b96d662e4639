"""Epochs make destruction final: an old copy of the keystore opens what lives, and nothing that was erased (house.md 4)."""

import os
import sqlite3
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connections

from stadtmail.kit import config
from stadtmail.vault import backups, boxes, epochs, keys, ring
from stadtmail.vault.models import Key

DAY = timedelta(days=1)


def copy_opens(path: Path, key_id: UUID) -> bool:
    """Does a copy of the keystore, with everything that the machine has today, still open this key?"""
    row = sqlite3.connect(path).execute("select epoch, wrapped from vault_key where id = ?", [key_id.hex]).fetchone()
    if row is None:
        return False
    try:
        keys.unwrap(key_id, row[0], row[1])
    except keys.KeyGone:
        return False
    return True


def run_days(begin, days: int) -> None:
    for day in range(1, days + 1):
        epochs.turn(begin + day * DAY)
        epochs.retire(begin + day * DAY)


@pytest.fixture
def copied(now, tmp_path):
    if connections["keys"].vendor != "sqlite":
        pytest.skip("a copy of the SQLite keystore")
    kept, erased = keys.new(uuid4(), count=2, now=now)
    epochs.backup(tmp_path / "copy")
    keys.destroy([erased.id])
    return tmp_path / "copy", kept, erased


def test_a_copy_of_yesterday_opens_what_lives(copied, now) -> None:
    path, kept, erased = copied
    epochs.turn(now + DAY)
    assert copy_opens(path, kept.id)
    assert copy_opens(path, erased.id)  # as the certificate says: readable until the epoch has passed


def test_once_the_epoch_has_passed_no_copy_opens_what_was_erased(copied, now) -> None:
    path, kept, erased = copied
    run_days(now, 9)
    assert epochs.irrecoverable_at(now) <= now + 9 * DAY
    assert not copy_opens(path, erased.id)
    assert not copy_opens(path, kept.id)  # the copy is worthless altogether: it was made under an epoch that is gone
    keys.drop_copies()
    assert keys.one(kept.id) == kept.key


def test_an_epoch_stays_until_its_backups_have_expired(copied, now) -> None:
    path, _, erased = copied
    run_days(now, 7)
    assert copy_opens(path, erased.id)
    assert len(ring.epochs()) > 1


def test_the_ring_on_the_disk_has_no_trace_of_a_retired_epoch(copied, now) -> None:
    before = (config.load().data / "ring").read_bytes()[:68]
    run_days(now, 9)
    assert before[8:] not in (config.load().data / "ring").read_bytes()


def test_rewrapping_goes_on_where_a_crash_stopped_it(now, monkeypatch) -> None:
    made = keys.new(uuid4(), count=50, now=now)
    monkeypatch.setattr(epochs, "BATCH", 20)
    real, calls = epochs._rewrap_part, []

    def crashing(ids, newest):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError
        return real(ids, newest)

    monkeypatch.setattr(epochs, "_rewrap_part", crashing)
    with pytest.raises(RuntimeError):
        epochs.turn(now + DAY)
    assert 0 < Key.objects.filter(epoch=ring.epochs()[-1].number).count() < 50
    epochs.turn(now + DAY)
    keys.drop_copies()
    assert {key.id: key.key for key in made} == keys.many([key.id for key in made])
    assert set(Key.objects.filter(id__in=[key.id for key in made]).values_list("epoch", flat=True)) == {ring.epochs()[-1].number}


def test_a_key_is_bound_to_its_id_and_epoch(now) -> None:
    one, other = keys.new(uuid4(), count=2, now=now)
    Key.objects.filter(id=one.id).update(wrapped=Key.objects.get(id=other.id).wrapped)
    keys.drop_copies()
    with pytest.raises(keys.KeyGone):
        keys.one(one.id)


def test_the_recovery_kit_brings_ring_and_root_key_back(now, tmp_path) -> None:
    from stadtmail.vault import boxes
    from stadtmail.vault.seal import Unreadable

    made = keys.new(uuid4(), count=1, now=now)[0]
    private, public = boxes.pair()
    kit = ring.escrow(public)
    with pytest.raises(Unreadable):
        ring.recover(kit, boxes.pair()[0], root_key_path=tmp_path / "root.key")
    path = config.load().data / "ring"
    kept = path.read_bytes()
    path.write_bytes(bytes(len(kept)))
    ring.recover(kit, private, root_key_path=tmp_path / "root.key")
    assert path.read_bytes() == kept
    keys.drop_copies()
    assert keys.one(made.id) == made.key


def test_no_key_lies_in_the_clear_in_any_file(now) -> None:
    made = keys.new(uuid4(), count=3, now=now)
    everything = b"".join(path.read_bytes() for path in config.load().data.rglob("*") if path.is_file() and path.name != "root.key")
    assert not any(key.key in everything or key.key.hex().encode() in everything for key in made)
    assert ring.root_key() not in everything
    assert repr(made[0]).count("key=") == 0


def test_a_root_key_from_the_kit_is_never_open_to_others(tmp_path, now, monkeypatch) -> None:
    epochs.current(now)
    private, public = boxes.pair()
    kit, path = ring.escrow(public), tmp_path / "root.key"
    path.write_bytes(b"an older one")
    path.chmod(0o644)
    modes, write = [], os.write
    monkeypatch.setattr(os, "write", lambda fd, data: (modes.append(os.fstat(fd).st_mode & 0o777), write(fd, data))[1])
    ring.recover(kit, private, root_key_path=path)
    assert (path.read_bytes(), set(modes)) == (ring.root_key(), {0o600})


def test_what_a_crash_left_of_a_backup_goes_with_the_backups(now) -> None:
    backups.folder().mkdir(parents=True, exist_ok=True)
    left = backups.folder() / f"{now.date().isoformat()}.part"
    left.write_bytes(b"wrapped keys")
    assert backups.expire(now + 7 * DAY) == []
    assert backups.expire(now + 8 * DAY) == [now.date()]
    assert not left.exists()
