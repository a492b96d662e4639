"""Orders that wait: for the desk's approval, or for the code of a letter. Refused, accepted or forgotten, they are erased.

A waiting order reserves its address and shows its recovery code. It holds no password and no code, only their hashes, and
remembers the version of notice and terms that was shown.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError

from stadtmail.kit import errors, store
from stadtmail.people import passwords, queries
from stadtmail.people.actions import accesses, contracts
from stadtmail.people.models import Address, Order
from stadtmail.people.orders import OrderForm
from stadtmail.privacy import erasure, events, guard, policy, units
from stadtmail.privacy.models import ERASING, Unit
from stadtmail.tenants.models import Tenant

WAITING = ("approval", "letter")
NEVER_KEPT = ("password", "reclaim")


class NoSuchOrder(errors.NotFound):
    """The city has no waiting order with this id or code."""


class NothingWaits(errors.NotAllowed):
    """In this city orders become contracts at once, or this order waits for something else."""


@dataclass(frozen=True)
class Waiting:
    """What whoever ordered takes away; the code is shown once."""

    order: UUID
    until: datetime
    recovery_code: str = field(repr=False)


@dataclass(frozen=True, repr=False)
class Letter:
    """What the desk prints: the code, and where to send it."""

    code: str
    lines: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, repr=False)
class Kept:
    """A waiting order, opened: what was filled in, what it became of, and which notice was shown."""

    form: OrderForm
    ordered: contracts.Ordered
    notice_version: int


def submit(form: OrderForm, *, tenant: Tenant, now: datetime) -> Waiting:
    """Let the order wait, its address reserved. Raises NothingWaits, contracts.AddressTaken, passwords.Busy."""
    rules = policy.current(tenant)
    if rules.order.mode not in WAITING:
        raise NothingWaits
    if queries.address_state(tenant, form.localpart, reclaim=form.reclaim) != queries.FREE:
        raise contracts.AddressTaken
    code, person, anchor = passwords.new_code(), uuid4(), uuid4()
    hashed = passwords.hashed(form.password)
    (unit,) = units.prepare(tenant, [units.Wanted("ORD", "order", anchor, person)], now=now)
    record = {
        "form": {name: value for name, value in vars(form).items() if name not in NEVER_KEPT},
        "person": str(person), "hash": hashed, "recovery": queries.code_digest(tenant, code).hex(),
        "reclaim": queries.code_digest(tenant, form.reclaim).hex(), "notice_version": rules.version,
    }  # fmt: skip
    digest = queries.address_digest(tenant, form.localpart)
    try:
        with store.writing():
            if Address.objects.filter(tenant=tenant, blind=digest, open=True).exists():
                raise contracts.AddressTaken
            events.record(tenant=tenant, anchor_kind="order", anchor=anchor, name="order_submitted", at=now, now=now)
            units.save([unit])
            sealed = units.seal(unit, "form", json.dumps(record, ensure_ascii=False))
            Order.objects.create(unit_id=unit.id, tenant=tenant, form=sealed, blind=digest, state=rules.order.mode)
    except IntegrityError:  # another order for the same address was faster
        raise contracts.AddressTaken from None
    return Waiting(unit.id, _until(unit.id), code)


def form_of(order: UUID, *, tenant: Tenant, now: datetime) -> Kept:
    """What a waiting order says. For acceptance; whoever wants to show it asks staff.look_order. Raises NoSuchOrder."""
    row = _waiting(order, tenant, now)
    record = json.loads(units.text(row.unit, "form", row.form))
    recovery, reclaim = bytes.fromhex(record["recovery"]), bytes.fromhex(record["reclaim"])
    ordered = contracts.Ordered(row.unit_id, UUID(record["person"]), record["hash"], recovery, reclaim)
    return Kept(OrderForm(**record["form"], password="", reclaim=""), ordered, record["notice_version"])


def prepare(order: UUID, *, tenant: Tenant, now: datetime) -> contracts.Prepared:
    """Prepare the contract of a waiting order, under the notice that was shown with it. Raises NoSuchOrder, AddressTaken."""
    kept = form_of(order, tenant=tenant, now=now)
    shown = policy.version(tenant, kept.notice_version)
    return contracts.prepare(kept.form, tenant=tenant, policy=shown, now=now, ordered=kept.ordered)


def accepted(order: UUID, *, tenant: Tenant, now: datetime) -> None:
    """The order has become a contract. Call inside `store.writing()`, before `contracts.conclude`. Raises NoSuchOrder.

    It is due from now on: the next sweep erases it, `clear` at once.
    """
    _decide(order, tenant, "accepted", now)


def refuse(order: UUID, *, tenant: Tenant, by: UUID, now: datetime) -> None:
    """Somebody at the desk (`by`: random id) refuses the order: it is erased at once. Raises NoSuchOrder, NotStaff."""
    accesses.staff(tenant, by, "order_check", now=now)
    with store.writing():
        _decide(order, tenant, "refused", now)
    erasure.erase([order], tenant=tenant, now=now, cause="refused")


def clear(order: UUID, *, tenant: Tenant, now: datetime) -> int:
    """Erase an order that has been accepted. Returns 1, or 0 where nothing is left of it, or the sweep has to do it later."""
    try:
        return erasure.erase([order], tenant=tenant, now=now, cause="due").erased
    except guard.TimeNotTrusted:
        return 0


def letter_of(order: UUID, *, tenant: Tenant, by: UUID, now: datetime) -> Letter:
    """Make the letter: its code is shown to the desk now and never again; an earlier letter's code opens nothing any more.

    Written into the access record first. Raises NoSuchOrder, NothingWaits, NotStaff.
    """
    kept = form_of(order, tenant=tenant, now=now)
    accesses.note(tenant, by=by, purpose="order_check", categories=["ORD"], subject=kept.ordered.person, now=now)
    code = passwords.new_code()
    with store.writing():
        rows = Order.objects.filter(unit=order, tenant=tenant, state="letter")
        if not rows.update(letter=queries.code_digest(tenant, code)):
            raise NothingWaits
    form = kept.form
    return Letter(code, (form.name, form.street, f"{form.postcode} {form.town}"), _until(order))


def order_of_letter(code: str, *, tenant: Tenant, now: datetime) -> UUID:
    """The order whose letter has this code. Raises NoSuchOrder."""
    digest = queries.code_digest(tenant, code)
    found = Order.objects.filter(tenant=tenant, state="letter", letter=digest).first() if digest else None
    if found is None:
        raise NoSuchOrder
    return _waiting(found.unit_id, tenant, now).unit_id


def _waiting(order: UUID, tenant: Tenant, now: datetime) -> Order:
    rows = Order.objects.filter(unit=order, tenant=tenant, state__in=WAITING, unit__due_at__gt=now)
    found = rows.exclude(unit__state=ERASING).select_related("unit").first()
    if found is None:
        raise NoSuchOrder
    return found


def _decide(order: UUID, tenant: Tenant, state: str, now: datetime) -> None:
    rows = Order.objects.filter(unit=order, tenant=tenant, state__in=WAITING).exclude(unit__state=ERASING)
    if not rows.update(state=state):
        raise NoSuchOrder
    anchor = Unit.objects.values_list("anchor", flat=True).get(id=order)
    events.record(tenant=tenant, anchor_kind="order", anchor=anchor, name=f"order_{state}", at=now, now=now)


def _until(order: UUID) -> datetime:
    due = Unit.objects.values_list("due_at", flat=True).get(id=order)
    assert due is not None, "a waiting order has a date from its first moment on"
    return due
