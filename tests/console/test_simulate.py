"""The simulation keeps every date, and its checker would see each way of not keeping one. It shares no code with the engine."""

import ast
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from stadtmail.doors.console import simulate
from stadtmail.doors.console.simulation import checker as checking
from stadtmail.kit import config
from stadtmail.mail.actions import accounts
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts
from stadtmail.people.models import Identity
from stadtmail.privacy import erasure, holds, policy, sweep, units
from stadtmail.privacy.models import Unit
from stadtmail.vault import epochs, keys
from tests import demo
from tests.instance import POSTGRES
from tests.people.people import form

FOLDER = Path(checking.__file__).parent
OWN = "stadtmail.doors.console.simulation."
DB = pytest.mark.django_db(transaction=True, databases="__all__")


def test_the_checker_imports_the_standard_library_only() -> None:
    waiting, seen = ["checker"], set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text())):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            own = [module.removeprefix(OWN) for module in modules if module.startswith(OWN)]
            waiting += [module for module in own if module not in seen]
            assert all(module.split(".")[0] in sys.stdlib_module_names for module in modules if not module.startswith(OWN)), modules
    assert seen == {"checker", "raw", "calendar_again"}


def _run(residents: int, days: int, seed: int) -> dict[str, object]:
    lines = list(simulate.simulated(residents, days, seed))
    assert [line["day"] for line in lines[:-1]] == list(range(1, days + 1))
    assert [problem for line in lines[:-1] for problem in line["problems"]] == []
    return lines[-1]


def test_a_small_city_keeps_every_date() -> None:
    before = set(Path("/dev/shm").glob("stadtmail-simulation-*"))
    totals = _run(15, 60, 1)
    assert totals["problems"] == 0
    assert totals["checked"] > 3_000
    assert set(Path("/dev/shm").glob("stadtmail-simulation-*")) <= before


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_larger_city_keeps_every_date_over_two_years() -> None:
    totals = _run(80, 730, 7)
    assert totals["problems"] == 0
    assert totals["erased"] > 200
    assert {"ends", "returns", "holds", "releases", "crashes", "corrections", "withdrawals", "swept"} <= set(totals["lived"])


