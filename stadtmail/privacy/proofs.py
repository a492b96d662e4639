"""What is measured behind each clause, and what follows from it: kept, broken, not yet built, informational.

Rooms register measures (and walks of the standing test resident) when Django starts; a figure's name is code, its value a
number. `run` measures, keeps the newest figure and writes a leaf when a figure changes or a day has passed; `states` judges:
a clause is kept only by figures that are younger than its interval. What is stale, missing or failed counts as broken.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from stadtmail.kit import log as lines
from stadtmail.kit import store
from stadtmail.privacy import periods, policy
from stadtmail.privacy.evidence import leaves, log
from stadtmail.privacy.models import Leaf, Proof
from stadtmail.privacy.policy.clauses import BY_ID, CLAUSES, INFORMATIONAL, Clause
from stadtmail.tenants.models import Tenant

KEPT, BROKEN, NOT_YET_BUILT = "kept", "broken", "not_yet_built"
LEAF_AGE = timedelta(days=1)
WALK_AGE = timedelta(hours=6)  # a walk writes erasures into the public log: it is not repeated while its figures are younger


@dataclass(frozen=True)
class Measured:
    """A figure. `real`: measured on real cases; False: on the standing test resident."""

    value: int
    kept: bool
    real: bool = True


@dataclass(frozen=True)
class Measure:
    """How a clause is measured. `run` gives None where no real case has happened within the clause's interval."""

    clause: str
    figure: str
    run: Callable[[Tenant, datetime], Measured | None]


@dataclass(frozen=True)
class Walk:
    """The standing test resident, led through the same path: called when one of its clauses has no real case to show."""

    figure: str
    clauses: frozenset[str]
    run: Callable[[Tenant, datetime], Mapping[str, Measured]]


@dataclass(frozen=True)
class State:
    """A clause, and the figure that decides about it. `at`: when it was last measured; `leaf`: index in the city's log.

    `figures`: everything that was measured behind it within its interval, name -> value.
    """

    id: str
    state: str
    figure: str | None = None
    value: int | None = None
    at: datetime | None = None
    leaf: int | None = None
    real: bool | None = None
    figures: Mapping[str, int] = field(default_factory=dict)


_measures: list[Measure] = []
_walks: list[Walk] = []


def register(*measures: Measure) -> None:
    """Add measures of a room. Called once at start."""
    for measure in measures:
        assert measure.clause in BY_ID, measure.clause
        assert all((m.clause, m.figure) != (measure.clause, measure.figure) for m in _measures), f"{measure.figure} is measured twice"
        leaves.admit(measure.figure)
        _measures.append(measure)


def register_walk(*walks: Walk) -> None:
    """Add a walk of the standing test resident. Called once at start."""
    for walk in walks:
        assert walk.clauses <= set(BY_ID), walk.figure
        leaves.admit(walk.figure)
        _walks.append(walk)


def run(tenant: Tenant, now: datetime) -> list[State]:
    """Measure everything once, keep the figures and write their leaves. Returns the states that follow."""
    found = {(m.clause, m.figure): measured for m in _measures if (measured := _measured(m, tenant, now)) is not None}
    shown = {clause for (clause, _), measured in found.items() if measured.real}
    silent = {m.clause for m in _measures if (m.clause, m.figure) not in found}
    for walk in _walks:
        if (walk.clauses & silent or walk.clauses - shown) and not _is_fresh(walk, tenant, now):
            found |= {(clause, walk.figure): measured for clause, measured in _walked(walk, tenant, now).items()}
    _keep(tenant, found, now)
    return states(tenant, now)


def is_stale(tenant: Tenant, now: datetime, *, age: timedelta) -> bool:
    """Is it time to measure again? Not while everything is kept by figures that are younger than that (a start, a walked clock)."""
    newest = Proof.objects.filter(tenant=tenant.id, at__lte=now).order_by("-at").values_list("at", flat=True).first()
    return newest is None or now - newest >= age or not is_whole(states(tenant, now))


def states(tenant: Tenant, now: datetime) -> list[State]:
    """Every clause of the notice, in its order, as the figures of the last runs decide about it."""
    rows: dict[str, dict[str, Proof]] = {}
    for row in Proof.objects.filter(tenant=tenant.id):
        rows.setdefault(row.clause, {})[row.figure] = row
    tz = policy.current(tenant).tz
    return [_state(clause, rows.get(clause.id, {}), tz, now) for clause in CLAUSES]


def is_whole(found: list[State]) -> bool:
    """Is nothing broken?"""
    return all(state.state != BROKEN for state in found)


def as_json(found: list[State]) -> list[dict[str, Any]]:
    """What `stadtmail prove --json` prints."""
    return [
        {
            "id": s.id, "state": s.state, "figure": s.figure, "value": s.value, "at": s.at.isoformat() if s.at else None,
            "leaf": s.leaf, "real": s.real, "figures": dict(s.figures),
        }
        for s in found
    ]  # fmt: skip


