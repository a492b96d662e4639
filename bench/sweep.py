"""A sweep's cost follows what is due and not what is stored: 1,000 due among 10^4, 10^5 and 10^6 stored rows."""

from datetime import timedelta
from itertools import count

from bench import cost, stored, world
from bench.table import Row

DUE, ROUNDS = 1_000, 3
OWN = 3  # what the roles' mailboxes of the city itself lose when the days walk over the end of a month
ENDED = world.NOW - timedelta(days=10)


def run(*, quick: bool) -> list[Row]:
    """Measure: medians of three sweeps at each size, and of an idle one; the ratio is to the smallest size."""
    rows: list[Row] = []
    with world.folder():
        tenant, there, days = world.city(), 0, count()
        for size in (10_000, 50_000) if quick else (10_000, 100_000, 1_000_000):
            stored.persons(tenant, size - there, ended=None)
            there = size
            world.say(f"sweeping among {size:,}")
            some = cost.middle([_sweep(tenant, DUE, next(days)) for _ in range(ROUNDS)])
            none = cost.middle([_sweep(tenant, 0, next(days)) for _ in range(ROUNDS)])
            first = rows[0]["ms of processor"] if rows else 1000 * some.cpu
            rows.append(
                {
                    "stored": size, "due": DUE, "ms": 1000 * some.wall, "ms of processor": 1000 * some.cpu,
                    "to the smallest": 1000 * some.cpu / float(str(first)), "ms with nothing due": 1000 * none.wall,
                }
            )  # fmt: skip
    return rows


def _sweep(tenant: object, due: int, day: int) -> cost.Cost:
    ended = ENDED + timedelta(days=day)
    stored.persons(tenant, due, ended=ended)
    at = stored.due_at(tenant, ended)
    stored.swept(at - timedelta(hours=1))  # what was just stored has been looked at for keys without a row, as it is every ten minutes
    with cost.own() as one:
        done = stored.swept(at)
    assert due <= done.erased <= due + OWN, done
    return one
