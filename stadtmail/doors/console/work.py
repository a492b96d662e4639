"""What has to happen by itself, and when: ends of contracts, the sweep, the day's turn of keys, backups, proofs.

One list for the role `work` and for `stadtmail clock advance`, so that a walked clock does exactly what a waited one does.
Only one process works at a time on a data folder; a task that fails is noted and does not keep the others from their turn.
What a date sets going waits while time cannot be trusted (privacy/guard.py): a jumped clock ends no contract and retires no key.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stadtmail.kit import clock, config, log, store
from stadtmail.mail import jobs as mail_jobs
from stadtmail.people import jobs as people_jobs
from stadtmail.people import queries as people
from stadtmail.privacy import generation, guard, proofs, sweep, witness
from stadtmail.privacy.evidence import log as evidence
from stadtmail.tenants import queries as tenants
from stadtmail.usage import jobs as usage_jobs
from stadtmail.usage import sessions
from stadtmail.vault import backups, blobs, epochs

EVERY_SWEEP = timedelta(minutes=10)
EVERY_LOOK = timedelta(minutes=1)
EVERY_PROOF = timedelta(hours=1)
PARTS_AFTER = timedelta(days=1)  # no message is longer on its way in


@dataclass(frozen=True)
class Task:
    """Something recurring. `due(now, last)`: has its turn come, when it last ran at `last` (None: never in this process)?"""

    name: str
    due: Callable[[datetime, datetime | None], bool]
    run: Callable[[datetime], object]
    by_date: bool = True  # ends, destroys or replaces something because its date has come
    looks_only: bool = False  # says how things are and changes nothing: a walked clock does it where it stops


def each(period: timedelta) -> Callable[[datetime, datetime | None], bool]:
    """Due again after a period."""
    return lambda now, last: last is None or now - last >= period


def each_day(now: datetime, last: datetime | None) -> bool:
    """Due once a UTC day: an epoch is a UTC day."""
    return last is None or now.astimezone(UTC).date() > last.astimezone(UTC).date()


def ends_due(now: datetime, last: datetime | None) -> bool:
    """When a contract's end has come, and before every sweep."""
    return last is None or now - last >= EVERY_SWEEP or bool(people.ends_due(now))


def sweep_due(now: datetime, last: datetime | None) -> bool:
    """At the due moment itself (deadlines of an hour count by the minute), and every ten minutes for all the rest."""
    if last is None or now - last >= EVERY_SWEEP:
        return True
    # what stays due although it was just swept (a failed read back) waits for its ten minutes
    return (now - last >= timedelta(seconds=20) and sweep.is_due(now)) or _fell_due_since(last, now)


def _fell_due_since(last: datetime, now: datetime) -> bool:
    moment = sweep.next_due(None, after=last)
    return moment is not None and moment <= now


def _end_contracts(now: datetime) -> None:
    people_jobs.run(now, ended=lambda contract: sessions.end_person(contract.tenant_id, contract.person_id))  # C-2.8
    mail_jobs.end_imports(now)


def _turn_keys(now: datetime) -> None:
    epochs.turn(now)
    epochs.retire(now)


def _keep_backup(now: datetime) -> None:
    backups.keep(now)
    backups.expire(now)


def _remove_parts(now: datetime) -> None:
    blobs.sweep_temporary(now - clock.offset() - PARTS_AFTER)  # files carry the machine's time, also where the clock was moved


def _prove(now: datetime) -> None:
    for city in tenants.cities():
        if proofs.is_stale(city, now, age=EVERY_PROOF):
            proofs.run(city, now)


def _empty_log(now: datetime) -> None:  # noqa: ARG001
    """A deleted message's mailbox keeps its key: the message must not stay in the database's log until the next sweep (C-4.7)."""
    store.shorten_log()


def _step_forward(now: datetime) -> None:  # noqa: ARG001 - the same shape as the others; no clock is asked
    generation.advance()


