"""What somebody sets with the portal's form: rules, reply of absence, forwarding. All of it is one script beside their other ones.

Each change reads the script, changes what it is about and stores the whole, only if nobody stored it meanwhile: else it begins anew
with what is there. A rule that somebody else changed since it was shown is not overwritten; a script that is not the form's never is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

from stadtmail.kit import errors
from stadtmail.mail import filtering, rulebook, senders
from stadtmail.mail.actions import filters, forwarding
from stadtmail.mail.actions.filters import ScriptChanged
from stadtmail.mail.actions.passing import Enqueue
from stadtmail.mail.queries import Opened
from stadtmail.mail.rulebook import RuleBook
from stadtmail.mail.rulewriting import MOVED, Away, Passing, Rule
from stadtmail.wire.sievecheck import is_address

NAME, OLD = "Portal", "Portal alt"
TRIES = 5
EMPTY, FORM, TEXT = "empty", "form", "text"


class NotTheForm(errors.Conflict):
    """The script was changed by hand or by another program: the form does not understand it, and leaves it as it is."""


class ChangedMeanwhile(errors.Conflict):
    """What is to be stored, deleted or moved is not any more what it was when it was shown: nothing was changed."""


class TooManyRules(errors.OverQuota):
    """There are as many rules, or addresses to pass mail on to, as there can be."""


class NotConfirmed(errors.NotAllowed):
    """A rule may pass mail on only to an address that has agreed."""


class OwnAddress(errors.NotAllowed):
    """Mail passed on to one of one's own addresses would come back."""


class StillNeeded(errors.NotAllowed):
    """A rule passes mail on to this address: the rule goes first."""


@dataclass(frozen=True)
class Found:
    """What there is. `state`: no script, the form's, or text that it does not understand; `runs`: is it this one that runs?"""

    state: str
    book: RuleBook = field(repr=False)
    runs: bool
    other: str = field(default="", repr=False)  # the name of another script that runs
    version: str = ""


def found(o: Opened) -> Found:
    """The form's script of a mailbox. Raises units.Gone."""
    listed = filters.listed(o)
    own = next((one for one in listed if one.name == NAME), None)
    other = next((one.name for one in listed if one.is_active and one.name != NAME), "")
    if own is None:
        return Found(EMPTY, RuleBook(), runs=False, other=other)
    text = filters.text_of(o, NAME)
    book = rulebook.read(text)
    return Found(FORM if book is not None else TEXT, book or RuleBook(), own.is_active, other, filters.version(text))


def away(o: Opened) -> Away | None:
    """The reply of absence in the script that runs, where the form wrote it: one read, and most scripts are not even parsed.

    Raises units.Gone.
    """
    script = filtering.at_delivery(o.mailbox.id, o.mailbox.script) if o.mailbox.script is not None else None
    if script is None or "# away {" not in script[1]:
        return None
    book = rulebook.read(script[1])
    return book.away if book is not None else None


def mark(value: Away | Passing | Rule | None) -> str:
    """What tells whether this one thing has changed since it was shown."""
    return filters.version(rulebook.plain(value)) if value is not None else ""


def save_rule(o: Opened, rule: Rule, *, seen: str, enqueue: Enqueue | None, now: datetime) -> Rule:
    """Store a rule: a new one (`seen` empty) at the end, else in the place of the one that was shown. Returns it.

    Raises ChangedMeanwhile, NotTheForm, TooManyRules, NotConfirmed, and what filters.put raises.
    """
    wanted = rule if seen else replace(rule, id=uuid4().hex[:12])
    _may_forward(o, wanted)

    def change(book: RuleBook) -> RuleBook:
        if not seen:
            if len(book.rules) >= rulebook.MOST_RULES:
                raise TooManyRules
            return replace(book, rules=(*book.rules, wanted))
        _same(book.rule(wanted.id), seen)
        return replace(book, rules=tuple(wanted if one.id == wanted.id else one for one in book.rules))

    _change(o, change, enqueue, now)
    return wanted


def switch_rule(o: Opened, id_: str, *, on: bool, enqueue: Enqueue | None, now: datetime) -> None:
    """Let a rule work, or rest. Raises ChangedMeanwhile, NotTheForm."""

    def change(book: RuleBook) -> RuleBook:
        _there(book, id_)
        return replace(book, rules=tuple(replace(one, on=on) if one.id == id_ else one for one in book.rules))

    _change(o, change, enqueue, now)


def move_rule(o: Opened, id_: str, *, by: int, enqueue: Enqueue | None, now: datetime) -> None:
    """Put a rule one place up (-1) or down (1); at the end of the list it stays. Raises ChangedMeanwhile, NotTheForm."""

    def change(book: RuleBook) -> RuleBook:
        rules = list(book.rules)
        at = rules.index(_there(book, id_))
        rules.insert(min(max(at + by, 0), len(rules) - 1), rules.pop(at))
        return replace(book, rules=tuple(rules))

    _change(o, change, enqueue, now)


def drop_rule(o: Opened, id_: str, *, enqueue: Enqueue | None, now: datetime) -> tuple[Rule, int]:
    """Delete a rule. Returns it and its place, for who wants it back. Raises ChangedMeanwhile, NotTheForm."""
    gone: list[tuple[Rule, int]] = []

    def change(book: RuleBook) -> RuleBook:
        rule = _there(book, id_)
        gone.append((rule, book.rules.index(rule)))
        return replace(book, rules=tuple(one for one in book.rules if one.id != id_))

    _change(o, change, enqueue, now)
    return gone[-1]


