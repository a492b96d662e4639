"""Who lives in the simulation and what is remembered of them; what happened is told to the checker here."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from stadtmail.doors.console.simulation.checker import Checker
from stadtmail.mail.actions import accounts, delivery
from stadtmail.people.actions import staff
from stadtmail.people.orders import OrderForm
from stadtmail.privacy import policy, units

if TYPE_CHECKING:
    from stadtmail.tenants.models import Tenant

VOLUNTARY = 0.3


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


class Town:
    """The people of one simulated city pair."""


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
        self.checker.month_began(begin)

    def _appoint(self, city: "Tenant") -> UUID:
        self._number += 1
        password, login = f"Satz {self.random.random()}", f"desk.{self._number}"
        made = staff.appoint(city, role="desk", name="Desk", login=login, password=password, now=self.now)
        self.checker.learn([self._anchor_of(city, made)])
        return made

    def stop(self) -> None:
        """Stop what runs beside the simulation."""
        self._writer.stop()

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

    def _run_out(self) -> None:
        """The sweep has released the holds whose time was over."""
        for hold, _, until in [one for one in self.holds if one[2] <= self.now]:
            self.checker.released(hold.hex, until)
        self.holds = [one for one in self.holds if one[2] > self.now]

    def _count(self, what: str, number: int = 1) -> None:
        self.done[what] = self.done.get(what, 0) + number
