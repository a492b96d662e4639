"""The volatile store: entries end to the second, exactly one wins, nothing ended comes back, nothing lies on a disk (C-4.2)."""

import multiprocessing
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from stadtmail.kit import instance
from stadtmail.usage import folder, marks, privacy, volatile

SECOND = timedelta(seconds=1)


def test_an_entry_ends_to_the_microsecond(now) -> None:
    until = now + timedelta(minutes=30)
    volatile.put("session", b"k", b"v", until=until)
    assert volatile.get("session", b"k", until - timedelta(microseconds=1)) == b"v"
    assert volatile.get("session", b"k", until) is None
    assert volatile.count("session", until - SECOND) == 1
    assert volatile.count("session", until) == 0
    assert volatile.take("session", b"k", until) is None


def test_take_gives_it_once(now) -> None:
    volatile.put("challenge", b"k", b"v", until=now + SECOND)
    assert volatile.take("challenge", b"k", now) == b"v"
    assert volatile.take("challenge", b"k", now) is None


def test_what_has_ended_is_not_brought_back_by_replace(now) -> None:
    volatile.put("session", b"k", b"v", until=now + SECOND)
    assert volatile.replace("session", b"k", b"w", until=now + 2 * SECOND, now=now)
    assert volatile.drop("session", b"k")
    assert not volatile.replace("session", b"k", b"x", until=now + 9 * SECOND, now=now)
    volatile.put("session", b"k", b"v", until=now + SECOND)
    assert not volatile.replace("session", b"k", b"x", until=now + 9 * SECOND, now=now + SECOND)
    assert volatile.get("session", b"k", now + SECOND) is None


def test_add_replaces_only_what_has_ended(now) -> None:
    assert volatile.add("challenge", b"k", b"1", until=now + SECOND, now=now)
    assert not volatile.add("challenge", b"k", b"2", until=now + 9 * SECOND, now=now)
    assert volatile.add("challenge", b"k", b"3", until=now + 9 * SECOND, now=now + SECOND)


def test_end_of_a_person_ends_nobody_else(now) -> None:
    until = now + SECOND
    volatile.put("session", b"1", b"", until=until, person=b"anna")
    volatile.put("connection", b"2", b"", until=until, person=b"anna")
    volatile.put("session", b"3", b"", until=until, person=b"ben")
    volatile.put("session", b"4", b"", until=until)
    assert volatile.end_of_person(b"anna") == 2
    assert volatile.count("session", now) == 2
    assert volatile.count("connection", now) == 0


def test_sweep_takes_exactly_what_has_ended(now) -> None:
    for number in range(5):
        volatile.put("limit", bytes([number]), b"x", until=now + number * SECOND)
    assert volatile.sweep(now + 2 * SECOND) == 3
    assert volatile.sweep(now + 2 * SECOND) == 0
    assert volatile.count("limit", now) == 2


def test_every_shows_what_is_there_and_no_key(now) -> None:
    volatile.put("limit", b"secret", b"secret", until=now - SECOND)
    volatile.put("session", b"secret", b"secret", until=now + SECOND / 3)
    assert sorted(volatile.every()) == [("limit", now - SECOND), ("session", now + SECOND / 3)]


def test_an_undeclared_space_is_refused(now) -> None:
    with pytest.raises(AssertionError, match="not declared"):
        volatile.put("secrets", b"k", b"v", until=now + SECOND)


def test_every_space_holds_categories_that_the_policy_keeps_in_ram(ahaus) -> None:
    from stadtmail.privacy import policy

    known = policy.current(ahaus).categories
    for space in privacy.SPACES.values():
        assert all(known[code].store == "ram" for code in space.categories)
    assert privacy.categories() == {"ND", "VD", "COOK", "CAPT"}


def test_swept_bytes_are_gone_from_the_folder(now, ram) -> None:
    canary = os.urandom(24)
    volatile.put("session", canary, canary, until=now + SECOND)
    assert canary in ram()
    volatile.drop("session", canary)
    volatile.sweep(now)
    assert canary not in ram()


def test_clear_leaves_nothing_and_new_keys(now, ram, ahaus) -> None:
    canary, who = os.urandom(24), ahaus.pk
    before = marks.of_person(ahaus.pk, who)
    volatile.put("session", canary, canary, until=now + SECOND)
    volatile.clear()
    assert canary not in ram()
    assert marks.of_person(ahaus.pk, who) != before
    assert marks.of_person(ahaus.pk, who) == marks.of_person(ahaus.pk, who)


def _try(action: str, gate, wins, now) -> None:
    gate.wait()
    for number in range(40):
        key = number.to_bytes(2, "big")
        if action == "add":
            won = volatile.add("challenge", key, b"", until=now + SECOND, now=now)
        else:
            won = volatile.take("challenge", key, now) is not None
        if won:
            with wins.get_lock():
                wins.value += 1


@pytest.mark.parametrize("action", ["add", "take"])
def test_of_four_processes_with_two_threads_each_exactly_one_wins(action: str, now) -> None:
    if action == "take":
        for number in range(40):
            volatile.put("challenge", number.to_bytes(2, "big"), b"x", until=now + SECOND)
    context = multiprocessing.get_context("fork")  # also proves that a child opens its own connection
    gate, wins = context.Barrier(8), context.Value("i", 0)

    def work() -> None:
        threads = [threading.Thread(target=_try, args=(action, gate, wins, now)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit(0)  # leave pytest's own exit work alone

    children = [context.Process(target=work) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
        assert child.exitcode == 0
    assert wins.value == 40


def test_changes_of_parallel_threads_are_all_counted(now) -> None:
    def step(value):
        return bytes([(value or b"\0")[0] + 1]), now + SECOND

    threads = [
        threading.Thread(target=lambda: [volatile.change("limit", b"k", step, now=now) for _ in range(20)]) for _ in range(6)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert volatile.get("limit", b"k", now) == bytes([120])


def test_c42_the_folder_is_in_ram_and_ours_alone() -> None:
    place = folder.current()
    assert folder.is_ram(place)
    assert place.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 or path.parent == place for path in place.iterdir())


def _instance(data: Path, kind: str) -> Path:
    instance.create(data, kind=kind, root_key=data / "root.key")
    instance.current.cache_clear()
    return data


def test_c42_production_refuses_a_folder_on_a_disk(tmp_path) -> None:
    if folder.is_ram(tmp_path):
        pytest.skip("here /tmp itself is in RAM")
    data = _instance(tmp_path / "data", "production")
    with pytest.raises(folder.NotInRam):
        folder._made(data, str(tmp_path / "volatile"))


def test_production_without_shared_memory_does_not_start(tmp_path, monkeypatch) -> None:
    data = _instance(tmp_path / "data", "production")
    monkeypatch.setattr(folder, "SHARED_MEMORY", tmp_path / "shm")
    monkeypatch.setattr(folder, "is_ram", lambda path: False)
    with pytest.raises(folder.NotInRam):
        folder._made(data, "")


def test_a_demo_without_shared_memory_uses_its_data_folder(tmp_path, monkeypatch) -> None:
    data = _instance(tmp_path / "data", "demo")
    monkeypatch.setattr(folder, "is_ram", lambda path: False)
    assert folder._made(data, "") == data / "volatile"


@pytest.mark.parametrize("trap", ["open", "link"])
def test_a_folder_prepared_by_somebody_else_is_refused(tmp_path, trap: str) -> None:
    data, place = _instance(tmp_path / "data", "test"), tmp_path / "place"
    if trap == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.mkdir()
        place.chmod(0o755)
    with pytest.raises(folder.NotInRam):
        folder._made(data, str(place))