def restore_rule(o: Opened, rule: Rule, at: int, *, enqueue: Enqueue | None, now: datetime) -> None:
    """Put a rule back that was deleted; twice is once. Raises NotTheForm, TooManyRules, NotConfirmed."""
    _may_forward(o, rule)

    def change(book: RuleBook) -> RuleBook:
        if book.rule(rule.id) is not None:
            return book
        if len(book.rules) >= rulebook.MOST_RULES:
            raise TooManyRules
        return replace(book, rules=(*book.rules[:at], rule, *book.rules[at:]))

    _change(o, change, enqueue, now)


def set_away(o: Opened, away: Away | None, *, seen: str, enqueue: Enqueue | None, now: datetime) -> None:
    """Set the reply of absence, or take it away. Raises ChangedMeanwhile, NotTheForm, and what filters.put raises."""

    def change(book: RuleBook) -> RuleBook:
        _same(book.away, seen)
        return replace(book, away=away)

    _change(o, change, enqueue, now)


def set_passing(o: Opened, passing: Passing, *, enqueue: Enqueue | None, now: datetime) -> None:
    """Pass mail on to an address, which is asked first; one that is there gets the new mode.

    Raises OwnAddress, TooManyRules, NotTheForm, filters.BadScript (no address).
    """
    if is_own(o, passing.address):
        raise OwnAddress

    def change(book: RuleBook) -> RuleBook:
        others = tuple(one for one in book.passings if one.address.lower() != passing.address.lower())
        if len(others) >= rulebook.MOST_PASSINGS:
            raise TooManyRules
        return replace(book, passings=(*others, passing))

    _change(o, change, enqueue, now)


def drop_passing(o: Opened, address: str, *, enqueue: Enqueue | None, now: datetime) -> None:
    """Pass nothing on to an address any more; it is forgotten. Twice is once. Raises StillNeeded, NotTheForm."""

    def change(book: RuleBook) -> RuleBook:
        if any(one.forward.lower() == address.lower() for one in book.rules):
            raise StillNeeded
        return replace(book, passings=tuple(one for one in book.passings if one.address.lower() != address.lower()))

    _change(o, change, enqueue, now)


def ask_again(o: Opened, address: str, *, enqueue: Enqueue | None, now: datetime) -> bool:
    """Send another code to an address of the form that has not agreed yet. False: not now, it was asked often enough."""
    key = filtering.key_of(o.mailbox.id)
    known = {one.address.lower() for one in found(o).book.passings}
    return key is not None and address.lower() in known and forwarding.again(key, address, o=o, enqueue=enqueue, now=now)


def confirmed(o: Opened) -> dict[str, bool]:
    """Address (in lower case) -> has it agreed? Raises units.Gone."""
    key = filtering.key_of(o.mailbox.id)
    return {one.address.lower(): one.is_confirmed for one in filtering.forwards(key)} if key is not None else {}


def run(o: Opened, *, now: datetime) -> None:
    """Let the form's script run, and no other one. Raises filters.NoSuchScript."""
    filters.activate(o, NAME, now=now)


def begin_anew(o: Opened, *, now: datetime) -> str:
    """Give a script that the form does not understand another name, so that there is room for new rules. Returns that name."""
    known = {one.name for one in filters.listed(o)}
    names = (OLD, *(f"{OLD} {number}" for number in range(2, filters.MOST_SCRIPTS + 2)))
    name = next(one for one in names if one not in known)
    filters.rename(o, NAME, name, now=now)
    return name


def is_own(o: Opened, address: str) -> bool:
    """Does an address lead to this very mailbox?"""
    return o.mailbox.contract_id is not None and is_address(address) and senders.is_own(o.mailbox.tenant, o.mailbox.contract_id, address)


def _change(o: Opened, change: Callable[[RuleBook], RuleBook], enqueue: Enqueue | None, now: datetime) -> None:
    for _ in range(TRIES):
        here = found(o)
        if here.state == TEXT:
            raise NotTheForm
        text = rulebook.written(_ordered(change(here.book)))
        try:
            filters.put(o, NAME, text.encode(), enqueue=enqueue, now=now, was=here.version)
        except ScriptChanged:
            continue
        if here.state == EMPTY and not here.other:
            filters.activate(o, NAME, now=now)
        return
    raise ChangedMeanwhile


def _ordered(book: RuleBook) -> RuleBook:
    """Copies before what is passed on without one: where nothing is kept, nothing more happens."""
    return replace(book, passings=tuple(sorted(book.passings, key=lambda one: one.mode == MOVED)))


def _may_forward(o: Opened, rule: Rule) -> None:
    if rule.forward and not confirmed(o).get(rule.forward.lower()):
        raise NotConfirmed


def _there(book: RuleBook, id_: str) -> Rule:
    rule = book.rule(id_)
    if rule is None:
        raise ChangedMeanwhile
    return rule


def _same(value: Away | Rule | None, seen: str) -> None:
    if mark(value) != seen:
        raise ChangedMeanwhile
