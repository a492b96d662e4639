"""What the people of the simulation do: order, use, receive, give and withdraw, end, return, correct, hold. By rooms' own actions."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from stadtmail.doors.console.simulation.town import Resident, Town
from stadtmail.kit import errors, store
from stadtmail.mail.actions import accounts, delivery
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts, ends, pending, staff
from stadtmail.people.orders import OrderForm
from stadtmail.privacy import events, holds, policy, sweep, units
from stadtmail.usage import sessions

if TYPE_CHECKING:
    from stadtmail.tenants.models import Tenant

LEAVES = 0.02
RETURNS, CORRECTED, HELD = 0.005, 0.05, 0.08  # returns: of those who have gone, a day; most stay away, so that dates come


class Acts(Town):
    """Each act may come to nothing: nobody fits, or it is not their day."""

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
            sweep.run(self.now)  # what is due with the end itself, as the work role's next look
        self._count("ends")

    def _return(self) -> None:
        """Take a cancellation back, or order the same address again with the code of the receipt."""
        if not self.gone or self.random.random() > RETURNS * len(self.gone):
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
        self.checker.given_up(before, self.now)
        for anchor in (resident.contract.hex, *resident.consents):
            self.checker.taken_back(anchor, "contract_end")
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
        self.checker.held(placed.id.hex, [unit.hex for unit in wanted], until)
        self.holds.append((placed.id, resident.city, until or datetime.max.replace(tzinfo=UTC)))
        self._count("holds")

    def _let_go(self) -> None:
        """Whoever placed a hold releases it. (Holds that run out are released by the sweep.)"""
        if not self.holds or self.random.random() > 0.1:
            return
        hold = self.random.choice(self.holds)
        self.checker.released(hold[0].hex, self.now)
        holds.release(hold[0], tenant=hold[1], now=self.now)
        self.holds.remove(hold)
        self._count("releases")

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

    def _change_desk(self) -> None:
        """Somebody leaves the desk, and somebody else comes: the account of who has left goes within the day."""
        city = self.random.choice(self.cities)
        if self.random.random() > LEAVES:
            return
        leaver, self._desk[city.id] = self._desk[city.id], self._appoint(city)
        anchor = self._anchor_of(city, leaver)
        staff.dismiss(leaver, tenant=city, now=self.now)
        self.checker.happened(anchor, "role_end", self.now, self.now)
        self._count("changes at the desk")

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
        self._count("mails", self._delivered(resident.address))

    def _write_to_a_role(self) -> None:
        """Somebody asks the city: the message must go with its month, whenever nobody has renewed the pair yet."""
        city = self.random.choice(self.cities)
        if self._delivered(f"postmaster@{city.domain}"):
            self.checker.role_got_mail(city.slug, "postmaster", self.now)
            self._count("enquiries")

    def _delivered(self, address: str) -> bool:
        raw = b"From: Somebody <x@example.org>\r\nTo: you\r\nSubject: " + uuid4().hex.encode() + b"\r\n\r\nHello\r\n"
        try:
            to = delivery.recipient(address, now=self.now)
        except errors.StadtmailError:
            return False
        return self._writer.submit(raw, [to], received=b"", now=self.now).result() == [None]

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
        self.waiting.append((city, waiting.order, waiting.until))
        self._count("waiting orders")

    def _decide(self) -> None:
        """Accept, refuse, or forget."""
        self.waiting = [row for row in self.waiting if self.now < row[2]]
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