# the order of a round: ends first, because they make things due; proofs and the witness last, because they look at the rest
TASKS = (
    Task("generation", each(timedelta(seconds=10)), _step_forward, by_date=False, looks_only=True),
    Task("ends", ends_due, _end_contracts),
    Task("transits", mail_jobs.transits_due, mail_jobs.end_transits),  # before the sweep: who sent it is told before it is erased
    Task("usage", each(timedelta(seconds=10)), usage_jobs.sweep),
    Task("sweep", sweep_due, sweep.run),
    Task("keys", each_day, _turn_keys),
    Task("keystore_backup", each_day, _keep_backup),
    Task("role_keys", each_day, mail_jobs.renew_role_keys),
    Task("filter_memory", each_day, mail_jobs.forget_for_filters),
    Task("resets", each(timedelta(hours=1)), people_jobs.expire_resets),
    Task("repeats", each(timedelta(hours=1)), mail_jobs.forget_repeats),
    Task("sealing", each(timedelta(seconds=20)), mail_jobs.finish_sealing, by_date=False),
    Task("mailboxes", each(timedelta(hours=1)), mail_jobs.mend_mailboxes, by_date=False),
    Task("empty_folders", each(timedelta(hours=1)), mail_jobs.empty_due_folders),
    Task("lost_blobs", each(timedelta(hours=1)), mail_jobs.remove_lost_blobs),
    Task("part_blobs", each(timedelta(hours=1)), _remove_parts),
    Task("lost_plans", each(timedelta(hours=1)), mail_jobs.forget_lost_plans),
    Task("held_back", mail_jobs.held_back_due, mail_jobs.send_held_back, by_date=False),
    Task("planned", mail_jobs.planned_due, mail_jobs.send_planned),  # a clock that jumped sends nothing months too early
    Task("search_index", each(timedelta(seconds=1)), mail_jobs.follow_mail, by_date=False),
    Task("imports", each(timedelta(seconds=2)), mail_jobs.import_mail, by_date=False, looks_only=True),
    Task("evidence", each(timedelta(minutes=1)), evidence.move, by_date=False),
    Task("proofs", each(EVERY_PROOF), _prove, by_date=False, looks_only=True),
    Task("witness", each(timedelta(minutes=1)), witness.copy, by_date=False),
    Task("log", each(timedelta(seconds=20)), _empty_log, by_date=False, looks_only=True),
)


class Work:
    """Remembers when each task last ran in this process."""

    def __init__(self, tasks: tuple[Task, ...] = TASKS) -> None:
        self._tasks = tasks
        self._last: dict[str, datetime] = {}
        self._paused_at: datetime | None = None
        self.failed: list[str] = []

    def round(self, now: datetime, *, passing: bool = False) -> int:
        """Run every task whose turn has come. Returns how many ran; `failed` names those that could not. Call inside `turn`.

        `passing`: the clock goes on at once, so nobody looks.
        """
        ran, self.failed = 0, []
        for task in self._tasks:
            if (passing and task.looks_only) or not task.due(now, self._last.get(task.name)):
                continue
            if task.by_date and self._pauses(now):
                continue
            self._run(task, now)
            ran += 1
        return ran

    def _pauses(self, now: datetime) -> bool:
        """Can time not be trusted? While it cannot, the guard is asked again each minute."""
        if self._paused_at is None or abs(now - self._paused_at) >= EVERY_LOOK:
            self._paused_at = now if guard.paused(now) else None
        return self._paused_at is not None

    def _run(self, task: Task, now: datetime) -> None:
        self._last[task.name] = now
        try:
            task.run(now)
        except Exception as problem:  # noqa: BLE001 - one task's bug must not stop the sweep
            self.failed.append(task.name)
            log.bug(problem, role="work")


def next_moment(after: datetime) -> datetime:
    """The next moment at which something happens by itself: a due date, the end of a contract, a planned message, or midnight UTC."""
    midnight = datetime.combine(after.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
    known = (sweep.next_due(None, after=after), people.next_end(after), mail_jobs.next_planned(after), midnight)
    return min(moment for moment in known if moment is not None)


@contextmanager
def turn(*, wait: bool) -> Iterator[bool]:
    """The data folder's turn to work. Without `wait` it may be somebody else's (False): a clock that is walked, another role."""
    fd = os.open(config.load().data / "work.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _taken(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(fd)


def _taken(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how)
    except BlockingIOError:
        return False
    return True
