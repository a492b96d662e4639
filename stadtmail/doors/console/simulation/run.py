"""One simulation in a process and a data folder of its own: python -m stadtmail.doors.console.simulation.run RESIDENTS DAYS SEED.

Writes one JSON object a day to standard output: {"day": n, "of": n, "problems": […], …}; the last one carries the totals.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

BEGIN = datetime(2026, 11, 23, 6, tzinfo=UTC)
CITIES = (("ahaus.net", "ahaus.localhost"), ("musterstadt.example", "musterstadt.localhost"))


def main(residents: int, days: int, seed: int) -> int:
    """Simulate. Returns the number of problems that the checker found."""
    import django

    django.setup()
    from django.core.management import call_command

    for database in ("default", "keys", "evidence"):
        call_command("migrate", database=database, verbosity=0)
    return _simulate(residents, days, seed)


def _simulate(residents: int, days: int, seed: int) -> int:
    from stadtmail.doors.console.simulation.checker import Checker
    from stadtmail.doors.console.simulation.world import World
    from stadtmail.kit import config
    from stadtmail.privacy import policy
    from stadtmail.privacy.policy import actions

    cities = [actions.open_city(slug=slug, domain=slug, hosts=[host], now=BEGIN) for slug, host in CITIES]
    checker = Checker(config.load().data, {city.slug: policy.current(city).source for city in cities})
    began, problems = time.monotonic(), 0
    world = World(cities, residents=residents, seed=seed, begin=BEGIN, checker=checker)
    try:
        for day in range(1, days + 1):
            world.live(BEGIN + timedelta(days=day))
            found = checker.check(world.now)
            problems += len(found)
            _say({"day": day, "of": days, "problems": found[:20]})
    finally:
        world.stop()
    _say(
        {
            "residents": residents, "days": days, "seed": seed, "problems": problems, "checked": checker.checked,
            "erased": checker.erased, "worst_lateness_seconds": checker.worst_lateness.total_seconds(), "lived": world.done,
            "seconds": round(time.monotonic() - began, 1),
        }
    )  # fmt: skip
    return problems


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(1 if main(*(int(argument) for argument in sys.argv[1:4])) else 0)