LAST_DAY = "periods.last_day = lambda event, period, real=periods.last_day: real(event, period)"
SHIFTED = """
back = lambda given: {**given, "at": given["at"] - timedelta(days=29 * (given["name"] == "month_end"))}
events.record = lambda real=events.record, **given: real(**back(given))
"""
MUTATIONS = {  # a protection that is patched away -> (word of the checker, residents, days, patch)
    "three days early": (checking.ERASED_EARLY, 100, 120, f"{LAST_DAY} - timedelta(days=3)"),
    "three days late": (checking.STILL_THERE, 100, 120, f"{LAST_DAY} + timedelta(days=3)"),
    "holds are not asked for": (
        checking.HELD_ERASED, 100, 150, "holds.open_at = lambda now: Q(pk__in=[]); holds.freed = lambda units, now: {}",
    ),
    "keys stay": (checking.HALF, 10, 60, "keys.destroy = lambda ids: None; erasure._left = lambda *_: 0"),
    "a month of a role never ends": (checking.WRONG_MONTH, 3, 15, "rolekeys.is_over = lambda pair, now: pair is None"),
    "the clock of a role's month does not start": (
        checking.STILL_THERE, 3, 200,
        "events.record = lambda real=events.record, **given: None if given['name'] == 'month_end' else real(**given)",
    ),
    "the clock of a role's month starts with its beginning": (checking.ERASED_EARLY, 3, 165, SHIFTED),
    "epochs stay in the ring": (checking.OLD_EPOCH, 3, 12, "epochs.retire = lambda now: []"),
    "keys are not rewrapped": (checking.OLD_EPOCH, 3, 3, "epochs._rewrap = lambda newest: 0"),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutation", list(MUTATIONS))
def test_a_broken_engine_is_found_out(mutation) -> None:
    word, residents, days, patch = MUTATIONS[mutation]
    program = (
        "import sys, django; django.setup()\n"
        "from datetime import timedelta\nfrom django.db.models import Q\n"
        "from stadtmail.mail.actions import rolekeys\n"
        "from stadtmail.privacy import erasure, events, holds, periods\nfrom stadtmail.vault import epochs, keys\n"
        f"{patch}\n"
        f"from stadtmail.doors.console.simulation import run\nsys.exit(1 if run.main({residents}, {days}, 2) else 0)"
    )
    with simulate._world() as environment:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, cwd=simulate.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr[-500:]
    assert word in done.stdout


@pytest.mark.long
@pytest.mark.only_postgres
@pytest.mark.parametrize("is_broken", [False, True], ids=["whole", "a key stays"])
def test_with_rows_and_keys_on_postgres_too(is_broken) -> None:
    """The same city; and the checker sees there what it sees in files."""
    program = (
        "import runpy, django; django.setup()\n"
        "from stadtmail.privacy import erasure\nfrom stadtmail.vault import keys\n"
        f"{MUTATIONS['keys stay'][-1] if is_broken else ''}\n"
        "runpy.run_module('tests.console.simulation_on_postgres', run_name='__main__', alter_sys=True)"
    )
    with simulate._world() as environment, demo.databases({}) as urls:
        command = [sys.executable, "-c", program, "10", "60", "1"]
        done = subprocess.run(command, env=environment | urls, cwd=simulate.ROOT, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    problems = [problem for line in lines[:-1] for problem in line["problems"]]
    assert {problem.partition(":")[0] for problem in problems} == ({checking.HALF} if is_broken else set()), done.stderr[-2000:]
    assert done.returncode == int(is_broken)
    assert lines[-1]["checked"] > 1_000


# -- each way of not keeping a date, one by one ------------------------------------------------------------------------


class Case:
    """A contract that has ended, and a checker that knows of it."""

    def __init__(self, city, now) -> None:
        self.city, self.now, self.began = city, now, now
        self.checker = checking.Checker(config.load().data, {city.slug: policy.current(city).source})
        opened = accounts.open_account(form(), tenant=city, now=now)
        self.contract = people.contract(city, opened.contract)
        contracts.cancel(self.contract, ends_at=now, now=now)
        self.checker.happened(self.contract.id.hex, "contract_end", now, now)
        self.checker.learn([self.contract.id.hex])

    def unit(self, category: str) -> Unit:
        return next(unit for unit in units.of_anchor(self.city, self.contract.id) if unit.category == category)

    def check(self, at) -> set[str]:
        for days in range(min(9, (at - self.began).days), -1, -1):  # as the last midnights have done
            epochs.turn(at - timedelta(days=days))
            epochs.retire(at - timedelta(days=days))
        return {problem.partition(":")[0] for problem in self.checker.check(at)}

    def sweep_until(self, at) -> None:
        while (moment := sweep.next_due(None, after=self.now)) is not None and moment <= at:
            self.now = moment
            sweep.run(moment)


@pytest.fixture
def case(ahaus, now) -> Case:
    if POSTGRES:
        pytest.skip("here the checker reads the files of SQLite")
    return Case(ahaus, now)


@DB
def test_an_honest_engine_is_left_alone(case, now) -> None:
    for days in (0, 1, 31, 200, 800):
        case.sweep_until(now + timedelta(days=days))
        assert case.check(now + timedelta(days=days)) == set()
    assert not units.of_anchor(case.city, case.contract.id)
    assert case.checker.erased >= 6


@DB
def test_an_early_erasure_is_seen(case, now, monkeypatch) -> None:
    monkeypatch.setattr(erasure, "is_early", lambda *_: False)
    erasure.erase([case.unit("BD").id], tenant=case.city, now=now + timedelta(days=1), cause="due")
    assert case.check(now + timedelta(days=1)) >= {checking.ERASED_EARLY}


@DB
def test_a_late_erasure_is_seen_even_when_nobody_looked_meanwhile(case, now) -> None:
    due = case.unit("INH").due_at
    sweep.run(due + timedelta(minutes=16))
    assert case.check(due + timedelta(minutes=17)) == {checking.ERASED_LATE}


@DB
def test_what_is_never_erased_is_seen(case, now) -> None:
    assert case.check(now + timedelta(hours=1, minutes=16)) == {checking.STILL_THERE}


@DB
def test_an_erasure_in_spite_of_a_hold_is_seen(case, now, monkeypatch) -> None:
    unit = case.unit("INH")
    placed = holds.place(
        tenant=case.city, type="legal_hold", reason="court_order", units=[unit.id], by="desk:1", approved_by="officer:2",
        review_at=now + timedelta(days=30), ends_at=None, now=now,
    )  # fmt: skip
    case.checker.held(placed.id.hex, [unit.id.hex])
    case.sweep_until(now + timedelta(days=40))
    assert case.check(now + timedelta(days=40)) == set()
    monkeypatch.setattr(holds, "standing", lambda *_, **__: {})
    erasure.erase([unit.id], tenant=case.city, now=now + timedelta(days=40), cause="due")
    assert case.check(now + timedelta(days=40)) == {checking.HELD_ERASED}


@DB
def test_half_an_erasure_is_seen_from_each_side(case, now) -> None:
    keys.destroy([case.unit("BD").key])
    assert case.check(now) == {checking.HALF}


@DB
def test_rows_that_are_gone_under_a_living_unit_are_seen(case, now) -> None:
    Identity.objects.filter(unit=case.unit("BD-ID").id)._raw_delete("default")
    assert case.check(now) == {checking.HALF}


@DB
def test_rows_that_outlive_their_unit_and_units_that_vanish_are_seen(case, now, monkeypatch) -> None:
    unit = case.unit("COLL")
    Unit.objects.filter(id=unit.id).update(state="erasing")
    assert case.check(now) == {checking.HALF, checking.VANISHED}