# -- measuring -------------------------------------------------------------------------------------------------------


def _measured(measure: Measure, tenant: Tenant, now: datetime) -> Measured | None:
    try:
        return measure.run(tenant, now)
    except Exception as error:  # noqa: BLE001 - a measure that fails proves nothing: broken, noted, and the others go on
        lines.bug(error, role="prove")
        return Measured(0, kept=False)


def _is_fresh(walk: Walk, tenant: Tenant, now: datetime) -> bool:
    rows = Proof.objects.filter(tenant=tenant.id, figure=walk.figure, kept=True, at__gt=now - WALK_AGE, at__lte=now)
    return walk.clauses <= set(rows.values_list("clause", flat=True))


def _walked(walk: Walk, tenant: Tenant, now: datetime) -> Mapping[str, Measured]:
    try:
        found = walk.run(tenant, now)
    except Exception as error:  # noqa: BLE001 - the same
        lines.bug(error, role="walk")
        found = {}
    missing = {clause: Measured(0, kept=False, real=False) for clause in walk.clauses - set(found)}
    return missing | {clause: Measured(m.value, m.kept, real=False) for clause, m in found.items() if clause in walk.clauses}


def _keep(tenant: Tenant, found: Mapping[tuple[str, str], Measured], now: datetime) -> None:
    """A leaf for each figure that is new, changed or a day old; then the rows, which name their leaf."""
    known = {(row.clause, row.figure): row for row in Proof.objects.filter(tenant=tenant.id)}
    fresh = _young_leaves(tenant, known.values(), now)
    written: dict[tuple[str, str], UUID] = {}
    with store.writing():
        for key, measured in found.items():
            if not (key in known and known[key].leaf in fresh and _same(known[key], measured)):
                written[key] = log.note(tenant, _fields(key, measured, now), now=now)
    log.move(now)
    with store.writing("evidence"):
        for key, measured in found.items():
            leaf = log.leaf_of(written[key]) if key in written else known[key].leaf
            values = {"value": measured.value, "kept": measured.kept, "real": measured.real, "at": now, "leaf": leaf}
            Proof.objects.update_or_create(tenant=tenant.id, clause=key[0], figure=key[1], defaults=values)


def _fields(key: tuple[str, str], measured: Measured, now: datetime) -> dict[str, object]:
    return {
        "type": "proof", "clause": key[0], "figure": key[1], "value": max(0, min(measured.value, leaves.MOST - 1)),
        "kept": measured.kept, "real": measured.real, "at": leaves.minute(now),
    }  # fmt: skip


def _same(row: Proof, measured: Measured) -> bool:
    return (row.value, row.kept, row.real) == (measured.value, measured.kept, measured.real)


def _young_leaves(tenant: Tenant, rows: Any, now: datetime) -> set[int]:
    """Indices of those leaves behind the rows that are younger than a day."""
    named = [row.leaf for row in rows if row.leaf is not None]
    found = Leaf.objects.filter(tenant=tenant.id, index__in=named).values_list("index", "data")
    return {index for index, data in found if leaves.moment(str(leaves.read(bytes(data))["at"])) > now - LEAF_AGE}


# -- judging ---------------------------------------------------------------------------------------------------------


def _state(clause: Clause, rows: Mapping[str, Proof], tz: ZoneInfo, now: datetime) -> State:
    young = {figure: row for figure, row in rows.items() if _is_young(row, clause, tz, now)}
    figure = _deciding(clause, young)
    row = rows.get(figure or "")
    values = {name: known.value for name, known in sorted(young.items())}
    shown = State(clause.id, _word(clause, figure, young), figure, figures=values)
    return replace(shown, value=row.value, at=row.at, leaf=row.leaf, real=row.real) if row else shown


def _word(clause: Clause, figure: str | None, young: Mapping[str, Proof]) -> str:
    if clause.kind == INFORMATIONAL:
        return INFORMATIONAL
    if not clause.built:
        return NOT_YET_BUILT
    return KEPT if figure and figure in young and young[figure].kept else BROKEN


def _deciding(clause: Clause, young: Mapping[str, Proof]) -> str | None:
    """The worst figure: one that is broken, then one that is missing or stale, then the first. None: nothing is registered.

    A young walk of the test resident stands in for the figures that had no real case.
    """
    measured = [m.figure for m in _measures if m.clause == clause.id]
    walked = [w.figure for w in _walks if clause.id in w.clauses]
    broken = [figure for figure in measured + walked if figure in young and not young[figure].kept]
    stood_in = any(figure in young for figure in walked)
    missing = [] if stood_in else [figure for figure in measured or walked if figure not in young]
    there = [figure for figure in measured + walked if figure in young]
    return next(iter(broken + missing + there), None)


def _is_young(row: Proof, clause: Clause, tz: ZoneInfo, now: datetime) -> bool:
    kind = periods.CALENDAR if clause.interval.months else periods.EXACT
    return periods.add(row.at, clause.interval, kind, tz) > now
