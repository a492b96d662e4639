"""The independent checker: nothing late, nothing early, nothing held erased, nothing half erased.

It is told what happened (a contract ended, a hold was placed, a role got mail), reads the city's policy file and the raw SQLite
files itself, and counts the days itself (BGB §§ 187, 188): an error of the engine is not repeated here. A unit of which nobody told is
a problem too: nothing lives unjudged. It shares no code with the engine: its two modules, raw and calendar_again, import the
standard library only.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from stadtmail.doors.console.simulation.calendar_again import end_of, month_of
from stadtmail.doors.console.simulation.raw import filled, moment, newest_pair, opened, ring

USUAL_LATENESS, YEAR_END_LATENESS = timedelta(minutes=15), timedelta(hours=24)
BACKUP_DAYS = 7  # of a keystore: from then on an ended day's key must be out of the ring
ERASED_EARLY, ERASED_LATE, STILL_THERE, HELD_ERASED, VANISHED, HALF = (
    "erased early", "erased late", "still there", "erased though held", "vanished", "half erased",
)  # fmt: skip
UNJUDGED, WRONG_MONTH, OLD_EPOCH = "nobody told of it", "under another month", "old epoch"


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
        self._held: dict[str, tuple[set[str], datetime | None]] = {}
        self._ledger_seen: set[str] = set()
        self._last_done = self._newest_done = ""
        self._dead: set[str] = set()  # what the ledger calls erased
        self._of_anchor: dict[str, set[str]] = {}
        self._dates: dict[str, tuple[datetime, datetime, timedelta] | None] = {}
        self._key_of: dict[str, str] = {}  # of the units that lived at the last check
        self._months: dict[str, tuple[int, int]] = {}  # of the pairs of role mailboxes
        self._found: list[str] = []  # by a look at the ledger since the last check
        self.checked = self.erased = 0
        self.worst_lateness = timedelta(0)

    # -- what the world tells ------------------------------------------------------------------------------------------

    def happened(self, anchor: str, name: str, at: datetime, known: datetime, *, first: bool = False) -> None:
        """An event, or its correction. `first`: only if it is not known yet."""
        events = self._anchors.setdefault(anchor, Anchor()).events
        if not (first and name in events):
            self._look_at_ledger()  # what was erased until now is judged by the dates that held until now
            events[name] = (at, known)
            self._forget_dates(anchor)

    def taken_back(self, anchor: str, name: str) -> None:
        """The event does not stand any more."""
        self._look_at_ledger()
        self._anchors.setdefault(anchor, Anchor()).events.pop(name, None)
        self._forget_dates(anchor)

    def held(self, hold: str, units: list[str], until: datetime | None = None) -> None:
        """A hold stands on these units, until then or until it is released."""
        self._held[hold] = set(units), until

    def released(self, hold: str, at: datetime) -> None:
        """The hold is over: what it held and is due goes at once."""
        self._look_at_ledger(at)  # what was erased before was erased under the hold
        units, _ = self._held.pop(hold, (set(), None))
        for unit in units & set(self._units):
            self._units[unit].released = at
            self._dates.pop(unit, None)

    def given_up(self, units: list[str], at: datetime | None) -> None:
        """A person's own decision: these units may go at once (or, with None: they stay after all)."""
        for unit in units:
            if unit in self._units:
                self._units[unit].given_up = at

    def month_began(self, at: datetime) -> None:
        """Role mailboxes may have got a pair at this moment: for the local month, whose last second starts the pair's clock."""
        with opened(self._folder / "default.sqlite3") as rows:
            cities = dict(rows.execute("select id, slug from tenants_tenant").fetchall())
            found = rows.execute("select id, tenant_id, anchor from privacy_unit where category = 'CONT'").fetchall()
        for unit, tenant, anchor in found:
            if unit not in self._months:
                self._months[unit], last = month_of(at, self._zone(cities[tenant]))
                self.happened(anchor, "month_end", last, at)
                self.learn([anchor])

    def role_got_mail(self, city: str, role: str, at: datetime) -> None:
        """A message for a role has been stored: it must lie under the pair of its own month."""
        self.month_began(at)
        with opened(self._folder / "default.sqlite3") as rows:
            unit = newest_pair(rows, city, role)
        if unit is None or self._months[unit] != month_of(at, self._zone(city))[0]:
            self._found.append(f"{WRONG_MONTH}: CONT {unit}")

    # -- what the checker sees -----------------------------------------------------------------------------------------

    def learn(self, anchors: list[str]) -> list[str]:
        """Meet the units of these anchors: from now on they are expected to be there until they are due. Returns their ids."""
        met = []
        with opened(self._folder / "default.sqlite3") as rows:
            cities = dict(rows.execute("select id, slug from tenants_tenant").fetchall())
            for anchor in anchors:
                found = rows.execute("select id, tenant_id, category from privacy_unit where anchor = ?", [anchor])
                for unit, tenant, category in found:
                    self._units.setdefault(unit, Unit(cities[tenant], category, anchor))
                    self._of_anchor.setdefault(anchor, set()).add(unit)
                    met.append(unit)
        return met

    def check(self, now: datetime) -> list[str]:
        """Everything that is wrong at this moment, one sentence each."""
        with opened(self._folder / "default.sqlite3") as rows:
            anchors = dict(rows.execute("select id, anchor from privacy_unit where state != 'erasing'"))
            keys_of = dict(rows.execute("select id, key from privacy_unit where key is not null"))
            full, living = filled(rows), set(anchors)
        with opened(self._folder / "keys.sqlite3") as rows:
            keys = {key for (key,) in rows.execute("select id from vault_key where kind = 'unit'")}
            epochs = {epoch for (epoch,) in rows.execute("select distinct epoch from vault_key")}
        unmet = {unit: anchor for unit, anchor in anchors.items() if unit not in self._units}
        self.learn(sorted({anchor for anchor in unmet.values() if anchor in self._anchors or anchor in self._of_anchor}))
        held = {unit for unit in self._units if self._is_held(unit, now)}
        self._look_at_ledger()
        problems, self._found = self._found, []
        problems += [f"{UNJUDGED}: unit {unit}" for unit in sorted(set(unmet) - set(self._units))]
        problems += self._epochs(now, epochs)
        for unit, known in list(self._units.items()):
            problems += self._unit(unit, known, now, unit in living, unit in held)
            if unit not in living:
                self._forget(unit)
        whole = {unit for unit in living if unit in full and (unit not in keys_of or keys_of[unit] in keys)}
        problems += [f"{HALF}: {unit}" for unit in sorted(living - whole)]
        problems += [f"{HALF}: {unit} is erased by the ledger and lives" for unit in sorted(living & self._dead)]
        problems += [f"{HALF}: rows of {unit} outlive it" for unit in sorted(full - living)]
        problems += [f"{HALF}: the key of {unit} outlives it" for unit, key in self._key_of.items() if unit not in living and key in keys]
        self._key_of = {unit: key for unit, key in keys_of.items() if unit in living}
        self.checked += len(living)
        return problems

    def _epochs(self, now: datetime, named: set[int]) -> list[str]:
        """Each day has its key: every living key lies under today's, and what ended more than a week ago opens nothing any more."""
        days, today = ring(self._folder / "ring"), now.toordinal()
        problems = [f"{OLD_EPOCH}: keys lie under {number}" for number in named if days.get(number) != today]
        return problems + [f"{OLD_EPOCH}: {number} is in the ring" for number, day in days.items() if day + 1 + BACKUP_DAYS <= today]

    def _zone(self, city: str) -> ZoneInfo:
        return ZoneInfo(self._policies[city]["city"]["time_zone"])

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
                found.append((end_of(at, start["gone_by"], start["kind"], zone), known))
        if not found:
            return None
        kinds = {start["kind"] for start in (rule, *rule.get("also", ()))}
        lateness = YEAR_END_LATENESS if "year_end" in kinds else USUAL_LATENESS
        due, known = min(found)
        return due, max(due, known, unit.released or due), lateness

    def _unit(self, key: str, unit: Unit, now: datetime, is_there: bool, is_held: bool) -> list[str]:
        dates = self._due(key, unit)
        if is_there:
            return [f"{STILL_THERE}: {unit.category} {key}"] if dates and now > dates[1] + dates[2] and not is_held else []
        if is_held:
            return [f"{HELD_ERASED}: {unit.category} {key}"]
        if unit.given_up is not None and unit.given_up <= now:
            return []
        return [] if dates and dates[0] <= now else [f"{VANISHED}: {unit.category} {key}"]

    def _look_at_ledger(self, before: datetime | None = None) -> None:
        """Every erasure that the ledger names (done before then) and that was not looked at yet: neither early nor late."""
        with opened(self._folder / "evidence.sqlite3") as rows:
            ledger = "select erasure, units, keys_gone_at, done_at from privacy_ledgerentry where done_at >= ?"
            found = rows.execute(ledger, [self._last_done]).fetchall()
        for erasure, packed, keys_gone, done in found:
            if erasure in self._ledger_seen or (before is not None and moment(done) >= before):
                continue
            self._ledger_seen.add(erasure)
            self._newest_done = max(self._newest_done, done)
            for key in (packed[at : at + 16].hex() for at in range(0, len(packed), 16)):
                self._found += self._erased(key, moment(keys_gone), moment(done))
                self._dead.add(key)
                self._forget(key)
        if before is None:
            self._last_done = self._newest_done

    def _is_held(self, key: str, at: datetime) -> bool:
        return any(key in units and (until is None or at < until) for units, until in self._held.values())

    def _forget(self, key: str) -> None:
        unit = self._units.pop(key, None)
        self._dates.pop(key, None)
        if unit is not None:
            self._of_anchor[unit.anchor].discard(key)

    def _forget_dates(self, anchor: str) -> None:
        for key in self._of_anchor.get(anchor, ()):
            self._dates.pop(key, None)

    def _due(self, key: str, unit: Unit) -> tuple[datetime, datetime, timedelta] | None:
        if key not in self._dates:
            self._dates[key] = self.due(unit)
        return self._dates[key]

    def _erased(self, key: str, keys_gone: datetime, done: datetime) -> list[str]:
        unit = self._units.get(key)
        self.erased += 1
        if unit is None:
            return []
        if self._is_held(key, keys_gone):
            return [f"{HELD_ERASED}: {unit.category} {key}"]
        dates = self._due(key, unit)
        if unit.given_up is not None and (dates is None or unit.given_up <= dates[0]):
            return []
        if dates is None or keys_gone < dates[0]:
            return [f"{ERASED_EARLY}: {unit.category} {key}"]
        self.worst_lateness = max(self.worst_lateness, done - dates[1])
        return [f"{ERASED_LATE}: {unit.category} {key}"] if done > dates[1] + dates[2] else []
