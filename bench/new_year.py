"""A whole city's persons due at one New Year's midnight: how long until the last key is destroyed and all is read back.

Year-end rules have 24 hours (C-4.1); the figure says how much of them a city of this size needs.
"""

from datetime import UTC, datetime, timedelta

from bench import cost, stored, world
from bench.table import Row

ENDED = datetime(2026, 6, 30, 12, tzinfo=UTC)


def run(*, quick: bool) -> list[Row]:
    """Measure one sweep."""
    count = 5_000 if quick else 100_000
    with world.folder():
        tenant = world.city()
        stored.persons(tenant, count, ended=ENDED)
        with cost.own() as one:
            done = stored.swept(stored.due_at(tenant, ENDED) + timedelta(seconds=1))
        assert (done.erased, done.late) == (count, 0), done
        return [
            {
                "persons due": count, "seconds": one.wall, "persons a second": count / one.wall,
                "ms of processor a person": 1000 * one.cpu / count, "share of the 24 hours": one.wall / 86_400,
            }
        ]  # fmt: skip
