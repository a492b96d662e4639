"""Holds: narrow, dated reasons not to erase. A hold wins the race against the sweep, or is told that it came too late.

Placing locks the same units as the claim of an erasure. Releasing erases at once what has fallen due meanwhile.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from django.db.models import Q

from stadtmail.kit import errors, store
from stadtmail.privacy import periods, policy
from stadtmail.privacy.evidence import log
from stadtmail.privacy.models import ERASING, Hold, HoldItem, Unit
from stadtmail.tenants.models import Tenant

RESTRICTION = "restriction"  # the person's own wish (Art. 18 GDPR): nobody else releases it, and not without telling them
TOLD_BEFORE = periods.Period(days=14)  # Art. 18(3) GDPR: so long before the city ends a restriction, its person is told


class TooLate(errors.Conflict):
    """A unit is being erased or gone: nothing can be held any more, and nothing of the hold was placed."""


class NotInMatrix(errors.NotAllowed):
    """The policy does not allow this hold for this category, or not with this reason: it could not block anything."""


class SecondPersonMissing(errors.NotAllowed):
    """This type of hold needs the approval of a second person."""


class NoSuchHold(errors.NotFound):
    """The city has no open hold with this id."""


@dataclass(frozen=True)
class Standing:
    """A hold that has not been released. `units`: category -> how many it covers."""

    hold: UUID
    type: str
    reason: str
    placed_at: datetime
    review_at: datetime
    ends_at: datetime | None
    units: Mapping[str, int]


def place(
    *, tenant: Tenant, type: str, reason: str, units: Sequence[UUID], by: str, review_at: datetime, now: datetime,  # noqa: A002
    approved_by: str = "", ends_at: datetime | None = None,
) -> Hold:  # fmt: skip
    """Hold exactly these units. `by` and `approved_by` are role and random id. Raises TooLate, NotInMatrix, SecondPersonMissing."""
    rules = policy.current(tenant)
    kind = rules.hold_types.get(type)
    if kind is None or reason not in kind.reasons or not units or review_at <= now or (ends_at and ends_at <= now):
        raise NotInMatrix
    if kind.four_eyes and (not approved_by or approved_by == by):
        raise SecondPersonMissing
    with store.writing():
        rows = list(store.locked(Unit.objects.filter(tenant=tenant, id__in=units)))
        if len(rows) != len(set(units)) or any(row.state == ERASING for row in rows):
            raise TooLate
        if any(type not in rules.holds.get(row.category, ()) for row in rows):
            raise NotInMatrix
        made = Hold.objects.create(
            tenant=tenant, type=type, reason=reason, placed_by=by, approved_by=approved_by,
            placed_at=now, review_at=review_at, ends_at=ends_at,
        )  # fmt: skip
        HoldItem.objects.bulk_create([HoldItem(hold=made, unit=row) for row in rows], batch_size=200)
        log.note(tenant, {"type": "hold_placed", "hold": type, "count": len(rows)}, now=now, outbox=made.id)
    return made


def extend(old: UUID, new: UUID) -> None:
    """What holds a unit holds the one that takes its place as well. Call inside `store.writing()`, with the old unit locked."""
    rows = HoldItem.objects.filter(unit=old).values_list("hold", flat=True)
    HoldItem.objects.bulk_create([HoldItem(hold_id=hold, unit_id=new) for hold in rows])


def release(hold: UUID, *, tenant: Tenant, now: datetime) -> int:
    """Release the hold and erase at once what is due. Returns the number of units erased. Raises NoSuchHold."""
    from stadtmail.privacy import erasure, guard  # the claim asks for holds, a release asks for erasure

    with store.writing():
        if not Hold.objects.filter(id=hold, tenant=tenant, released_at=None).update(released_at=now):
            raise NoSuchHold
        kind = Hold.objects.values_list("type", flat=True).get(id=hold)
        held = list(HoldItem.objects.filter(hold=hold).values_list("unit", flat=True))
        log.note(tenant, {"type": "hold_released", "hold": kind, "count": len(held)}, now=now, outbox=release_mark(hold))
    due = list(Unit.objects.filter(tenant=tenant, id__in=held, due_at__lte=now).values_list("id", flat=True))
    try:
        return erasure.erase(due, tenant=tenant, now=now, cause="released").erased if due else 0
    except guard.TimeNotTrusted:  # it is released, and due: the sweep goes on when the clock is vouched for
        return 0


def release_mark(hold: UUID) -> UUID:
    """Of the release in the evidence store: it follows from the hold's id, which the leaf of its placing carries there."""
    return uuid5(hold, "released")


def end_at(hold: UUID, *, tenant: Tenant, ends_at: datetime) -> None:
    """Let a hold that stands run out by itself; the sweep then releases it. An earlier end stays. Raises NoSuchHold."""
    with store.writing():
        rows = Hold.objects.filter(id=hold, tenant=tenant, released_at=None)
        if not rows.exists():
            raise NoSuchHold
        rows.filter(Q(ends_at=None) | Q(ends_at__gt=ends_at)).update(ends_at=ends_at)


def open_holds(tenant: Tenant) -> list[Standing]:
    """The city's holds that have not been released, the one that is to be reviewed first before the others."""
    found = []
    for row in Hold.objects.filter(tenant=tenant, released_at=None).order_by("review_at", "id"):
        covered = Counter(row.items.values_list("unit__category", flat=True))
        found.append(Standing(row.id, row.type, row.reason, row.placed_at, row.review_at, row.ends_at, covered))
    return found


def standing(units: Sequence[UUID], *, now: datetime) -> dict[UUID, list[Hold]]:
    """unit -> every hold that stands on it now, for those that have one: none hides another."""
    found: dict[UUID, list[Hold]] = {}
    for at in range(0, len(units), 400):
        rows = HoldItem.objects.filter(open_at(now), unit__in=units[at : at + 400]).select_related("hold")
        for row in rows.order_by("hold__placed_at"):
            found.setdefault(row.unit_id, []).append(row.hold)
    return found


def freed(units: Sequence[UUID], *, now: datetime) -> dict[UUID, datetime]:
    """unit -> when the last hold on it that does not stand any more was released or ran out: until then it could not go."""
    found: dict[UUID, datetime] = {}
    for at in range(0, len(units), 400):
        for row in HoldItem.objects.filter(unit__in=units[at : at + 400]).exclude(open_at(now)).select_related("hold"):
            ended = min(end for end in (row.hold.released_at, row.hold.ends_at) if end is not None)
            found[row.unit_id] = max(ended, found.get(row.unit_id, ended))
    return found


def drop_empty(holds: Sequence[UUID]) -> None:
    """Holds of which no unit is left go too: who placed them and why is nobody's business any more. Call inside `writing()`."""
    Hold.objects.filter(id__in=holds, items=None).delete()


def open_at(now: datetime) -> Q:
    """Condition on HoldItem rows: the hold has neither been released nor run out."""
    return Q(hold__released_at=None) & (Q(hold__ends_at=None) | Q(hold__ends_at__gt=now))


def run_out(now: datetime) -> list[Hold]:
    """Holds whose end has passed and which nobody has released yet."""
    return list(Hold.objects.filter(released_at=None, ends_at__lte=now).select_related("tenant"))
