"""The independent checker: nothing late, nothing early, nothing held erased, nothing half erased.

It imports nothing of stadtmail. It is told what happened (a contract ended, a hold was placed), reads the city's policy file
and the raw SQLite files itself, and counts the days itself (BGB §§ 187, 188): an error of the engine is not repeated here.
"""

import calendar
import re
import sqlite3
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_PERIOD = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z")
USUAL_LATENESS, YEAR_END_LATENESS = timedelta(minutes=15), timedelta(hours=24)
ERASED_EARLY, ERASED_LATE, STILL_THERE, HELD_ERASED, VANISHED, HALF, UNKNOWN = (
    "erased early", "erased late", "still there", "erased though held", "vanished", "half erased", "unknown category",
)  # fmt: skip


@dataclass
class Unit:
    """What the checker knows of one unit of erasure."""

    city: str
    category: str
    anchor: str
    given_up: datetime | None = None  # the person withdrew it, or the city refused it: may go from then on
    released: datetime | None = None  # a hold on it was released then


@dataclass
class Anchor:
    """What happened to an anchor: name of the event -> (when, since when it is known)."""

    events: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)


class Checker:
    """Told by the simulated world, asked once a day."""

    def __init__(self, folder: Path, policies: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._policies = {city: tomllib.loads(source.decode()) for city, source in policies.items()}
        self._units: dict[str, Unit] = {}
        self._anchors: dict[str, Anchor] = {}
        self._held: dict[str, set[str]] = {}
        self._ledger_seen: set[str] = set()
        self.checked = self.erased = 0
        self.worst_lateness = timedelta(0)

    # -- what the world tells ------------------------------------------------------------------------------------------

    def happened(self, anchor: str, name: str, at: datetime, known: datetime, *, first: bool = False) -> None:
        """An event, or its correction. `first`: only if it is not known yet."""
        events = self._anchors.setdefault(anchor, Anchor()).events
        if not (first and name in events):
            events[name] = (at, known)

    def taken_back(self, anchor: str, name: str) -> None:
        """The event does not stand any more."""
        self._anchors.setdefault(anchor, Anchor()).events.pop(name, None)

    def held(self, hold: str, units: list[str]) -> None:
        """A hold stands on these units."""
        self._held[hold] = set(units)

    def released(self, hold: str, at: datetime) -> None:
        """The hold is over: what it held and is due goes at once."""
        for unit in self._held.pop(hold, set()):
            if unit in self._units:
                self._units[unit].released = at

    def given_up(self, units: list[str], at: datetime | None) -> None:
        """A person's own decision: these units may go at once (or, with None: they stay after all)."""
        for unit in units:
            if unit in self._units:
                self._units[unit].given_up = at

    # -- what the checker sees -----------------------------------------------------------------------------------------

    def learn(self, anchors: list[str]) -> list[str]:
        """Meet the units of these anchors: from now on they are expected to be there until they are due. Returns their ids."""
        met = []
        with _open(self._folder / "default.sqlite3") as rows:
            cities = dict(rows.execute("select id, slug from tenants_tenant").fetchall())
            for anchor in anchors:
                found = rows.execute("select id, tenant_id, category from privacy_unit where anchor = ?", [anchor])
                for unit, tenant, category in found:
                    self._units.setdefault(unit, Unit(cities[tenant], category, anchor))
                    met.append(unit)
        return met

    def check(self, now: datetime) -> list[str]:
        """Everything that is wrong at this moment, one sentence each."""
        with _open(self._folder / "default.sqlite3") as rows:
            living = {unit for (unit,) in rows.execute("select id from privacy_unit where state != 'erasing'")}
            keys_of = dict(rows.execute("select id, key from privacy_unit where key is not null"))
            filled = _filled(rows)
        with _open(self._folder / "keys.sqlite3") as rows:
            keys = {key for (key,) in rows.execute("select id from vault_key where kind = 'unit'")}
        held = set().union(*self._held.values()) if self._held else set()
        problems = self._ledger(held)
        for unit, known in list(self._units.items()):
            problems += self._unit(unit, known, now, unit in living, unit in held)
            if unit not in living:
                del self._units[unit]
        whole = {unit for unit in living if unit in filled and (unit not in keys_of or keys_of[unit] in keys)}
        problems += [f"{HALF}: {unit}" for unit in sorted(living - whole)]
        problems += [f"{HALF}: rows of {unit} outlive it" for unit in sorted(filled - living)]
        self.checked += len(living)
        return problems

    def due(self, unit: Unit) -> tuple[datetime, datetime, timedelta] | None:
        """(due, since when it could go, lateness) of a unit by the events that happened, None while no clock runs."""
        policy = self._policies[unit.city]
        rule = policy["category"].get(unit.category, {}).get("rule")
        if rule is None:
            return None
        events, zone = self._anchors.get(unit.anchor, Anchor()).events, ZoneInfo(policy["city"]["time_zone"])
        found = []
        for start in (rule, *rule.get("also", ())):
            if start["start"] in events:
                at, known = events[start["start"]]
                found.append((_end(at, start["gone_by"], start["kind"], zone), known))
        if not found:
            return None
        kinds = {start["kind"] for start in (rule, *rule.get("also", ()))}
        lateness = YEAR_END_LATENESS if "year_end" in kinds else USUAL_LATENESS
        due, known = min(found)
        return due, max(due, known, unit.released or due), lateness

    def _unit(self, key: str, unit: Unit, now: datetime, is_there: bool, is_held: bool) -> list[str]:
        dates = self.due(unit)
        if is_there:
            return [f"{STILL_THERE}: {unit.category} {key}"] if dates and now > dates[1] + dates[2] and not is_held else []
        if is_held:
            return [f"{HELD_ERASED}: {unit.category} {key}"]
        if unit.given_up is not None and unit.given_up <= now:
            return []
        return [] if dates and dates[0] <= now else [f"{VANISHED}: {unit.category} {key}"]

    def _ledger(self, held: set[str]) -> list[str]:
        """Every erasure that the ledger names: to the second neither early nor late."""
        problems: list[str] = []
        with _open(self._folder / "evidence.sqlite3") as rows:
            ledger = "select erasure, units, keys_gone_at, done_at from privacy_ledgerentry where done_at is not null"
            found = rows.execute(ledger).fetchall()
        for erasure, packed, keys_gone, done in found:
            if erasure in self._ledger_seen:
                continue
            self._ledger_seen.add(erasure)
            for key in (packed[at : at + 16].hex() for at in range(0, len(packed), 16)):
                problems += self._erased(key, _moment(keys_gone), _moment(done), held)
        return problems

    def _erased(self, key: str, keys_gone: datetime, done: datetime, held: set[str]) -> list[str]:
        unit = self._units.get(key)
        self.erased += 1
        if unit is None:
            return []
        if key in held:
            return [f"{HELD_ERASED}: {unit.category} {key}"]
        dates = self.due(unit)
        if unit.given_up is not None and (dates is None or unit.given_up <= dates[0]):
            return []
        if dates is None or keys_gone < dates[0]:
            return [f"{ERASED_EARLY}: {unit.category} {key}"]
        self.worst_lateness = max(self.worst_lateness, done - dates[1])
        return [f"{ERASED_LATE}: {unit.category} {key}"] if done > dates[1] + dates[2] else []


def _end(start: datetime, period: str, kind: str, zone: ZoneInfo) -> datetime:
    """When a period that began at `start` is over: 00:00 local of the day after its last day, or to the second."""
    found = _PERIOD.match(period)
    assert found is not None, period
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if kind == "exact":
        return start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    day = start.astimezone(zone).date()
    if kind == "year_end":
        day = date(day.year, 12, 31)
    for _ in range(12 * years + months):
        year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)
        day = date(year, month, 1)
    if years or months:
        begun = start.astimezone(zone).date() if kind != "year_end" else date(start.astimezone(zone).year, 12, 31)
        day = date(day.year, day.month, min(begun.day, calendar.monthrange(day.year, day.month)[1]))
    after = day + timedelta(weeks=weeks, days=days + 1)
    return datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)


def _filled(rows: sqlite3.Connection) -> set[str]:
    """Ids of units that have at least one row of their own, in whatever table names a unit."""
    found: set[str] = set()
    tables = [name for (name,) in rows.execute("select name from sqlite_master where type = 'table'")]
    for table in tables:
        columns = {row[1] for row in rows.execute(f"pragma table_info({table})")}
        if "unit_id" in columns and not table.startswith("privacy_"):
            found |= {unit for (unit,) in rows.execute(f"select distinct unit_id from {table} where unit_id is not null")}  # noqa: S608
    return found


class _open:  # noqa: N801 - reads like the function that it is
    """A read-only connection of our own that is really closed."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *details: Any) -> None:
        self._connection.close()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
