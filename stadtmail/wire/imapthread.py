"""Messages as threads (RFC 5256 section 3, ORDEREDSUBJECT and REFERENCES): pure, without recursion, a loop cannot arise.

A chain of replies may be as long as a folder: nothing here goes deeper with it, and looking for loops has a budget.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from stadtmail.wire import imapsort

_ID = re.compile(r'<\s*+(?:"((?:[^"\\<>]|\\.)*+)"|([^<>@"\s]++))\s*+@\s*+([^<>\s]++)\s*+>')

_QUOTED, _SIGN = re.compile(r"\\(.)"), r"\1"
MOST_STEPS = 5_000_000  # upwards, in all links of one answer: a link beyond it is not made


@dataclass(frozen=True)
class Facts:
    """What threading needs of a message. `number` is what the client is told; `seq` decides between equal dates."""

    number: int
    seq: int
    sent_at: datetime
    subject: str
    message_id: str
    references: str
    in_reply_to: str


@dataclass(eq=False)
class Node:
    """A message with what hangs on it; a dummy has no message."""

    facts: Facts | None = None
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)


def message_ids(value: str) -> list[str]:
    """The valid message ids of a header, each in one normal form (RFC 5256 3, REFERENCES, 1)."""
    return [f"{_QUOTED.sub(_SIGN, one[1]) if one[1] is not None else one[2]}@{one[3]}" for one in _ID.finditer(value)]


def root_id(facts_id: str, references: str, in_reply_to: str) -> str:
    """The message that a thread begins with, as far as its headers know it; empty where they name none."""
    return next(iter([*message_ids(references), *message_ids(in_reply_to)[:1], *message_ids(facts_id)]), "")


def ordered_subject(messages: Iterable[Facts]) -> list[Node]:
    """ORDEREDSUBJECT: one thread a base subject, everybody a child of the first."""
    threads: dict[str, Node] = {}
    for one in sorted(messages, key=_when):
        subject = imapsort.collated(imapsort.base_subject(one.subject)[0])
        if subject in threads:
            threads[subject].children.append(Node(one))
        else:
            threads[subject] = Node(one)
    return list(threads.values())  # made in the order of their first messages


def references(messages: Sequence[Facts]) -> list[Node]:
    """REFERENCES: by the ids that messages name, then by subject."""
    roots = _pruned(_linked(messages))
    roots = _gathered(sorted(roots, key=_first))  # (4), (5)
    for node in reversed(list(_walk(roots))):  # (6): grandchildren before children
        node.children.sort(key=_first)
    return sorted(roots, key=_first)


def written(threads: Sequence[Node]) -> bytes:
    """The threads as the answer gives them."""
    out: list[bytes] = []
    stack: list[Node | bytes] = []
    for thread in threads:
        stack = [b")", thread, b"("]
        while stack:
            node = stack.pop()
            if isinstance(node, bytes):
                out.append(node)
                continue
            if node.facts is not None:
                out.append(b"%d" % node.facts.number)
            if len(node.children) == 1 and node.facts is not None:
                stack += [node.children[0], b" "]
            elif node.children:
                out.append(b" " if node.facts is not None else b"")
                for child in reversed(node.children):
                    stack += [b")", child, b"("]
    return b"".join(out)


def _linked(messages: Sequence[Facts]) -> list[Node]:
    """Step 1: every message below the last of its references. Returns all nodes without a parent, in order of their making."""
    known: dict[str, Node] = {}
    nodes: list[Node] = []  # of messages
    loops = _Loops()
    for one in messages:
        own = next(iter(message_ids(one.message_id)), "")
        node = known.get(own) if own else None
        if node is None or node.facts is not None:  # no id, or one that another message has already
            node = Node()
            if own and own not in known:
                known[own] = node
        node.facts = one
        nodes.append(node)
        before: Node | None = None
        for name in message_ids(one.references) or message_ids(one.in_reply_to)[:1]:
            there = known.setdefault(name, Node())
            if before is not None and there.parent is None and not loops.would_be(there, before):  # (1)(A)
                _hang(there, before)
            before = there
        if node.parent is not None:  # (1)(B): the message itself knows better
            node.parent.children.remove(node)
            node.parent = None
        if before is not None and not loops.would_be(node, before):
            _hang(node, before)
    every = dict.fromkeys([*known.values(), *nodes])
    return [node for node in every if node.parent is None]


class _Loops:
    """Says whether a link would close a loop, for as long as the budget lasts."""

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def would_be(self, node: Node, parent: Node) -> bool:
        """Is it the parent, or above it?"""
        if not node.children:
            return node is parent
        at: Node | None = parent
        while at is not None:
            self._left -= 1
            if at is node or self._left < 0:
                return True
            at = at.parent
        return False


def _hang(node: Node, parent: Node) -> None:
    node.parent = parent
    parent.children.append(node)


def _pruned(roots: list[Node]) -> list[Node]:
    """Step 3: dummies go; below the root only those with at most one child."""
    for node in reversed(list(_walk(roots))):
        children: list[Node] = []
        for child in node.children:
            children += [child] if child.facts is not None else child.children
        node.children = children
    found: list[Node] = []
    for node in roots:
        found += node.children if node.facts is None and len(node.children) < 2 else [node]
    return found


def _gathered(roots: list[Node]) -> list[Node]:
    """Step 5: threads with the same base subject become one."""
    subjects = {id(node): _subject(node) for node in roots}
    table: dict[str, Node] = {}
    for node in roots:
        subject, is_reply = subjects[id(node)]
        if not subject:
            continue
        there = table.get(subject)
        if there is None or (there.facts is not None and (node.facts is None or (subjects[id(there)][1] and not is_reply))):
            table[subject] = node
    found: dict[Node, None] = dict.fromkeys(roots)
    for node in roots:
        subject, is_reply = subjects[id(node)]
        there = table.get(subject) if subject else None
        if there is None or there is node:
            continue
        if there.facts is None and node.facts is None:
            there.children += node.children
        elif there.facts is None or (is_reply and not subjects[id(there)][1]):
            there.children.append(node)
        else:
            both = Node(children=[there, node])
            subjects[id(both)] = (subject, is_reply)
            del found[there]
            found[both] = None
            table[subject] = both
        del found[node]
    return list(found)


def _subject(node: Node) -> tuple[str, bool]:
    facts = node.facts or (_earliest(node).facts if node.children else None)
    if facts is None:
        return "", False
    subject, is_reply = imapsort.base_subject(facts.subject)
    return imapsort.collated(subject), is_reply


def _walk(roots: Sequence[Node]) -> Iterator[Node]:
    """All nodes, each before its children."""
    stack = list(roots)
    while stack:
        node = stack.pop()
        yield node
        stack += node.children


def _earliest(dummy: Node) -> Node:
    return min(dummy.children, key=_first)


def _first(node: Node) -> tuple[datetime, int]:
    """When it was sent; of a dummy, when its first child was."""
    return _when(node.facts) if node.facts is not None else min(_when(one.facts) for one in node.children if one.facts is not None)


def _when(facts: Facts) -> tuple[datetime, int]:
    return facts.sent_at, facts.seq
