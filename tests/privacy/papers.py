"""All that a city says, as one text; and a policy in which every value that can be shown is one of a kind."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from itertools import count
from typing import Any

from stadtmail.privacy.notice import annex, imprint, notice, register
from stadtmail.privacy.periods import Period, Term
from stadtmail.privacy.policy.model import Policy, Words

PAPERS = (notice, register, annex, imprint)
# codes and references: they decide, and are not read by residents
CODES = frozenset(
    {"code", "category", "start", "event", "kind", "purposes", "basis", "owner", "store", "clauses", "holds", "needs", "where", "article"}
    | {"lifetime", "purpose", "services", "land", "captcha", "captcha_consent", "analytics", "disclosure", "slug", "digest", "source", "tz"}
    | {"dmarc", "sealers", "tls_reports"}
    | {"domain", "mode", "reserved", "country", "hosts", "web", "consent", "agreement", "reasons", "host", "recipient", "version", "fields"}
)
# parts of a policy that none of the four papers shows: the terms have a page of their own, reasons are for the city's files
UNSHOWN = frozenset(["terms", "egress", "approvals", "reason", "effective_from", "review"])


def said(paper: Any) -> Iterator[str]:
    """Every text in a paper."""
    if isinstance(paper, str):
        yield str(paper)
    elif is_dataclass(paper):
        for field in fields(paper):
            yield from said(getattr(paper, field.name))
    elif isinstance(paper, list | tuple):
        for item in paper:
            yield from said(item)


def text(policy: Policy, lang: str) -> str:
    """Notice, register, annex and imprint, one after the other."""
    return plain("\n".join(line for paper in PAPERS for line in said(paper(policy, lang))))


def plain(html: str) -> str:
    """With ordinary spaces."""
    return html.replace("\u00a0", " ")


def clause(policy: Policy, id: str, lang: str = "de") -> Any:  # noqa: A002
    """One clause of the notice."""
    return next(c for section in notice(policy, lang) for c in section.clauses if c.id == id)


def _is_kind(path: str) -> bool:
    return path.startswith(".categories.") and path.endswith(".service")  # telecom or digital


class Unlike:
    """Copies a policy with every readable value replaced by one of a kind; `words`, `periods`, `days` remember them by path."""

    def __init__(self, sign: str = "Wert{n}x") -> None:
        self._sign, self._numbers = sign, count(101)
        self.words: dict[str, str] = {}
        self.periods: dict[str, Period] = {}
        self.days: dict[str, date] = {}

    def of(self, value: Any, path: str = "") -> Any:
        """The copy."""
        name = path.rpartition(".")[2]
        if isinstance(value, Words):
            return Words(self._word(f"{path}.de"), self._word(f"{path}.en"))
        if isinstance(value, Term):
            return Term(self._period(value.period, path), value.kind)
        if isinstance(value, Period):
            return self._period(value, path)
        if isinstance(value, date) and name != "effective_from":
            self.days[path] = date(2041, 1, 1) + timedelta(days=next(self._numbers))
            return self.days[path]
        if isinstance(value, str) and name not in CODES and not _is_kind(path):
            return self._word(path)
        if name == "smallest_age":
            return next(self._numbers)
        return self._inside(value, path)

    def _inside(self, value: Any, path: str) -> Any:
        if is_dataclass(value):
            made = {f.name: self.of(getattr(value, f.name), f"{path}.{f.name}") for f in fields(value) if f.name not in CODES | UNSHOWN}
            return replace(value, **made)
        if isinstance(value, dict):
            return {key: self.of(item, f"{path}.{key}") for key, item in value.items()}
        if isinstance(value, tuple):
            return tuple(self.of(item, f"{path}.{n}") for n, item in enumerate(value))
        return value

    def _word(self, path: str) -> str:
        self.words[path] = self._sign.format(n=next(self._numbers))
        return self.words[path]

    def _period(self, value: Period, path: str) -> Period:
        number = next(self._numbers)
        minutes = number if number % 60 else number + 500  # no full hours: those would be said as hours
        self.periods[path] = Period(days=number) if value.months or value.days else Period(seconds=60 * minutes)
        return self.periods[path]
