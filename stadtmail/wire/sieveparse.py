"""A Sieve script as a tree of commands and tests (RFC 5228 8.2). What they mean is none of its business: see sievecheck.

Bounded in depth and number; nothing recurses deeper than MOST_DEPTH.
"""

from dataclasses import dataclass

from stadtmail.wire.sievelex import Token, Wrong, tokens

MOST_DEPTH = 32
MOST_NODES = 5_000
MOST_STRINGS = 2_000  # in one list


@dataclass(frozen=True, slots=True)
class Argument:
    """A tag (its name), a number, or strings (a lone string is a list of one that says so)."""

    kind: str  # tag | number | strings
    value: str | int | tuple[str, ...]
    line: int
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A command or a test: arguments, tests within it, and for a command its block (None: it ends with a semicolon)."""

    name: str
    arguments: tuple[Argument, ...]
    tests: tuple["Node", ...]
    block: tuple["Node", ...] | None
    line: int


def parse(text: str) -> tuple[Node, ...]:
    """The commands of a script. Raises Wrong."""
    parser = _Parser(tokens(text))
    found = parser.commands(0)
    parser.expect("end", "command_expected")
    return found


class _Parser:
    def __init__(self, signs: list[Token]) -> None:
        self._signs, self._at, self._nodes = signs, 0, 0

    @property
    def _next(self) -> Token:
        return self._signs[self._at]

    def expect(self, kind: str, problem: str) -> Token:
        token = self._next
        if token.kind != kind:
            raise Wrong(token.line, problem, str(token.value))
        self._at += kind != "end"
        return token

    def commands(self, depth: int) -> tuple[Node, ...]:
        found = []
        while self._next.kind == "word":
            found.append(self._command(depth))
        return tuple(found)

    def _command(self, depth: int) -> Node:
        head = self._head(depth)
        arguments, tests = self._arguments(depth)
        block = None
        if self._next.kind == "{":
            self._at += 1
            block = self.commands(depth + 1)
            self.expect("}", "brace_missing" if self._next.kind == "end" else "command_expected")
        else:
            line = self._signs[self._at - 1].line
            if self._next.kind != ";":
                raise Wrong(line, "semicolon_missing", str(head.value))
            self._at += 1
        return Node(str(head.value), arguments, tests, block, head.line)

    def _test(self, depth: int) -> Node:
        head = self._head(depth)
        arguments, tests = self._arguments(depth)
        return Node(str(head.value), arguments, tests, None, head.line)

    def _head(self, depth: int) -> Token:
        head = self.expect("word", "test_expected")
        self._nodes += 1
        if depth > MOST_DEPTH:
            raise Wrong(head.line, "too_deep")
        if self._nodes > MOST_NODES:
            raise Wrong(head.line, "too_long")
        return head

    def _arguments(self, depth: int) -> tuple[tuple[Argument, ...], tuple[Node, ...]]:
        arguments = []
        while self._next.kind in ("tag", "number", "string", "["):
            arguments.append(self._argument())
        if self._next.kind == "(":
            self._at += 1
            return tuple(arguments), self._tests(depth + 1)
        if self._next.kind == "word":
            return tuple(arguments), (self._test(depth + 1),)
        return tuple(arguments), ()

    def _tests(self, depth: int) -> tuple[Node, ...]:
        found = [self._test(depth)]
        while self._next.kind == ",":
            self._at += 1
            found.append(self._test(depth))
        self.expect(")", "parenthesis_missing")
        return tuple(found)

    def _argument(self) -> Argument:
        token = self._next
        self._at += 1
        if token.kind == "[":
            return Argument("strings", self._strings(), token.line)
        if token.kind == "string":
            return Argument("strings", (str(token.value),), token.line, alone=True)
        return Argument(token.kind, token.value, token.line)

    def _strings(self) -> tuple[str, ...]:
        found = [str(self.expect("string", "string_expected").value)]
        while self._next.kind == ",":
            self._at += 1
            found.append(str(self.expect("string", "string_expected").value))
            if len(found) > MOST_STRINGS:
                raise Wrong(self._next.line, "too_long")
        self.expect("]", "bracket_missing")
        return tuple(found)
