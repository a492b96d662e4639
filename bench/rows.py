"""Rows erased a second: the one path from claim to read back, for growing numbers that are due at once."""

from datetime import timedelta

from bench import cost, stored, world
from bench.table import Row

ENDED = world.NOW - timedelta(days=10)


def run(*, quick: bool) -> list[Row]:
    """Measure; a person is a unit, a sealed row, an event, a contract and a key."""
    rows: list[Row] = []
    with world.folder():
        tenant = world.city()
        for count in (500, 2_000) if quick else (500, 5_000, 20_000):
            stored.persons(tenant, count, ended=ENDED)
            at = stored.due_at(tenant, ENDED)
            with cost.own() as one:
                done = stored.swept(at)
            assert done.erased == count, done
            rows.append(
                {
                    "persons due": count, "persons a second": count / one.wall, "table rows a second": 5 * count / one.wall,
                    "ms of processor a person": 1000 * one.cpu / count,
                }
            )  # fmt: skip
    return rows
