"""The guard of time: what a date destroys pauses when the wall clock jumps, because an early erasure cannot be taken back.

Inside a process the wall clock is compared with the monotonic clock (more than five minutes apart: a jump). Across starts
it is compared with the high-water mark in the evidence store: a machine that was off for a while is normal, so a start is
trusted up to 36 hours behind the mark's distance; more needs the operator (`stadtmail clock trust`). A clock that runs
behind the mark never moves a deadline later: it pauses until time has caught up. `stadtmail clock advance` moves the
instance's own offset and not the wall clock: that is no jump. Nor is a suspended machine.
"""

from datetime import UTC, datetime, timedelta

from stadtmail.kit import clock, errors, instance, log, store
from stadtmail.privacy.models import Watermark

JUMP = timedelta(minutes=5)
OFF = timedelta(hours=36)
_anchor: list[tuple[datetime, float, datetime | None]] = []  # both clocks, read together, and the operator's last word then


class TimeNotTrusted(errors.TryLater):
    """The clock has jumped: nothing is destroyed because of its date until the operator vouches for it (`stadtmail clock trust`)."""


def paused(now: datetime) -> bool:
    """May nothing be destroyed now because of its date? Alarms once a look."""
    mark = Watermark.objects.filter(name="time").first()
    if mark is not None and not mark.paused and now < mark.at - JUMP:
        log.event("time_behind_mark")
        return True
    return _distrusted(mark, now)


def check(now: datetime) -> None:
    """For one erasure by its date, at the moment that it names: one that lies behind the mark has passed. Raises TimeNotTrusted."""
    if _distrusted(Watermark.objects.filter(name="time").first(), now):
        raise TimeNotTrusted


def note(now: datetime) -> None:
    """Remember this moment as seen (high-water mark, never lowered)."""
    with store.writing("evidence"):
        mark, made = Watermark.objects.get_or_create(name="time", defaults={"at": now})
        if not made and now > mark.at:
            mark.at = now
            mark.save(update_fields=["at"])


def pause(now: datetime) -> None:
    """Nothing is destroyed because of its date from here on, until the operator says so (`stadtmail clock trust`)."""
    mark = Watermark.objects.filter(name="time").first()
    _stop(mark.at if mark else now)


def forget() -> None:
    """Compare the clocks from here on (a start, or the operator's word)."""
    _anchor.clear()


def trust(now: datetime) -> None:
    """The operator vouches for the clock: destructive work goes on."""
    forget()
    with store.writing("evidence"):
        Watermark.objects.update_or_create(name="time", defaults={"at": now, "paused": False})
        Watermark.objects.update_or_create(name="trusted", defaults={"at": now})


def _distrusted(mark: Watermark | None, now: datetime) -> bool:
    if mark is not None and mark.paused:
        log.event("time_paused")
        return True
    trusted = Watermark.objects.filter(name="trusted").values_list("at", flat=True).first()
    if _anchor and _anchor[0][2] != trusted:  # he vouched for it in another process: this one compares from here on too
        forget()
    first = not _anchor
    if _jumped(trusted) or (mark is not None and first and now > mark.at + OFF and not instance.current().is_test):
        _jump(mark.at if mark else now)
        return True
    return False


def _jumped(trusted: datetime | None) -> bool:
    wall = datetime.now(UTC)
    if not _anchor:
        _anchor.append((wall, clock.monotonic(), trusted))
    first, ticks, _ = _anchor[0]
    return abs(wall - first - timedelta(seconds=clock.monotonic() - ticks)) > JUMP


def _jump(at: datetime) -> None:
    log.event("time_jumped")
    _stop(at)


def _stop(at: datetime) -> None:
    with store.writing("evidence"):
        Watermark.objects.update_or_create(name="time", defaults={"at": at, "paused": True})
