"""Somebody with an address, and the measures of protection: what register, annex and imprint all show."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from stadtmail.privacy.notice import words
from stadtmail.privacy.notice.facts import Facts
from stadtmail.privacy.notice.safe import fill, mail_link, safe
from stadtmail.privacy.notice.texts import papers
from stadtmail.privacy.policy.clauses import clause
from stadtmail.privacy.policy.model import Party, Policy

# measure -> clauses whose running figures show that it works (the proof page has them)
MEASURES: dict[str, tuple[str, ...]] = {
    "encryption": ("C-2.2", "C-4.7"),
    "erasure": ("C-4.1",),
    "memory": ("C-2.5", "C-4.2"),
    "inventory": ("C-1.1",),
    "egress": ("C-1.2",),
    "minimisation": ("C-2.1", "C-2.3"),
    "passwords": ("C-2.2",),
    "sessions": ("C-3.1", "C-3.2", "C-3.4"),
    "separation": ("C-2.4", "C-4.7"),
    "restriction": ("C-6.2c",),
    "availability": (),
    "evidence": ("C-1.1", "C-4.1"),
}


@dataclass(frozen=True)
class Contact:
    """Name, address and ways to reach somebody. `email` is a link."""

    name: SafeString
    lines: tuple[SafeString, ...]
    represented_by: SafeString
    email: SafeString
    phone: SafeString


@dataclass(frozen=True)
class Check:
    """A clause whose figure shows that a measure works, and how old that figure may be."""

    id: str
    title: SafeString
    interval: SafeString


@dataclass(frozen=True)
class Measure:
    """A technical or organisational measure (Art. 32) with its running checks."""

    code: str
    title: SafeString
    text: SafeString
    checks: tuple[Check, ...]


def contact(party: Party, lang: str) -> Contact:
    """Controller or operator."""
    lines = tuple(safe(line) for line in party.lines[1:])
    return Contact(safe(party.name), lines, safe(party.represented_by[lang]), mail_link(party.email), safe(party.phone))


def officer(policy: Policy) -> Contact:
    """The data-protection officer: a role, reached at the city (K18); letters carry the marking (C-1.6)."""
    dpo = policy.parties.dpo
    lines = tuple(safe(line) for line in dpo.post)
    return Contact(safe(dpo.marking), lines, SafeString(""), mail_link(dpo.email), SafeString(""))


def measures(found: Facts, lang: str) -> tuple[Measure, ...]:
    """All measures, each with the clauses that prove it."""
    said = papers(lang)["measure"]
    return tuple(
        Measure(code, safe(said[code]["title"]), fill(said[code]["text"], found), tuple(_check(id_, lang) for id_ in ids))
        for code, ids in MEASURES.items()
    )


def _check(id_: str, lang: str) -> Check:
    row = clause(id_)
    interval = fill(papers(lang)["every"], {"period": safe(words.period(row.interval, lang))})
    return Check(row.id, safe(row.title[lang]), interval)
