"""Staff: they are appointed, sign in, and look at what their purpose opens, never before it is written down (law 4).

There is no path from here to contents, and none that acts as somebody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError

from stadtmail.kit import errors, store
from stadtmail.people import passwords
from stadtmail.people.actions import accesses, credentials, pending
from stadtmail.people.models import Contract, Staff
from stadtmail.people.orders import OrderForm, password_problems
from stadtmail.privacy import events, holdings, units
from stadtmail.privacy.models import ERASING, LIVE, RESTRICTED, Unit
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blind

AFTER_THE_END = frozenset({"correction", "dsr"})  # what data of an ended contract may still be opened for


class LoginTaken(errors.Conflict):
    """Somebody of the city's staff has this login name."""


@dataclass(frozen=True)
class StaffSession:
    """Who of the staff signed in."""

    staff: UUID
    role: str
    name: str = field(repr=False)


@dataclass(frozen=True, repr=False)
class Seen:
    """What an access showed: category -> records. `access` is its entry in the record that the person reads."""

    access: UUID
    records: Mapping[str, list[Mapping[str, Any]]]


def appoint(tenant: Tenant, *, role: str, name: str, login: str, password: str, now: datetime) -> UUID:
    """Give somebody an account with a role. Raises LoginTaken, NotStaff (no such role), credentials.BadPassword."""
    if role not in accesses.ROLES:
        raise accesses.NotStaff
    codes = password_problems(password, name, login, tenant.domain)
    if codes:
        raise credentials.BadPassword(codes)
    hashed = passwords.hashed(password)
    (unit,) = units.prepare(tenant, [units.Wanted("STAFF", "staff", uuid4())], now=now)
    try:
        with store.writing():
            units.save([unit])
            Staff.objects.create(
                unit_id=unit.id, tenant=tenant, role=role, blind=_login(tenant, login),
                name=units.seal(unit, "name", name), password=units.seal(unit, "password", hashed),
            )  # fmt: skip
    except IntegrityError:
        raise LoginTaken from None
    return unit.id


def account(tenant: Tenant, login: str) -> UUID:
    """The account with this login name. Raises NotStaff."""
    row = Staff.objects.filter(tenant=tenant, blind=_login(tenant, login)).exclude(unit__state=ERASING).first()
    if row is None:
        raise accesses.NotStaff
    return row.unit_id


def set_password(tenant: Tenant, login: str, *, old: str, new: str) -> None:
    """Whoever knows the old one sets a new one. Raises credentials.WrongCredentials, BadPassword, Busy."""
    who = sign_in(tenant, login, old)
    codes = password_problems(new, who.name, login, tenant.domain)
    if codes:
        raise credentials.BadPassword(codes)
    hashed = passwords.hashed(new)
    with store.writing():
        row = Staff.objects.select_related("unit").get(unit=who.staff)
        Staff.objects.filter(unit=who.staff).update(password=units.seal(row.unit, "password", hashed))


def dismiss(staff: UUID, *, tenant: Tenant, now: datetime) -> None:
    """The role has ended: no login and no look from now on; the account is gone within a day. Raises NotStaff."""
    with store.writing():
        unit = Unit.objects.filter(id=staff, tenant=tenant, category="STAFF", state=LIVE).first()
        if unit is None:
            raise accesses.NotStaff
        events.record(tenant=tenant, anchor_kind="staff", anchor=unit.anchor, name="role_end", at=now, now=now)


def sign_in(tenant: Tenant, login: str, password: str) -> StaffSession:
    """Check login name and password. An unknown name costs the same work. Raises credentials.WrongCredentials, Busy."""
    row = Staff.objects.filter(tenant=tenant, blind=_login(tenant, login), unit__state=LIVE).select_related("unit").first()
    if row is not None and events.happened(tenant, row.unit.anchor, "role_end"):
        row = None
    stored = units.text(row.unit, "password", row.password) if row else None
    if not passwords.matches(stored, password) or row is None:
        raise credentials.WrongCredentials
    return StaffSession(row.unit_id, row.role, units.text(row.unit, "name", row.name))


def mark(staff: UUID, *, tenant: Tenant) -> str:
    """Changes with the password, says nothing about it. For a log-in between its two steps."""
    row = Staff.objects.filter(unit=staff, tenant=tenant, unit__state=LIVE).first()
    return sha256(bytes(row.password)).hexdigest() if row else ""


def look(contract: Contract, *, tenant: Tenant, by: UUID, purpose: str, categories: Sequence[str], now: datetime) -> Seen:
    """Record that somebody looks, then show it: these categories of one contract. Raises NotStaff.

    Data of an ended contract are restricted: they open only to correct them or to answer their subject (C-2.8).
    """
    if contract.tenant_id != tenant.id or (contract.state != "active" and purpose not in AFTER_THE_END):
        raise accesses.NotStaff
    access = accesses.note(
        tenant, by=by, purpose=purpose, categories=categories, subject=contract.person_id, contract=contract, now=now
    )
    return Seen(access, {category: _records(tenant, contract, category) for category in categories})


def look_order(order: UUID, *, tenant: Tenant, by: UUID, now: datetime) -> OrderForm:
    """Record that somebody checks an order, then show it, without password. Raises NoSuchOrder, NotStaff."""
    kept = pending.form_of(order, tenant=tenant, now=now)
    accesses.note(tenant, by=by, purpose="order_check", categories=["ORD"], subject=kept.ordered.person, now=now)
    return kept.form


def _records(tenant: Tenant, contract: Contract, category: str) -> list[Mapping[str, Any]]:
    from stadtmail.people import queries

    rows = Unit.objects.filter(tenant=tenant, anchor__in=queries.anchors(tenant, contract), category=category, state__in=(LIVE, RESTRICTED))
    exports = [holding.export for holding in holdings.of_category(category) if holding.export]
    return [record for unit in rows.values_list("id", flat=True) for export in exports for record in export(unit)]


def _login(tenant: Tenant, login: str) -> bytes:
    return blind.digest(tenant.id, "blind.staff", login.strip().lower())
