"""A strict reader over a parsed TOML file: an unknown key, a missing key and a wrong type are each a finding, all at once."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from stadtmail.privacy.periods import KINDS, BadPeriod, Period, Term
from stadtmail.privacy.policy.findings import Finding, Findings
from stadtmail.privacy.policy.model import Words


class Table:
    """One table of the file. Every read takes the key away; `done` reports what nobody asked for."""

    def __init__(self, data: Mapping[str, Any], path: str, findings: Findings) -> None:
        self._data = dict(data)
        self._path = path
        self.findings = findings

    def at(self, key: str) -> str:
        """Where a key lies in the file, for findings."""
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        """Is the key there and not yet taken?"""
        return key in self._data

    def done(self) -> None:
        """Report every key that nobody asked for."""
        for key in self._data:
            self.findings.append(Finding("unknown_key", "error", self.at(key)))

    def _take(self, key: str, kind: type | tuple[type, ...], default: Any, *, needed: bool = True) -> Any:
        if key not in self._data:
            if needed:
                self.findings.append(Finding("missing_key", "error", self.at(key)))
            return default
        value = self._data.pop(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.findings.append(Finding("wrong_type", "error", self.at(key)))
            return default
        return value

    def text(self, key: str, *, default: str | None = None, blank: bool = False) -> str:
        """A text; with a default it may be left out. One that is there says something, unless it may be blank."""
        known = len(self.findings)
        value = str(self._take(key, str, default or "", needed=default is None))
        if default is None and not blank and not value.strip() and len(self.findings) == known:
            self.findings.append(Finding("empty_text", "error", self.at(key)))
        return value

    def number(self, key: str) -> int:
        """A whole number from 0."""
        value = int(self._take(key, int, 0))
        if value < 0:
            self.findings.append(Finding("wrong_type", "error", self.at(key)))
        return value

    def truth(self, key: str, *, default: bool | None = None) -> bool:
        """true or false; with a default it may be left out."""
        return bool(self._take(key, bool, bool(default), needed=default is None))

    def day(self, key: str) -> date:
        """A date without time."""
        value = self._take(key, date, date.min)
        if isinstance(value, datetime):
            self.findings.append(Finding("wrong_type", "error", self.at(key)))
            return value.date()
        return date.fromordinal(value.toordinal())

    def texts(self, key: str, *, needed: bool = True) -> tuple[str, ...]:
        """A list of texts."""
        value = self._take(key, list, [], needed=needed)
        if not all(isinstance(item, str) for item in value):
            self.findings.append(Finding("wrong_type", "error", self.at(key)))
            return ()
        return tuple(value)

    def words(self, key: str) -> Words:
        """A text in both languages: { de = "…", en = "…" }. Neither may be empty."""
        present = self.has(key)
        found = self.table(key)
        words = Words(found.text("de", blank=True).strip(), found.text("en", blank=True).strip())
        found.done()
        if present and not (words.de and words.en):
            self.findings.append(Finding("empty_text", "error", self.at(key)))
        return words

    def table(self, key: str) -> "Table":
        """A table; where it is missing, an empty one: the missing table itself is finding enough."""
        findings = self.findings if self.has(key) else []
        return Table(self._take(key, dict, {}), self.at(key), findings)

    def tables(self, key: str, *, needed: bool = True) -> "list[Table]":
        """A list of tables ([[key]])."""
        rows = self._take(key, list, [], needed=needed)
        return [Table(row if isinstance(row, dict) else {}, f"{self.at(key)}.{n}", self.findings) for n, row in enumerate(rows)]

    def each(self, key: str) -> "dict[str, Table]":
        """A table of tables ([key.name])."""
        rows = self._take(key, dict, {})
        return {name: Table(row if isinstance(row, dict) else {}, f"{self.at(key)}.{name}", self.findings) for name, row in rows.items()}

    def period(self, key: str) -> Period:
        """An ISO 8601 period."""
        text = self.text(key)
        try:
            return Period.parse(text)
        except BadPeriod:
            if text:
                self.findings.append(Finding("bad_period", "error", self.at(key)))
            return Period()

    def term(self, key: str, kind: str) -> Term:
        """A period that is counted in this way: "calendar", "exact" or "year_end"."""
        period = self.period(key)
        fits = not period.months if kind == "exact" else not period.seconds
        if kind not in KINDS or not fits:
            self.findings.append(Finding("bad_period", "error", self.at(key)))
            return Term(Period(), "exact")
        return Term(period, kind)

    def choice(self, key: str, allowed: tuple[str, ...], *, default: str | None = None) -> str:
        """A text out of a closed list."""
        value = self.text(key, default=default)
        if value and value not in allowed:
            self.findings.append(Finding("unknown_value", "error", self.at(key)))
        return value

    def map(self, key: str, build: Callable[[str, "Table"], Any]) -> dict[str, Any]:
        """A table of tables, each built and checked for leftovers."""
        made = {}
        for name, row in self.each(key).items():
            made[name] = build(name, row)
            row.done()
        return made

    def list(self, key: str, build: Callable[["Table"], Any], *, needed: bool = True) -> tuple[Any, ...]:
        """A list of tables, each built and checked for leftovers."""
        made = []
        for row in self.tables(key, needed=needed):
            made.append(build(row))
            row.done()
        return tuple(made)
