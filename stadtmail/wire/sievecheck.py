"""Is a Sieve script right? Everything is settled here that can be before a message comes: names, types, required extensions.

`compiled` gives steps that sieverun walks through without a doubt; the first mistake is raised as Wrong with its line.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stadtmail.wire import sievegrammar as grammar
from stadtmail.wire import sieveparse
from stadtmail.wire.sievegrammar import Shape
from stadtmail.wire.sievelex import Wrong
from stadtmail.wire.sieveparse import Argument, Node
from stadtmail.wire.smtp import Malformed, address

Value = str | int | tuple[str, ...] | bool
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_PLACE = re.compile(r"\$\{([A-Za-z_0-9.]{1,100})\}")
_ENCODED = re.compile(r"\$\{(hex|unicode):([0-9A-Fa-f \t\r\n]*+)\}", re.I)
_ZONE = re.compile(r"[+-][0-9]{4}\Z")


@dataclass(frozen=True, slots=True)
class Step:
    """A checked command or test. `tags`: group -> tag's name, and tag's name -> what it takes."""

    name: str
    line: int
    tags: Mapping[str, Value]
    values: tuple[Value, ...]
    tests: tuple["Step", ...] = ()
    block: tuple["Step", ...] = ()

    def strings(self, at: int) -> tuple[str, ...]:
        """Positional strings."""
        value = self.values[at]
        return value if isinstance(value, tuple) else (str(value),)

    def string(self, at: int) -> str:
        """A positional string."""
        return self.strings(at)[0]


@dataclass(frozen=True, slots=True)
class Script:
    """A script that is right. `redirects`: (line, fixed address); `is_moving`: others come from variables."""

    steps: tuple[Step, ...]
    extensions: frozenset[str]
    redirects: tuple[tuple[int, str], ...] = field(repr=False)
    is_moving: bool
    folders: tuple[tuple[int, str], ...] = field(repr=False)  # (line, name) that must be there already


def compiled(text: str) -> Script:
    """Check a script. Raises Wrong."""
    checker = _Checker()
    steps = checker.block(sieveparse.parse(text), top=True)
    return Script(steps, frozenset(checker.known), tuple(checker.redirects), checker.is_moving, tuple(checker.folders))


class _Checker:
    def __init__(self) -> None:
        self.known: set[str] = set()
        self.redirects: list[tuple[int, str]] = []
        self.folders: list[tuple[int, str]] = []
        self.is_moving = False
        self._begun = False  # a command that is no require has come

    def block(self, nodes: Sequence[Node], *, top: bool = False) -> tuple[Step, ...]:
        steps: list[Step] = []
        before = ""
        for node in nodes:
            shape = grammar.COMMANDS.get(node.name)
            if shape is None:
                raise Wrong(node.line, "test_as_command" if node.name in grammar.TESTS else "unknown_command", node.name)
            if node.name in ("elsif", "else") and before not in ("if", "elsif"):
                raise Wrong(node.line, "else_without_if", node.name)
            before = node.name
            if node.name == "require":
                self._require(node, top)
                continue
            self._begun = True
            steps.append(self._step(node, shape))
        return tuple(steps)

    def _require(self, node: Node, top: bool) -> None:
        if self._begun or not top:
            raise Wrong(node.line, "late_require")
        step = self._step(node, grammar.COMMANDS["require"])
        for name in step.strings(0):
            if name not in grammar.EXTENSIONS:
                raise Wrong(node.line, "unknown_extension", name)
            self.known.update((name, grammar.IMPLIED.get(name, name)))

    def _step(self, node: Node, shape: Shape) -> Step:
        self._need(shape.needs, node.line)
        tags, values = self._arguments(node, shape)
        if shape.tests == grammar.NO_TESTS and node.tests:
            raise Wrong(node.line, "no_test_here", node.name)
        if shape.tests == grammar.ONE_TEST and len(node.tests) != 1:
            raise Wrong(node.line, "one_test_here", node.name)
        if shape.tests == grammar.MANY_TESTS and not node.tests:
            raise Wrong(node.line, "tests_here", node.name)
        if shape.has_block and node.block is None:
            raise Wrong(node.line, "block_missing", node.name)
        if not shape.has_block and node.block is not None:
            raise Wrong(node.line, "no_block_here", node.name)
        tests = tuple(self._test(one) for one in node.tests)
        step = Step(node.name, node.line, tags, values, tests, self.block(node.block or ()))
        self._look(step)
        return step

    def _test(self, node: Node) -> Step:
        shape = grammar.TESTS.get(node.name)
        if shape is None:
            raise Wrong(node.line, "command_as_test" if node.name in grammar.COMMANDS else "unknown_test", node.name)
        return self._step(node, shape)

    def _need(self, extension: str, line: int) -> None:
        if extension and extension not in self.known:
            raise Wrong(line, "require_missing", extension)

    def _arguments(self, node: Node, shape: Shape) -> tuple[dict[str, Value], tuple[Value, ...]]:
        tags: dict[str, Value] = {}
        given = list(node.arguments)
        rest: list[Argument] = []
        while given:
            one = given.pop(0)
            if one.kind != "tag":
                rest.append(one)
                continue
            if rest:
                raise Wrong(one.line, "late_tag", f":{one.value}")
            self._tag(one, given, node, shape, tags)
        takes = shape.takes[1:] if shape.optional and len(rest) == len(shape.takes) - 1 else shape.takes
        if len(rest) != len(takes):
            raise Wrong(node.line, "arguments_missing" if len(rest) < len(takes) else "too_many_arguments", node.name)
        return tags, tuple(self._value(one, kind, node) for one, kind in zip(rest, takes, strict=True))

    def _tag(self, one: Argument, given: list[Argument], node: Node, shape: Shape, tags: dict[str, Value]) -> None:
        name = str(one.value)
        tag = shape.tags.get(name)
        if tag is None:
            raise Wrong(one.line, "unknown_tag", f":{name}")
        self._need(tag.needs, one.line)
        if tag.group in tags:
            raise Wrong(one.line, "tag_twice", f":{name}")
        tags[tag.group] = name
        if tag.takes:
            if not given or given[0].kind == "tag":
                raise Wrong(one.line, "tag_value_missing", f":{name}")
            tags[f":{name}"] = self._value(given.pop(0), tag.takes, node)

    def _value(self, one: Argument, kind: str, node: Node) -> Value:
        if kind == "number":
            if one.kind != "number":
                raise Wrong(one.line, "number_expected", node.name)
            return int(one.value)  # type: ignore[arg-type]
        if one.kind != "strings" or (kind == "string" and not one.alone):
            raise Wrong(one.line, "string_expected" if kind == "string" else "strings_expected", node.name)
        assert isinstance(one.value, tuple)
        strings = tuple(self._text(text, one.line) for text in one.value) if node.name != "require" else one.value
        return strings[0] if kind == "string" else strings

    def _text(self, text: str, line: int) -> str:
        if "encoded-character" in self.known:
            text = _opened(text, line)
        if "variables" in self.known:
            for found in _PLACE.finditer(text):
                if "." in found[1] and all(_NAME.match(piece) for piece in found[1].split(".")):
                    raise Wrong(line, "unknown_namespace", found[1])
        return text

    def _is_fixed(self, text: str) -> bool:
        return "variables" not in self.known or "${" not in text

    def _look(self, step: Step) -> None:
        """What the table cannot say."""
        if "match" in step.tags or "comparator" in step.tags:
            self._look_at_match(step)
        if "last" in step.tags and step.name != "duplicate" and "index" not in step.tags:
            raise Wrong(step.line, "last_without_index")
        if "index" in step.tags and step.tags[":index"] == 0:
            raise Wrong(step.line, "bad_number", ":index")
        look = getattr(self, f"_look_at_{step.name}", None)
        if look is not None:
            look(step)

    def _look_at_match(self, step: Step) -> None:
        match, comparator = step.tags.get("match", "is"), step.tags.get(":comparator", "i;ascii-casemap")
        if comparator not in grammar.COMPARATORS:
            raise Wrong(step.line, "unknown_comparator", str(comparator))
        if comparator == "i;ascii-numeric":
            self._need("comparator-i;ascii-numeric", step.line)
            if match in ("contains", "matches"):
                raise Wrong(step.line, "numbers_have_no_parts", f":{match}")
        if match in ("count", "value") and step.tags[f":{match}"] not in grammar.RELATIONS:
            raise Wrong(step.line, "unknown_relation", str(step.tags[f":{match}"]))

    def _look_at_address(self, step: Step) -> None:
        for name in step.strings(0):
            if self._is_fixed(name) and name.lower() not in grammar.ADDRESS_HEADERS:
                raise Wrong(step.line, "no_address_header", name)

    def _look_at_envelope(self, step: Step) -> None:
        for name in step.strings(0):
            if self._is_fixed(name) and name.lower() not in ("from", "to"):
                raise Wrong(step.line, "unknown_envelope", name)

    def _look_at_size(self, step: Step) -> None:
        if "bound" not in step.tags:
            raise Wrong(step.line, "over_or_under")

    def _look_at_date(self, step: Step) -> None:
        self._look_at_zone(step)
        self._look_at_part(step, step.string(1))

    def _look_at_currentdate(self, step: Step) -> None:
        self._look_at_zone(step)
        self._look_at_part(step, step.string(0))

    def _look_at_part(self, step: Step, part: str) -> None:
        if self._is_fixed(part) and part.lower() not in grammar.DATE_PARTS:
            raise Wrong(step.line, "unknown_date_part", part)

    def _look_at_zone(self, step: Step) -> None:
        zone = str(step.tags.get(":zone", "+0000"))
        if self._is_fixed(zone) and not _ZONE.match(zone):
            raise Wrong(step.line, "bad_zone", zone)

    def _look_at_set(self, step: Step) -> None:
        if not _NAME.match(step.string(0)):
            raise Wrong(step.line, "bad_variable", step.string(0))

    def _look_at_setflag(self, step: Step) -> None:
        if len(step.values) == 2:
            self._need("variables", step.line)
            if not _NAME.match(step.string(0)):
                raise Wrong(step.line, "bad_variable", step.string(0))

    _look_at_addflag = _look_at_removeflag = _look_at_setflag

    def _look_at_hasflag(self, step: Step) -> None:
        if len(step.values) == 2:
            self._need("variables", step.line)
            for name in step.strings(0):
                if not _NAME.match(name):
                    raise Wrong(step.line, "bad_variable", name)

    def _look_at_redirect(self, step: Step) -> None:
        target = step.string(0)
        if not self._is_fixed(target):
            self.is_moving = True
            return
        if not is_address(plain_address(target)):  # RFC 5228 2.4.2.3: also with a name before it
            raise Wrong(step.line, "bad_address", target)
        self.redirects.append((step.line, plain_address(target)))

    def _look_at_fileinto(self, step: Step) -> None:
        if not step.string(0).strip():
            raise Wrong(step.line, "bad_folder")
        if self._is_fixed(step.string(0)) and "create" not in step.tags and "use" not in step.tags:
            self.folders.append((step.line, step.string(0)))
        use = str(step.tags.get(":specialuse", ""))
        if use and self._is_fixed(use) and not use.startswith("\\"):
            raise Wrong(step.line, "unknown_use", use)

    def _look_at_vacation(self, step: Step) -> None:
        for text in (str(step.tags.get(":from", "")), *_tuple(step.tags.get(":addresses", ()))):
            if text and self._is_fixed(text) and not is_address(plain_address(text)):
                raise Wrong(step.line, "bad_address", text)
        if self._is_fixed(handle := str(step.tags.get(":subject", ""))) and any(sign in handle for sign in "\r\n"):
            raise Wrong(step.line, "bad_subject")


def is_address(text: str) -> bool:
    """Is it a whole mail address?"""
    try:
        address(text.encode(), utf8=True)
    except (Malformed, ValueError):
        return False
    return "@" in text


def plain_address(text: str) -> str:
    """The address in `Name <address>`; as it stands where it is none of one line."""
    if any(sign in text for sign in "\r\n"):
        return text
    inner = text.rpartition("<")[2].partition(">")[0] if "<" in text else text
    return inner.strip() if '"' in inner else "@".join(one.strip() for one in inner.split("@"))


def _tuple(value: Value | tuple[()]) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),)


def _opened(text: str, line: int) -> str:
    """${hex: …} and ${unicode: …} (RFC 5228 2.4.2.4)."""
    if "${" not in text:
        return text
    out, at = bytearray(), 0
    for found in _ENCODED.finditer(text):
        codes = found[2].split()
        if not codes or any(len(code) > (2 if found[1].lower() == "hex" else 8) for code in codes):
            continue
        out += text[at : found.start()].encode("utf-8", "replace")
        at = found.end()
        try:
            numbers = [int(code, 16) for code in codes]
            out += bytes(numbers) if found[1].lower() == "hex" else "".join(map(chr, numbers)).encode()
        except (ValueError, OverflowError, UnicodeEncodeError):
            raise Wrong(line, "bad_character", found[0]) from None
    out += text[at:].encode("utf-8", "replace")
    try:
        opened = out.decode()
    except UnicodeDecodeError:
        raise Wrong(line, "bad_character") from None
    if "\0" in opened:
        raise Wrong(line, "no_nul")
    return opened
