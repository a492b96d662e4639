"""The rules that somebody made with the portal's form, as they lie in one Sieve script: code for every server, notes for the form.

The notes are comments, a line of JSON each. The form takes a script for its own only where writing down what the notes say gives
the very same script: one that was changed by hand or by another program is text to it, which it shows and does not overwrite.
"""

import json
import re
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from typing import Any, TypeVar

from stadtmail.mail import rulewriting
from stadtmail.mail.rulewriting import Away, Code, Condition, Passing, Rule
from stadtmail.wire import sievelex
from stadtmail.wire.sievelex import Wrong

HEAD = "# Stadtmail-Regeln 1. Vom Portal geschrieben. Was hier von Hand geändert wird, zeigt das Portal als Text und überschreibt es nicht."
NOTES = {"rule": "rule ", "away": "away ", "forward": "forward "}
MOVES = "# Alles ist weitergeleitet und wird hier nicht behalten."
_ID = re.compile(r"[0-9a-f]{1,40}\Z")
T = TypeVar("T", Away, Passing, Rule, Condition)
MOST_RULES = 100
MOST_PASSINGS = 4  # addresses: what a script may pass one message on to (sieverun.MOST_REDIRECTS)


@dataclass(frozen=True)
class RuleBook:
    """Everything that the form keeps, in the order in which it is done: reply of absence, forwarding, rules."""

    away: Away | None = field(default=None, repr=False)
    passings: tuple[Passing, ...] = field(default=(), repr=False)
    rules: tuple[Rule, ...] = field(default=(), repr=False)

    def rule(self, id_: str) -> Rule | None:
        """The rule with this id."""
        return next((one for one in self.rules if one.id == id_), None)


def written(book: RuleBook) -> str:
    """The script. What the form's fields say is in it as strings and as JSON, and nowhere else."""
    parts = [(note("away", book.away), rulewriting.away(book.away))] if book.away is not None else []
    parts += [(note("forward", one), rulewriting.passing(one)) for one in book.passings]
    parts += [(MOVES, Code(("stop;",)))] if any(one.mode == rulewriting.MOVED for one in book.passings) else []
    parts += [(note("rule", one), rulewriting.rule(one)) for one in book.rules]
    needs = sorted({need for _, code in parts for need in code.needs})
    required = [f"require [{', '.join(rulewriting.quoted(one) for one in needs)}];"] if needs else []
    lines = [HEAD, *required, *(line for words, code in parts for line in (words, *code.lines))]
    return "\r\n".join(lines).replace("\r\n", "\n").replace("\n", "\r\n") + "\r\n"


def read(text: str) -> RuleBook | None:
    """What the form made of a script, or None: it is not, or not any more, the form's."""
    if not _same(text).startswith(HEAD):
        return None
    try:
        book = _read(_same(text))
        return book if _same(written(book)) == _same(text) else None
    except (Wrong, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def note(kind: str, value: Away | Passing | Rule) -> str:
    """The comment from which the form reads it back: JSON knows no line breaks inside."""
    return f"# {NOTES[kind]}{plain(value)}"


def plain(value: Away | Passing | Rule) -> str:
    """A rule, an absence or a forwarding as text, for the note and to see whether it is still the same."""
    return json.dumps(asdict(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def rule_of(given: str) -> Rule:
    """The rule of a note. Raises ValueError, TypeError, KeyError."""
    return _rule(json.loads(given))


def _read(text: str) -> RuleBook:
    away, passings, rules = None, [], []
    for line in (one.text for one in sievelex.comments(text)):  # a line of a text that looks like one is none
        if line.startswith(NOTES["away"]):
            away = _away(json.loads(line.removeprefix(NOTES["away"])))
        elif line.startswith(NOTES["forward"]):
            passings.append(_typed(Passing(**json.loads(line.removeprefix(NOTES["forward"])))))
        elif line.startswith(NOTES["rule"]):
            rules.append(rule_of(line.removeprefix(NOTES["rule"])))
    return RuleBook(away, tuple(passings), tuple(rules))


def _away(given: dict[str, Any]) -> Away:
    known = given["known"]
    away = _typed(Away(**{**given, "addresses": tuple(given["addresses"]), "known": None if known is None else tuple(known)}))
    date.fromisoformat(away.since), date.fromisoformat(away.until)
    rulewriting.away(replace(away, on=True))
    return away


def _rule(given: dict[str, Any]) -> Rule:
    rule = _typed(Rule(**{**given, "conditions": tuple(_typed(Condition(**one)) for one in given["conditions"])}))
    if not _ID.match(rule.id) or rule.place not in rulewriting.PLACES:
        raise ValueError
    rulewriting.rule(replace(rule, on=True))  # of one that rests, too
    return rule


def _typed(value: T) -> T:
    """The same, with texts where texts belong and marks where marks do. Raises TypeError, ValueError."""
    for one in fields(value):
        if one.type in (str, bool) and type(getattr(value, one.name)) is not one.type:
            raise TypeError
    if isinstance(value, Passing) and value.mode not in rulewriting.MODES:
        raise ValueError
    return value


def _same(text: str) -> str:
    """Without what programs change on the way: ends of lines, and empty lines at the end."""
    return text.replace("\r\n", "\n").rstrip("\n ")
