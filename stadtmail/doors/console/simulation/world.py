"""The synthetic city on its moving clock: people act at random hours, machines crash, what is due goes at its moment.

Random choices come from one seeded generator, names and addresses are made up. What happened is told to the checker; what
the engine made of it the checker sees in the stores.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from stadtmail.doors.console.simulation.acts import Acts
from stadtmail.doors.console.simulation.checker import Checker
from stadtmail.mail import jobs as mail_jobs
from stadtmail.people import jobs as people_jobs
from stadtmail.people import queries as people
from stadtmail.privacy import recovery, sweep
from stadtmail.vault import epochs

if TYPE_CHECKING:
    from stadtmail.tenants.models import Tenant

YEAR_DAYS = 365
ENDS_A_YEAR, CRASHES_A_DAY = 0.3, 0.05


class Crash(BaseException):
    """The process dies between two steps: nothing of the engine may catch it."""


class World(Acts):
    """One simulated city pair, day by day."""

    def __init__(self, cities: "list[Tenant]", *, residents: int, seed: int, begin: datetime, checker: Checker) -> None:
        super().__init__(cities, residents=residents, seed=seed, begin=begin, checker=checker)
        self._coming: datetime | None = None
        self._seen = -1
        for _ in range(residents):
            self._order(self.random.choice(cities))

    def live(self, until: datetime) -> None:
        """Live until that moment: what people do, at random hours; what falls due, at its moment; a turn of the epoch."""
        while self.now < until:
            midnight = (self.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            for act in sorted(self._plan(min(midnight, until)), key=lambda planned: planned[0]):
                self._walk(act[0])
                act[1]()
            self._walk(min(midnight, until))
            if self.now == midnight:
                epochs.turn(self.now)
                epochs.retire(self.now)
                mail_jobs.renew_role_keys(self.now)
                self.checker.month_began(self.now)

    # -- the clock -----------------------------------------------------------------------------------------------------

    def _walk(self, until: datetime) -> None:
        """Stop at every moment at which something is due, as the work role's timer does."""
        while True:
            coming = self._next_moment()
            if coming is None or coming > until:
                break
            self.now, self._coming, self._seen = coming, None, -1
            self._work()
        self.now = until

    def _next_moment(self) -> datetime | None:
        """Asked again only where something has happened since."""
        happened = sum(self.done.values())
        if happened != self._seen:
            run_out = (until for _, _, until in self.holds if until > self.now)
            moments = (sweep.next_due(None, after=self.now), people.next_end(self.now), min(run_out, default=None))
            self._coming = min((moment for moment in moments if moment is not None), default=None)
            self._seen = happened
        return self._coming

    def _work(self) -> None:
        ended = [resident for resident in self.living if resident.ended_at is not None and resident.ended_at <= self.now]
        for resident in ended:
            self._tell_end(resident, resident.ended_at, known=resident.ended_at)
        people_jobs.run(self.now)
        for resident in ended:
            self._learn(resident)
            self._move_out(resident)
        if self.random.random() < CRASHES_A_DAY and sweep.is_due(self.now):
            self._crash()
        swept = sweep.run(self.now)
        self._run_out()
        self._count("swept", swept.erased)
        assert not swept.paused
        assert not swept.repeated

    def _crash(self) -> None:
        fatal = self.random.randint(1, 7)

        def step(number: int) -> None:
            if number == fatal:
                raise Crash

        try:
            sweep.run(self.now, step=step)
        except Crash:
            self._count("crashes")
            recovery.replay(self.now)  # what a start does before a port opens

    def _plan(self, end: datetime) -> list[tuple[datetime, Any]]:
        span = (end - self.now) / timedelta(seconds=1)
        acts: list[Any] = []
        wanted = self.residents - len(self.living)
        acts += [lambda: self._order(self.random.choice(self.cities))] * max(0, min(wanted, 1 + self.residents // 50))
        acts += [self._end] * self._times(len(self.living) * ENDS_A_YEAR / YEAR_DAYS)
        acts += [self._return, self._correct, self._hold, self._let_go, self._withdraw, self._collect_money]
        acts += [self._change_desk, self._look, self._receive, self._write_to_a_role, self._use, self._submit, self._decide]
        return [(self.now + timedelta(seconds=self.random.uniform(0, span)), act) for act in acts]

    def _times(self, expected: float) -> int:
        whole = int(expected)
        return whole + (self.random.random() < expected - whole)
