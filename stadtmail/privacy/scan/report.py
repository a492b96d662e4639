"""What a scan found, and what explains it: the rule that still runs, a hold, or the city's own published policy."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stadtmail.privacy import holds, policy
from stadtmail.privacy.models import Unit
from stadtmail.privacy.notice import kept
from stadtmail.privacy.scan import opened, stores
from stadtmail.privacy.scan.search import Search
from stadtmail.privacy.scan.tokens import forms
from stadtmail.tenants.queries import cities

LYING, OPENED = "lying", "opened"


@dataclass(frozen=True)
class Hit:
    """One token in one place. `token` is its number on the command line (from 1), never its text."""

    token: int
    way: str  # lying: bytes on the disk | opened: under a living key
    store: str
    place: str
    form: str
    explained: str  # why it may be there; empty: nothing explains it

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(self.__dict__)


@dataclass
class Report:
    """Everything that was found, in which stores was looked, and how much was read."""

    hits: list[Hit] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)
    bytes_lying: int = 0
    bytes_opened: int = 0
    closed: dict[str, int] = field(default_factory=dict)  # what no living key opens, and how many of it there are

    @property
    def unexplained(self) -> list[Hit]:
        """Hits that break a promise."""
        return [hit for hit in self.hits if not hit.explained]


def run(
    tokens: Iterable[str], *, now: datetime, progress: Callable[[int], object] | None = None,
    changed_since: float | None = None, most: int | None = None,
) -> Report:  # fmt: skip
    """Search every store for every token, twice. Raises TooShort. `progress` gets the bytes read so far.

    `changed_since` and `most`: a quick look, only at files that changed since then, up to so many bytes, and nothing is opened.
    """
    wanted = {token: forms(token) for token in dict.fromkeys(tokens)}
    number = {token: at for at, token in enumerate(wanted, 1)}
    search, report = Search(wanted), Report(stores=stores.names())
    found: dict[tuple[str, str, str, str], tuple[str, str]] = {}
    public = [bytes(row.source) for city in cities() for row in policy.versions(city)]
    public += [text for city in cities() for text in kept.texts(city)]
    for place, data in stores.pieces(changed_since=changed_since, most=most):
        report.bytes_lying += len(data)
        if progress is not None:
            progress(report.bytes_lying)
        for token, form in search.within(data):
            said = any(token.encode().lower() in source.lower() for source in public)
            found.setdefault((LYING, place.store, place.name, token), (form, "published policy" if said else ""))
    for unit, table, data in opened.pieces() if changed_since is None else ():
        report.bytes_opened += len(data)
        for token, form in search.within(data):
            found.setdefault((OPENED, "default", f"{table} {unit.id}", token), (form, _reason(unit, now)))
    report.closed = opened.closed() if changed_since is None else {}
    report.hits = [Hit(number[key[3]], *key[:3], *value) for key, value in found.items()]
    return report


def _reason(unit: Unit, now: datetime) -> str:
    """The living rule or hold under which a unit may still be there."""
    held = holds.standing([unit.id], now=now).get(unit.id)
    if held:
        return f"hold {held[0].type} until {held[0].ends_at or held[0].review_at:%Y-%m-%d}"
    rule = policy.current(unit.tenant).rules.get(unit.category)
    if rule is None:
        return ""
    if unit.due_at is None:
        return f"rule {unit.category}: its clock has not started ({rule.start})"
    limit = max(unit.due_at, unit.known_at or unit.due_at) + rule.lateness
    return f"rule {unit.category}: due {unit.due_at:%Y-%m-%dT%H:%MZ}" if now < limit else ""
