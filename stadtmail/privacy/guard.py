"""The guard of time: destructive work pauses when the wall clock jumps, because an early erasure cannot be taken back.

Inside a process the wall clock is compared with the monotonic clock (more than five minutes apart: a jump). Across starts
it is compared with the high-water mark in the evidence store: a machine that was off for a while is normal, so a start is
trusted up to 36 hours behind the mark's distance; more needs the operator (`stadtmail clock trust`). A clock that runs
behind the mark never moves a deadline later: it pauses until time has caught up. `stadtmail clock advance` moves the
instance's own offset and not the wall clock: that is no jump.
"""

from datetime import UTC, datetime, timedelta

from stadtmail.kit import clock, instance, log, store
from stadtmail.privacy.models import Watermark

JUMP = timedelta(minutes=5)
OFF = timedelta(hours=36)
_anchor: list[tuple[datetime, float]] = []  # the wall clock and the monotonic clock, read together


def paused(now: datetime) -> bool:
    """May nothing be destroyed now? Alarms once a look."""
    mark = Watermark.objects.filter(name="time").first()
    if mark is not None and mark.paused:
        log.event("time_paused")
        return True
    if mark is not None and now < mark.at - JUMP:
        log.event("time_behind_mark")
        return True
    first = not _anchor
    if _jumped() or (mark is not None and first and now > mark.at + OFF and not instance.current().is_test):
        _pause(mark.at if mark else now)
        return True
    return False


def note(now: datetime) -> None:
    """Remember this moment as seen (high-water mark, never lowered)."""
    with store.writing("evidence"):
        mark, made = Watermark.objects.get_or_create(name="time", defaults={"at": now})
        if not made and now > mark.at:
            mark.at = now
            mark.save(update_fields=["at"])


def forget() -> None:
    """Compare the clocks from here on (a start, or the operator's word)."""
    _anchor.clear()


def trust(now: datetime) -> None:
    """The operator vouches for the clock: destructive work goes on."""
    forget()
    with store.writing("evidence"):
        Watermark.objects.update_or_create(name="time", defaults={"at": now, "paused": False})


def _jumped() -> bool:
    wall = datetime.now(UTC)
    if not _anchor:
        _anchor.append((wall, clock.monotonic()))
    first, ticks = _anchor[0]
    return abs(wall - first - timedelta(seconds=clock.monotonic() - ticks)) > JUMP


def _pause(at: datetime) -> None:
    log.event("time_jumped")
    with store.writing("evidence"):
        Watermark.objects.update_or_create(name="time", defaults={"at": at, "paused": True})
