"""How a process comes up (house.md 4): lock, harden, migrate, holdings, policies, witness, replay, volatile; ports last.

The order is the promise: nothing is served from tables that nobody declared, by a policy that does not hold, or from rows
that had been erased before a restore. Whoever joins a started instance checks only that it is the same program.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime

from stadtmail.doors.console import lock, tables
from stadtmail.kit import clock, config, errors, instance
from stadtmail.kit import log as lines

A_FEW_KEYS = 10  # so many may be missing without a reason


class CannotStart(errors.NotAllowed):
    """Something is not as it must be; the text says what, for the operator."""


def serving(*, first: Callable[[], None] = lambda: None) -> lock.Lock:
    """Come up as the supervisor does: alone. Returns the lock, shared, for whoever joins. Raises CannotStart, lock.InUse.

    `first` runs once nobody else can be there: the look at the ports, which a second `serve` would find taken by the first.
    """
    known()
    held = lock.take_alone()
    first()
    _come_up()
    instance.clear_temporary_files(config.load().data)
    _write_down()
    held.share()
    return held


def settling() -> lock.Lock:
    """Come up alone for `witness settle` and `keys settle` only: no look at the witness, no replay. Raises CannotStart, lock.InUse."""
    known()
    held = lock.take_alone()
    _harden()
    django()
    _refuse(tables.problems())
    return held


def joining() -> lock.Lock:
    """Come up beside a running instance, or start it up where nobody runs. Raises CannotStart, lock.InUse."""
    known()
    held = lock.join()
    if held.alone:
        _come_up()
        held.share()
    else:
        _harden()
        django()
        _refuse(tables.problems())
    return held


def django() -> None:
    """Load the rooms; their tables are declared while they load."""
    from stadtmail.vault import ring

    bare_django()
    try:
        ring.root_key()
    except ring.NoRootKey:
        raise CannotStart(f"the root key is not at {instance.current().root_key}: nothing can be opened without it") from None
    try:
        ring.epochs()
    except ring.NoRootKey:
        raise CannotStart(f"{instance.current().root_key} is not the root key of this instance: it does not open the ring") from None


def bare_django() -> None:
    """Load the rooms for a command that reads files only and needs no instance."""
    import django as library

    library.setup()
    from stadtmail.doors.console import walk  # it stands on rooms that can be loaded only now

    walk.declare()


def moment() -> datetime:
    """The instance's clock, or the machine's where there is no instance yet."""
    try:
        return clock.now()
    except FileNotFoundError:
        return datetime.now(UTC)


def known() -> instance.Instance:
    """The instance of the data folder. Raises CannotStart."""
    folder = config.load().data
    try:
        found = instance.current()
    except FileNotFoundError:
        raise CannotStart(f"{folder} is no instance yet: `stadtmail init` makes one, ./run makes a demo") from None
    if found.kind == "production" and config.load().demo_password:
        raise CannotStart("STADTMAIL_DEMO_PASSWORD is for demo instances only")
    instance.keep_temporary_files(folder)
    return found


def _come_up() -> None:
    _harden()
    django()
    from stadtmail.vault import epochs

    tables.migrate()
    _refuse(_ring())
    now = clock.now()
    epochs.current(now)  # the very first one is made here, so that the ring exists from the first start on
    _refuse(tables.problems() + _undeclared(now) + _close_cities(now))
    forked = _witness(now)
    _refuse(_keystore())
    again = _replay(now)
    _refuse(forked)
    _clear_volatile()
    lines.event("started", role="console", count=again)


def _harden() -> None:
    from stadtmail.vault import hardening

    for warning in hardening.apply(production=instance.current().kind == "production"):
        print(f"warning: {warning}", file=sys.stderr)


def _undeclared(now: datetime) -> list[str]:  # noqa: ARG001
    """C-1.1: every column of every table is declared, and every category has a rule in each city's policy."""
    from stadtmail.privacy import holdings, policy
    from stadtmail.tenants import queries as tenants

    found = holdings.check()
    for city in tenants.cities():
        rules = set(policy.current(city).categories)
        found += [f"{city.slug}: {problem}" for problem in holdings.check(rules) if problem not in found]
    return found


def _close_cities(now: datetime) -> list[str]:
    """C-1.2: a city whose policy does not hold stays closed, and says why; where none is left to open, nothing starts."""
    from stadtmail.privacy.policy import actions
    from stadtmail.tenants import queries as tenants

    found = {city: actions.settle_city(city, now=now) for city in tenants.cities()}
    sentences = [f"{city.slug}: {finding.words.en}" for city, wrong in found.items() for finding in wrong]
    if found and all(found.values()):
        return sentences
    for sentence in sentences:
        print(f"closed: {sentence}", file=sys.stderr)
    return []


def _witness(now: datetime) -> list[str]:
    """A rolled-back machine learns from its witness what it had erased. What cannot be joined is refused, after the replay."""
    from stadtmail.privacy import generation, witness

    if not witness.behind(now):
        return []
    generation.doubt()  # before anything is caught up: a crash in between is met at the next start
    try:
        caught = witness.catch_up(now)
    except witness.Forked:
        return ["the logs of this instance and of its witness have different pasts: look into it, then `stadtmail witness settle`"]
    print(f"this machine was rolled back; its witness gave back {caught.erasures} erasure(s), {caught.leaves} leaf/leaves", file=sys.stderr)
    return []


def _ring() -> list[str]:
    """A keystore that has keys has a ring: a new one would open none of them, and stand in the way of the one that does."""
    from stadtmail.vault import epochs

    if not epochs.are_lost():
        return []
    return ["the ring is gone, and no key opens without it: `stadtmail keys recover KIT PRIVATE` writes it (docs/operate.md)"]


def _keystore() -> list[str]:
    """The replay erases what has lost its key. Where that would be more than a crash explains, the keystore is the wrong one."""
    from stadtmail.privacy import recovery

    lost, expected = recovery.unaccounted()
    if lost == 0 or (lost < expected and lost <= max(A_FEW_KEYS, expected // 100)):
        return []
    found = f"the keystore lacks {lost} of {expected} keys that no erasure has destroyed, and starting would erase what they open"
    return [f"{found}: look at STADTMAIL_KEYS_URL, or put the newest backup of the keystore back (docs/operate.md)"]


def _write_down() -> None:
    """C-1.1: what was covered at this start, and by which policies, goes into each city's log."""
    from stadtmail.privacy import measures

    measures.started(clock.now())


def _replay(now: datetime) -> int:
    from stadtmail.doors.console import restored

    return restored.replay(now)


def _clear_volatile() -> None:
    from stadtmail.usage import volatile

    volatile.clear()


def _refuse(problems: list[str]) -> None:
    if problems:
        raise CannotStart("\n  ".join([f"{len(problems)} thing(s) must be mended first:", *problems]))

