"""Sieve for the rules of the portal's form. Values become strings of the script by `quoted`, and nothing of them anything else.

No variables and no encoded characters are required, so nothing in a string is ever expanded (RFC 5228 2.4.2.1, RFC 5229 3).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from stadtmail.wire import sievematch

TEXTS = ("from", "to", "subject", "body", "header")  # conditions that compare a text
OTHERS = ("larger", "smaller", "attached", "not_attached")
HOWS = ("contains", "not_contains", "is", "is_not", "begins", "ends")
KEEP, MOVE, COPY, TRASH = "keep", "move", "copy", "trash"
PLACES = (KEEP, MOVE, COPY, TRASH)
COPIED, MOVED, BY_RULES = MODES = ("copy", "move", "rules")  # what is passed on: all and a copy is kept, all, what a rule says
DOCUMENTS = ("application/pdf", "application/zip", "application/msword", "application/vnd.ms-excel", "application/octet-stream")
REPLY_DAYS = 7


@dataclass(frozen=True)
class Condition:
    """What a message must be like. `text`: what is compared, or a size in bytes; `header`: the name of a header."""

    what: str
    how: str = "contains"
    text: str = field(default="", repr=False)
    header: str = field(default="", repr=False)


@dataclass(frozen=True)
class Rule:
    """One rule. `folder`: where to (move, copy), `role`: what that folder is for, where it is a standard folder."""

    id: str
    name: str = field(repr=False)
    conditions: tuple[Condition, ...] = field(repr=False)
    on: bool = True
    any: bool = False
    place: str = KEEP
    folder: str = field(default="", repr=False)
    role: str = ""
    seen: bool = False
    flagged: bool = False
    label: str = field(default="", repr=False)
    forward: str = field(default="", repr=False)
    stop: bool = True


@dataclass(frozen=True)
class Away:
    """The reply of somebody who is away, from `since` to `until` (ISO days, both included). `known`: None, or whom it answers only."""

    on: bool
    text: str = field(repr=False)
    since: str
    until: str
    text_en: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    addresses: tuple[str, ...] = field(default=(), repr=False)
    known: tuple[str, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Passing:
    """An address that mail is passed on to, once whoever reads there has agreed."""

    address: str = field(repr=False)
    mode: str = COPIED


@dataclass(frozen=True)
class Code:
    """Lines of a script, and the extensions that they need."""

    lines: tuple[str, ...] = field(default=(), repr=False)
    needs: frozenset[str] = frozenset()


def quoted(text: str) -> str:
    """A text as a string of Sieve (RFC 5228 2.4.2). Raises ValueError for what no script can hold."""
    if "\0" in text:
        raise ValueError
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rule(one: Rule) -> Code:
    """A rule; of one that is switched off there is the note alone."""
    if not one.on:
        return Code()
    tests = [_condition(condition) for condition in one.conditions]
    needs = {need for _, needs in tests for need in needs}
    actions = _actions(one, needs)
    joined = f" ({', '.join(text for text, _ in tests)})" if tests else ""
    head = f"if {'anyof' if one.any else 'allof'}{joined} {{"
    return Code((head, *(f"    {action}" for action in actions), "}"), frozenset(needs)) if tests and actions else Code()


def test(one: Rule) -> Code:
    """A script that drops what the rule is for and keeps everything else: to try it out."""
    tests = [_condition(condition) for condition in one.conditions]
    needs = sorted({need for _, needs in tests for need in needs})
    lines = [f"require [{', '.join(quoted(need) for need in needs)}];"] if needs else []
    joined = ", ".join(text for text, _ in tests)
    return Code((*lines, f"if {'anyof' if one.any else 'allof'} ({joined}) {{ discard; }}"))


def away(one: Away) -> Code:
    """The reply of absence: it runs from the first day to the last, in the zone in which the days were meant."""
    if not one.on:
        return Code()
    tests = [f'currentdate :value "ge" "date" {quoted(one.since)}', f'currentdate :value "le" "date" {quoted(one.until)}']
    if one.known is not None:
        tests.append(f'address :is "from" {_listed(one.known)}' if one.known else "false")
    text = f"{one.text}\n\n-- \n{one.text_en}" if one.text_en else one.text
    tags = f":days {REPLY_DAYS}"
    tags += f" :subject {quoted(one.subject)}" if one.subject else ""
    tags += f" :addresses {_listed(one.addresses)}" if one.addresses else ""
    lines = (f"if allof ({', '.join(tests)}) {{", f"    vacation {tags} {quoted(text)};", "}")
    return Code(lines, frozenset(["vacation", "date", "relational"]))


def passing(one: Passing) -> Code:
    """Pass everything on; or only say that rules may."""
    to = quoted(one.address)
    if one.mode == BY_RULES:
        return Code((f"if false {{ redirect {to}; }}",))
    if one.mode == MOVED:
        return Code((f"redirect {to};",))
    return Code((f"redirect :copy {to};",), frozenset(["copy"]))


def _actions(one: Rule, needs: set[str]) -> list[str]:
    flags = [name for name, wanted in (("\\Seen", one.seen), ("\\Flagged", one.flagged), (one.label, one.label)) if wanted]
    actions = [f"addflag {quoted(name)};" for name in flags]
    needs.update(["imap4flags"] if flags else [])
    if one.forward:
        actions.append(f"redirect :copy {quoted(one.forward)};")
        needs.add("copy")
    if one.place in (MOVE, COPY, TRASH):
        role = "trash" if one.place == TRASH else one.role
        tags = (" :copy" if one.place == COPY else "") + (f" :specialuse {quoted(chr(92) + role.capitalize())}" if role else "")
        actions.append(f"fileinto{tags} {quoted(one.folder)};")
        needs.update(["fileinto", *(["copy"] if one.place == COPY else []), *(["special-use"] if role else [])])
    return [*actions, "stop;"] if one.stop else actions


def _condition(one: Condition) -> tuple[str, Iterable[str]]:
    return _MADE[one.what](one)


def _text(headers: str) -> Callable[[Condition], tuple[str, Iterable[str]]]:
    def made(one: Condition) -> tuple[str, Iterable[str]]:
        named = headers or quoted(one.header)
        is_address = bool(headers) and headers != '"subject"' and one.how not in ("contains", "not_contains")
        return f"{_not(one)}{'address :all' if is_address else 'header'} {_match(one)} {named} {_key(one)}", ()

    return made


def _body(one: Condition) -> tuple[str, Iterable[str]]:
    return f"{_not(one)}body :text {_match(one)} {_key(one)}", ("body",)


def _attached(one: Condition) -> tuple[str, Iterable[str]]:
    """A message with an attachment, as far as RFC 5228 and 5173 can say it: mixed contents, nothing but a file, or a document in it."""
    kinds = 'header :matches "content-type" ["multipart/mixed*", "application/*", "image/*", "audio/*", "video/*"]'
    inside = f'body :content {_listed(DOCUMENTS)} :contains ""'
    return f"{'not ' if one.what == 'not_attached' else ''}anyof ({kinds}, {inside})", ("body",)


def _size(one: Condition) -> tuple[str, Iterable[str]]:
    return f"size :{'over' if one.what == 'larger' else 'under'} {int(one.text)}", ()


_MADE: dict[str, Callable[[Condition], tuple[str, Iterable[str]]]] = {
    "from": _text('"from"'), "to": _text('["to", "cc"]'), "subject": _text('"subject"'), "header": _text(""), "body": _body,
    "larger": _size, "smaller": _size, "attached": _attached, "not_attached": _attached,
}  # fmt: skip


def _not(one: Condition) -> str:
    return "not " if one.how in ("not_contains", "is_not") else ""


def _match(one: Condition) -> str:
    return {"is": ":is", "is_not": ":is", "begins": ":matches", "ends": ":matches"}.get(one.how, ":contains")


def _key(one: Condition) -> str:
    if one.how not in HOWS:
        raise ValueError
    text = sievematch.quoted(one.text) if one.how in ("begins", "ends") else one.text
    return quoted({"begins": f"{text}*", "ends": f"*{text}"}.get(one.how, text))


def _listed(texts: Iterable[str]) -> str:
    return f"[{', '.join(quoted(one) for one in texts)}]"
