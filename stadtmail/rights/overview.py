"""What is stored about somebody: every category with content, purpose, basis, date, holds and records (Art. 15 GDPR, C-6.1).

Built from the registry of holdings and the policy alone, so that no room can be forgotten; of one contract's units only.
What the law makes us keep silent about (K14) leaves no trace here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.people import queries as people
from stadtmail.privacy import holdings, holds, policy
from stadtmail.privacy.models import Unit
from stadtmail.privacy.notice import words
from stadtmail.privacy.policy import Policy
from stadtmail.tenants.models import Tenant
from stadtmail.usage import sessions

SILENT = frozenset({"lea_preservation"})  # § 174(6) TKG: nobody is told of it
MESSAGE = "eml"  # a record with this key is a message: counted here, carried by the archive
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """One category. `until`: when the last of it is gone, None while no clock runs; `rule_words` say the rule."""

    category: str
    name: str
    content: str
    purpose: str
    basis: str
    until: datetime | None
    rule_words: str
    records: list[Record] = field(repr=False)
    holds: list[str]


@dataclass(frozen=True)
class Overview:
    """All sections in the policy's order, and who of the staff looked (role, never name), newest first."""

    sections: list[Section]
    accesses: list[Record] = field(repr=False)


def overview(tenant: Tenant, contract_id: UUID, *, lang: str, now: datetime) -> Overview:
    """Everything about one contract, in German or English. Raises people.queries.NoSuchContract."""
    contract = people.contract(tenant, contract_id)
    rules, rows = policy.current(tenant), shown(people.units_of(tenant, contract), now=now)
    stored = {category: list(group) for category, group in groupby(rows, key=lambda row: row.category)}
    living = [_session(one) for one in sessions.live_of(tenant.id, contract.person_id, now)]
    found = []
    for code in rules.categories:
        if code in stored:
            found.append(_section(rules, code, stored[code], _summed(_records(stored[code])), lang=lang, now=now))
        elif living and rules.categories[code].store == "ram" and rules.categories[code].person:
            found.append(_section(rules, code, [], living if code == "COOK" else [], lang=lang, now=now))
    return Overview(found, list(people.accesses(tenant, contract)))


def shown(rows: Iterable[Unit], *, now: datetime) -> list[Unit]:
    """Those of the units that may be shown: one past its date that only a silent hold still keeps would give the hold away."""
    units = list(rows)
    passed = [row.id for row in units if row.due_at is not None and row.due_at <= now]
    held = holds.standing(passed, now=now)
    silent = {unit for unit, found in held.items() if {hold.type for hold in found} <= SILENT}
    return [row for row in units if row.id not in silent]


def records(rows: Iterable[Unit]) -> Iterator[tuple[Unit, Record]]:
    """Every record of these units, as its holding exports it. What is erased meanwhile is left out."""
    for row in rows:
        for holding in holdings.of_category(row.category):
            if holding.export is None:
                continue
            try:
                for record in holding.export(row.id):
                    yield row, record
            except errors.NotFound:
                continue


def shown_holds(rows: list[Unit], rules: Policy, *, lang: str, now: datetime) -> list[str]:
    """Names of the holds that stand on these units, without those that nobody may be told of."""
    types = {hold.type for held in holds.standing([row.id for row in rows], now=now).values() for hold in held} - SILENT
    return sorted(rules.hold_types[code].name[lang] for code in types if code in rules.hold_types)


def _section(rules: Policy, code: str, rows: list[Unit], found: list[Record], *, lang: str, now: datetime) -> Section:
    category = rules.categories[code]
    dates = [row.due_at for row in rows]
    running = [moment for moment in dates if moment is not None]
    bases = dict.fromkeys(basis for purpose in category.purposes for basis in rules.purposes[purpose].basis)
    return Section(
        category=code,
        name=category.name[lang],
        content=category.content[lang],
        purpose=words.listed([rules.purposes[purpose].name[lang] for purpose in category.purposes], lang),
        basis=words.listed([rules.bases[basis].law[lang] for basis in bases], lang),
        until=max(running) if running and len(running) == len(dates) else None,
        rule_words=words.due(category.rule, lang) if category.rule else "",
        records=found,
        holds=shown_holds(rows, rules, lang=lang, now=now),
    )


def _records(rows: list[Unit]) -> Iterator[Record]:
    return (record for _, record in records(rows))


def _summed(found: Iterable[Record]) -> list[Record]:
    """Messages as one line a folder; everything else as it is."""
    kept: list[Record] = []
    folders: Counter[str] = Counter()
    for record in found:
        if MESSAGE in record:
            folders[str(record["folder"])] += 1
        elif record:
            kept.append(record)
    return [*kept, *({"folder": folder, "messages": count} for folder, count in folders.items())]


def _session(one: sessions.Session) -> Record:
    return {"kind": one.kind, "began_at": one.began_at.isoformat(), "seen_at": one.seen_at.isoformat()}
