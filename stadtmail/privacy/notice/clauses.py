"""The notice itself: six sections, 62 clauses, each a paragraph with the policy's values in it.

A clause whose part of the program is missing says what holds today; its note says what comes later and what was decided.
"""

from dataclasses import dataclass
from string import Formatter
from typing import Any

from django.utils.safestring import SafeString

from stadtmail.privacy.notice import words
from stadtmail.privacy.notice.facts import Facts, facts
from stadtmail.privacy.notice.safe import fill, safe
from stadtmail.privacy.notice.texts import sentences
from stadtmail.privacy.policy import clauses as table
from stadtmail.privacy.policy.compiler import PolicyRefused
from stadtmail.privacy.policy.findings import Finding
from stadtmail.privacy.policy.model import Policy


@dataclass(frozen=True)
class Clause:
    """One clause as it is read. `text` is HTML (mail addresses are links), `note` what comes later and who decided what."""

    id: str
    title: SafeString
    text: SafeString
    note: SafeString | None
    built: bool


@dataclass(frozen=True)
class Section:
    """One of the six sections."""

    number: int
    title: SafeString
    clauses: tuple[Clause, ...]


def notice(policy: Policy, lang: str) -> list[Section]:
    """The notice in a language. Raises PolicyRefused for a policy that switches on what this program cannot do."""
    _check_built(policy)
    found, said = facts(policy, lang), sentences(lang)
    return [
        Section(number, safe(title), tuple(_clause(row, policy, found, lang) for row in table.CLAUSES if row.section == number))
        for number, title in enumerate(said["sections"], 1)
    ]


def decided(template: str) -> list[str]:
    """Codes of the decisions that a sentence quotes: K1 to K21."""
    names = [name for _, name, _, _ in Formatter().parse(template) if name]
    return [name for name in names if name[0] == "K" and name[1:].isdigit()]


def _clause(row: table.Clause, policy: Policy, found: Facts, lang: str) -> Clause:
    said: dict[str, Any] = sentences(lang)["clause"][row.id]
    later = said.get("later", "")
    codes = dict.fromkeys(decided(said["text"]) + decided(later))
    notes = [fill(later, found)] if later and not row.built else []
    notes += [_decision(code, policy, lang) for code in codes]
    return Clause(
        id=row.id,
        title=safe(row.title[lang]),
        text=fill(said["text"], found),
        note=SafeString(" ".join(notes)) if notes else None,
        built=row.built,
    )


def _decision(code: str, policy: Policy, lang: str) -> SafeString:
    made = policy.decisions[code]
    return fill(
        sentences(lang)["decision"], {"code": safe(code), "decider": safe(made.decider), "day": safe(words.day(made.date, lang))}
    )


def _check_built(policy: Policy) -> None:
    """Form protection and analytics are worded as they run: nothing else may be promised (C-5.12)."""
    if policy.captcha != "local" or policy.analytics != "none":
        raise PolicyRefused([Finding("not_built", "error", "captcha, analytics")])
