"""The synthetic city: people order, use, give and withdraw, end, return, object and are held; machines crash. All by rooms' own actions.

Random choices come from one seeded generator, names and addresses are made up. What happened is told to the checker; what
the engine made of it the checker sees in the stores.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from stadtmail.doors.console.simulation.checker import Checker
from stadtmail.kit import errors, store
from stadtmail.mail import jobs as mail_jobs
from stadtmail.mail.actions import accounts, delivery
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts, ends, pending, staff
from stadtmail.people.orders import OrderForm
from stadtmail.privacy import events, holds, policy, recovery, sweep, units
from stadtmail.usage import sessions
from stadtmail.vault import epochs

if TYPE_CHECKING:
    from stadtmail.tenants.models import Tenant

YEAR_DAYS = 365
ENDS_A_YEAR, RETURNS, CORRECTED, VOLUNTARY, HELD, CRASHES_A_DAY = 0.3, 0.1, 0.05, 0.3, 0.08, 0.05


class Crash(BaseException):
    """The process dies between two steps: nothing of the engine may catch it."""


@dataclass
class Resident:
    """Somebody who lives in the simulation. `contract` is the id of the only contract that runs or ran."""

    contract: UUID
    address: str
    city: "Tenant"
    bank: bool
    voluntary: list[str]
    collection_code: str = ""
    reclaim_code: str = ""
    ended_at: datetime | None = None
    consents: list[str] = field(default_factory=list)


class World:
    """One simulated city pair, day by day."""

    def __init__(self, cities: "list[Tenant]", *, residents: int, seed: int, begin: datetime, checker: Checker) -> None:
        self.cities, self.checker, self.now = cities, checker, begin
        self.random = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
        self.residents = residents
        self.living: list[Resident] = []
        self.gone: list[Resident] = []
        self.waiting: list[tuple[Tenant, UUID, datetime]] = []
        self.holds: list[tuple[UUID, Tenant, datetime]] = []
        self.done: dict[str, int] = {}
        self._number = 0
        self._desk = {city.id: self._appoint(city) for city in cities}
        self._writer = delivery.Writer()
        self._writer.start()
        for city in cities:
            accounts.open_roles(city, now=begin)
        for _ in range(residents):
            self._order(self.random.choice(cities))

    def _appoint(self, city: "Tenant") -> UUID:
        return staff.appoint(city, role="desk", name="Desk", login="desk", password=f"Satz {self.random.random()}", now=self.now)

    def stop(self) -> None:
        """Stop what runs beside the simulation."""
        self._writer.stop()

    def live(self, until: datetime) -> None:
        """Live until that moment: what people do, at random hours; what falls due, at its moment; a turn of the epoch."""
        while self.now < until:
            midnight = (self.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            for act in sorted(self._plan(min(midnight, until)), key=lambda planned: planned[0]):
                self._walk(act[0])
                act[1]()
            self._walk(min(midnight, until))
            epochs.turn(self.now)
            epochs.retire(self.now)
            mail_jobs.renew_role_keys(self.now)

    # -- the clock -----------------------------------------------------------------------------------------------------

    def _walk(self, until: datetime) -> None:
        """Stop at every moment at which something is due, as the work role's timer does."""
        while True:
            moments = (sweep.next_due(None, after=self.now), people.next_end(self.now))
            coming = min((moment for moment in moments if moment is not None and moment <= until), default=None)
            if coming is None:
                break
            self.now = coming
            self._work()
        self.now = until

    def _work(self) -> None:
        ended = [resident for resident in self.living if resident.ended_at is not None and resident.ended_at <= self.now]
        for resident in ended:
            self._tell_end(resident, resident.ended_at, known=resident.ended_at)
        ends.take_due_effects(self.now)
        for resident in ended:
            self._learn(resident)
            self._move_out(resident)
        if self.random.random() < CRASHES_A_DAY and sweep.is_due(self.now):
            self._crash()
        swept = sweep.run(self.now)
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

    # -- what people do ------------------------------------------------------------------------------------------------

    def _plan(self, end: datetime) -> list[tuple[datetime, Any]]:
        span = (end - self.now) / timedelta(seconds=1)
        acts: list[Any] = []
        wanted = self.residents - len(self.living)
        acts += [lambda: self._order(self.random.choice(self.cities))] * max(0, min(wanted, 1 + self.residents // 50))
        acts += [self._end] * self._times(len(self.living) * ENDS_A_YEAR / YEAR_DAYS)
        acts += [self._return, self._correct, self._hold, self._let_go, self._withdraw, self._collect_money]
        acts += [self._look, self._receive, self._use, self._submit, self._decide]
        return [(self.now + timedelta(seconds=self.random.uniform(0, span)), act) for act in acts]

    def _times(self, expected: float) -> int:
        whole = int(expected)
        return whole + (self.random.random() < expected - whole)

    def _form(self, city: "Tenant", **changes: Any) -> OrderForm:
        rules, draw = policy.current(city), self.random
        tariff = draw.choice(sorted(rules.tariffs))
        needs = rules.tariffs[tariff].needs
        organisation = draw.random() < 0.1
        self._number += 1
        given: dict[str, Any] = {
            "kind": "organisation" if organisation else "person", "name": f"Kanarie {self._number}", "street": f"Nestweg {self._number}",
            "postcode": f"{draw.randint(10000, 99999)}", "town": "Musterdorf", "localpart": f"kanarie.{self._number}",
            "birth_date": "" if organisation else f"{draw.randint(1930, 2005)}-0{draw.randint(1, 9)}-1{draw.randint(0, 9)}",
            "tariff": tariff, "language": draw.choice(["de", "en"]), "password": f"ein Satz nur fuer {draw.random()}",
            "phone": "+49 2561 555123" if "phone" in needs else "", "iban": "DE89370400440532013000" if "bank" in needs else "",
            "account_holder": f"Kanarie {self._number}" if "bank" in needs else "",
            "voluntary": {"nickname": f"Pieps {self._number}"} if draw.random() < VOLUNTARY else {},
        }  # fmt: skip
        return OrderForm(**{**given, **changes})

    def _order(self, city: "Tenant", **changes: Any) -> None:
        form = self._form(city, **changes)
        opened = accounts.open_account(form, tenant=city, now=self.now)
        self._moved_in(city, form, opened)

    def _moved_in(self, city: "Tenant", form: OrderForm, opened: accounts.Opened) -> None:
        bank = "bank" in policy.current(city).tariffs[form.tariff].needs
        resident = Resident(opened.contract, opened.address, city, bank, sorted(form.voluntary))
        contract = people.contract(city, opened.contract)
        resident.consents = [consent.unit.anchor.hex for consent in people.consents(city, contract)]
        self.living.append(resident)
        self._learn(resident)
        self._count("orders")

    def _end(self) -> None:
        resident = self._someone(lambda resident: resident.ended_at is None)
        if resident is None:
            return
        later = self.random.random() < 0.5
        at = self.now + timedelta(days=self.random.uniform(0.1, 90)) if later else self.now
        ended = contracts.cancel(people.contract(resident.city, resident.contract), ends_at=at, now=self.now)
        resident.collection_code, resident.reclaim_code, resident.ended_at = ended.collection_code, ended.reclaim_code, at
        self._learn(resident)
        if not later:
            self._tell_end(resident, at, known=self.now)
            self._move_out(resident)
        self._count("ends")

    def _return(self) -> None:
        """Take a cancellation back, or order the same address again with the code of the receipt."""
        if not self.gone or self.random.random() > RETURNS:
            return
        resident = self.random.choice(self.gone)
        place = people.collection(resident.city, people.code_digest(resident.city, resident.collection_code))
        before = self.checker.learn([resident.contract.hex])
        try:
            if place is not None:
                ends.take_back(place, tenant=resident.city, now=self.now)
                self._came_back(resident, before)
            else:
                localpart = resident.address.partition("@")[0]
                self._order(resident.city, localpart=localpart, reclaim=resident.reclaim_code)
        except errors.Conflict:
            self._count("came too late")

    def _came_back(self, resident: Resident, before: list[str]) -> None:
        for anchor in (resident.contract.hex, *resident.consents):
            self.checker.taken_back(anchor, "contract_end")
        self.checker.given_up(before, self.now)
        self.checker.learn([resident.contract.hex])
        self.checker.given_up([unit.id.hex for unit in units.of_anchor(resident.city, resident.contract)], None)
        resident.ended_at = None
        self.gone.remove(resident)
        self.living.append(resident)
        self._count("returns")

    def _correct(self) -> None:
        """The desk corrects the end of a contract, earlier or later but not into the future."""
        if not self.gone or self.random.random() > CORRECTED:
            return
        resident = self.random.choice(self.gone)
        assert resident.ended_at is not None
        at = min(self.now, resident.ended_at + timedelta(days=self.random.uniform(-20, 20)))
        try:
            ends.move(people.contract(resident.city, resident.contract), at=at, now=self.now)
        except errors.StadtmailError:
            return
        resident.ended_at = at
        self._tell_end(resident, at, known=self.now)
        sweep.run(self.now)
        self._count("corrections")

    def _hold(self) -> None:
        if not self.gone or self.random.random() > HELD * 4:
            return
        resident = self.random.choice(self.gone)
        category, kind, reason = self.random.choice(
            [("BD", "objection", "invoice_objection"), ("INH", "legal_hold", "court_order"), ("BD-ID", "dsr_open", "access_request")]
        )
        wanted = [unit.id for unit in units.of_anchor(resident.city, resident.contract) if unit.category == category]
        until = self.now + timedelta(days=self.random.uniform(1, 400)) if self.random.random() < 0.5 else None
        try:
            placed = holds.place(
                tenant=resident.city, type=kind, reason=reason, units=wanted, by=f"desk:{self._desk[resident.city.id]}",
                approved_by="officer:2", review_at=self.now + timedelta(days=30), ends_at=until, now=self.now,
            )  # fmt: skip
        except errors.StadtmailError:
            return
        self.checker.held(placed.id.hex, [unit.hex for unit in wanted])
        self.holds.append((placed.id, resident.city, until or datetime.max.replace(tzinfo=UTC)))
        self._count("holds")

    def _let_go(self) -> None:
        """Holds that ran out are released by the sweep; others by whoever placed them."""
        over = [hold for hold in self.holds if hold[2] <= self.now]
        if over:
            sweep.run(self.now)
        elif self.holds and self.random.random() < 0.1:
            over = [self.random.choice(self.holds)]
            holds.release(over[0][0], tenant=over[0][1], now=self.now)
        for hold in over:
            self.holds.remove(hold)
            self.checker.released(hold[0].hex, self.now)

    def _withdraw(self) -> None:
        resident = self._someone(lambda resident: bool(resident.voluntary))
        if resident is None or self.random.random() > 0.2:
            return
        name, contract = resident.voluntary.pop(), people.contract(resident.city, resident.contract)
        given = [row.unit_id.hex for row in people.voluntary(resident.city, contract) if row.field == name]
        self.checker.given_up(given, self.now)
        for anchor in resident.consents:
            self.checker.happened(anchor, "withdrawal", self.now, self.now)
        contracts.withdraw(contract, name, tenant=resident.city, now=self.now)
        self._count("withdrawals")

    def _collect_money(self) -> None:
        """An invoice as an event: the last collection of a direct debit starts the clock of the bank details (C-2.2)."""
        resident = self._someone(lambda resident: resident.bank and resident.ended_at is None)
        if resident is None or self.now.day != 1:
            return
        payer = resident.contract
        with store.writing():
            events.record(tenant=resident.city, anchor_kind="contract", anchor=payer, name="last_collection", at=self.now, now=self.now)
        self.checker.happened(payer.hex, "last_collection", self.now, self.now)
        self._count("collections")

    def _look(self) -> None:
        resident = self._someone()
        if resident is None or self.random.random() > 0.3:
            return
        contract = people.contract(resident.city, resident.contract)
        desk = self._desk[resident.city.id]
        staff.look(contract, tenant=resident.city, by=desk, purpose="support_with_person", categories=["BD"], now=self.now)
        for row in people.access_units(resident.city, contract):
            self.checker.happened(row.anchor.hex, "access", self.now, self.now, first=True)
            self.checker.learn([row.anchor.hex])
        self._count("looks")

    def _receive(self) -> None:
        resident = self._someone()
        if resident is None:
            return
        raw = b"From: Somebody <x@example.org>\r\nTo: you\r\nSubject: " + uuid4().hex.encode() + b"\r\n\r\nHello\r\n"
        try:
            to = delivery.recipient(resident.address, now=self.now)
        except errors.StadtmailError:
            return
        answers = self._writer.submit(raw, [to], received=b"", now=self.now).result()
        self._count("mails", sum(answer is None for answer in answers))

    def _use(self) -> None:
        resident = self._someone(lambda resident: resident.ended_at is None)
        if resident is None:
            return
        token = sessions.begin(tenant=resident.city.id, kind="cookie", data={"contract": str(resident.contract)}, now=self.now)
        assert sessions.find(token, tenant=resident.city.id, now=self.now)
        sessions.end(token)
        assert sessions.find(token, tenant=resident.city.id, now=self.now) is None

    def _submit(self) -> None:
        """An order that waits for the desk, in the cities that work like that."""
        city = self.random.choice(self.cities)
        if policy.current(city).order.mode == "at_once" or self.random.random() > 0.2:
            return
        waiting = pending.submit(self._form(city), tenant=city, now=self.now)
        anchor = self._anchor_of(city, waiting.order)
        self.checker.happened(anchor, "order_submitted", self.now, self.now)
        self.checker.learn([anchor])
        self.waiting.append((city, waiting.order, self.now))
        self._count("waiting orders")

    def _decide(self) -> None:
        """Accept, refuse, or forget."""
        self.waiting = [row for row in self.waiting if self.now - row[2] < timedelta(days=13)]
        if not self.waiting or self.random.random() > 0.3:
            return
        city, order, _ = row = self.random.choice(self.waiting)
        self.waiting.remove(row)
        anchor = self._anchor_of(city, order)
        self.checker.given_up(self.checker.learn([anchor]), self.now)
        if self.random.random() < 0.5:
            pending.refuse(order, tenant=city, by=self._desk[city.id], now=self.now)
            self._count("refused orders")
        else:
            kept = pending.form_of(order, tenant=city, now=self.now)
            opened = accounts.accept_order(order, tenant=city, by=str(self._desk[city.id]), now=self.now)
            self._moved_in(city, kept.form, opened)

    # -- bookkeeping ---------------------------------------------------------------------------------------------------

    def _someone(self, fits: Callable[[Resident], bool] = bool) -> Resident | None:
        for _ in range(8):
            resident = self.random.choice(self.living) if self.living else None
            if resident is not None and fits(resident):
                return resident
        return None

    def _anchor_of(self, city: "Tenant", unit: UUID) -> str:
        return units.unit(city, unit).anchor.hex

    def _tell_end(self, resident: Resident, at: datetime | None, *, known: datetime | None) -> None:
        assert at is not None
        assert known is not None
        for anchor in (resident.contract.hex, *resident.consents):
            self.checker.happened(anchor, "contract_end", at, known)

    def _learn(self, resident: Resident) -> None:
        self.checker.learn([resident.contract.hex, *resident.consents])

    def _move_out(self, resident: Resident) -> None:
        self._learn(resident)
        self.living.remove(resident)
        self.gone.append(resident)

    def _count(self, what: str, number: int = 1) -> None:
        self.done[what] = self.done.get(what, 0) + number
