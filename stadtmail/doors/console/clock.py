"""`stadtmail clock`: move the clock of a demo forward through everything that falls due, or vouch for the machine's clock."""

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from stadtmail.doors.console import start
from stadtmail.kit import clock, errors, instance

LONGEST = timedelta(days=366 * 40)


class ClockFixed(errors.NotAllowed):
    """The clock of a production instance cannot be moved."""


class TaskFailed(errors.TryLater):
    """Something that was due could not be done."""


def add(verbs: Any) -> None:
    """Register the verbs."""
    family = verbs.add_parser("clock", help="the instance's clock").add_subparsers(dest="what", required=True, metavar="WHAT")
    advance = family.add_parser("advance", help="demo and test only: go forward through every due moment")
    advance.add_argument("period", help="ISO 8601, for example P6M1D or PT1H")
    advance.set_defaults(run=run_advance)
    trust = family.add_parser("trust", help="vouch for the machine's clock after it has jumped")
    trust.set_defaults(run=run_trust)
    show = family.add_parser("show", help="the present moment, and the next at which something happens")
    show.set_defaults(run=run_show)


def run_advance(chosen: argparse.Namespace) -> None:
    """Walk to now + period. Raises ClockFixed, TaskFailed."""
    from stadtmail.privacy import periods

    try:
        period = periods.Period.parse(chosen.period.upper())
    except periods.BadPeriod as problem:
        raise ClockFixed(f"{problem}: write for example P6M1D or PT1H") from None
    if not start.known().is_test:
        raise ClockFixed("the clock of a production instance cannot be moved")
    held = start.joining()
    try:
        target = moved(clock.now(), period)
        steps = walk(target, say=_progress if sys.stderr.isatty() else _silence)
        print(f"{clock.now():%Y-%m-%d %H:%M} UTC, after {steps} steps")
    finally:
        held.release()


def run_trust(chosen: argparse.Namespace) -> None:  # noqa: ARG001
    """Destructive work goes on from this moment."""
    held = start.joining()
    from stadtmail.privacy import guard

    guard.trust(clock.now())
    held.release()
    print(f"trusted: {clock.now():%Y-%m-%d %H:%M} UTC")


def run_show(chosen: argparse.Namespace) -> None:  # noqa: ARG001
    """Print it."""
    held = start.joining()
    from stadtmail.doors.console.work import next_moment

    now = clock.now()
    mark = "TEST" if instance.current().is_test else "machine"
    print(f"now   {now:%Y-%m-%d %H:%M:%S} UTC ({mark} clock)\nnext  {next_moment(now):%Y-%m-%d %H:%M:%S} UTC")
    held.release()


def moved(now: datetime, period: Any) -> datetime:
    """The same time of day on the day that lies the period later, in UTC: months on the calendar, the rest on the clock."""
    year, month = divmod(now.year * 12 + now.month - 1 + period.months, 12)
    day = now.astimezone(UTC).replace(day=1, year=year, month=month + 1)
    last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    landed = day.replace(day=min(now.day, last.day)) + timedelta(days=period.days, seconds=period.seconds)
    if landed - now > LONGEST:
        raise ClockFixed("at most forty years in one go")
    return landed


def walk(target: datetime, *, say: Callable[[datetime, float], None]) -> int:
    """Go through every due moment up to `target`, doing at each what the role `work` does. Returns steps. Raises TaskFailed."""
    from stadtmail.doors.console import work

    jobs, begun = work.Work(), clock.now()
    at, steps = begun, 0
    with work.turn(wait=True):
        jobs.round(at, passing=True)
        while at < target:
            at = min(work.next_moment(at), target)
            if at > clock.now():
                clock.move_to(at)
            jobs.round(at, passing=at < target)
            if jobs.failed:
                raise TaskFailed(f"stopped at {at:%Y-%m-%d %H:%M} UTC: {', '.join(jobs.failed)} failed; the log says where")
            steps += 1
            say(at, (at - begun) / (target - begun))
    return steps


def _silence(moment: datetime, share: float) -> None:
    """Nobody watches."""


def _progress(moment: datetime, share: float) -> None:
    print(f"\r{moment:%Y-%m-%d %H:%M} UTC  {share:4.0%} ", end="" if share < 1 else "\n", file=sys.stderr, flush=True)
