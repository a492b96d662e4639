"""Which commands and tests of Sieve there are, what they take, and the extension that each needs: one table, no code.

What is not in it does not exist. EXTENSIONS is what the ManageSieve door announces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

EXTENSIONS = (
    "fileinto", "reject", "ereject", "envelope", "encoded-character", "comparator-i;ascii-numeric", "comparator-i;octet",
    "comparator-i;ascii-casemap", "variables", "relational", "subaddress", "copy", "body", "imap4flags", "date", "index", "vacation",
    "vacation-seconds", "duplicate", "mailbox", "special-use",
)  # fmt: skip
IMPLIED = {"vacation-seconds": "vacation"}  # RFC 6131 2
COMPARATORS = ("i;ascii-casemap", "i;octet", "i;ascii-numeric")
RELATIONS = ("gt", "ge", "lt", "le", "eq", "ne")
DATE_PARTS = ("year", "month", "day", "date", "julian", "hour", "minute", "second", "time", "iso8601", "std11", "zone", "weekday")
ADDRESS_HEADERS = frozenset([
    "from", "to", "cc", "bcc", "sender", "reply-to", "resent-from", "resent-to", "resent-cc", "resent-bcc", "resent-sender",
    "resent-reply-to", "return-path", "delivered-to", "disposition-notification-to", "errors-to", "mail-followup-to",
    "mail-reply-to", "x-original-to",
])  # fmt: skip
USES = ("\\all", "\\archive", "\\drafts", "\\flagged", "\\junk", "\\sent", "\\trash")  # RFC 6154, 8579
NO_TESTS, ONE_TEST, MANY_TESTS = 0, 1, 2


@dataclass(frozen=True)
class Tag:
    """A tagged argument. Of a group there may be one; `takes` a number, a string or strings after it, or nothing."""

    group: str
    takes: str = ""
    needs: str = ""


@dataclass(frozen=True)
class Shape:
    """What a command or a test takes. `optional`: the first of the positional arguments may be left out."""

    takes: tuple[str, ...] = ()
    tags: Mapping[str, Tag] = field(default_factory=dict)
    needs: str = ""
    tests: int = NO_TESTS
    has_block: bool = False
    optional: bool = False


MATCH = {
    "is": Tag("match"), "contains": Tag("match"), "matches": Tag("match"),
    "count": Tag("match", "string", "relational"), "value": Tag("match", "string", "relational"),
    "comparator": Tag("comparator", "string"),
}  # fmt: skip
PART = {
    "all": Tag("part"), "localpart": Tag("part"), "domain": Tag("part"),
    "user": Tag("part", "", "subaddress"), "detail": Tag("part", "", "subaddress"),
}  # fmt: skip
INDEX = {"index": Tag("index", "number", "index"), "last": Tag("last", "", "index")}
ZONE = {"zone": Tag("zone", "string")}
FLAGS = {"flags": Tag("flags", "strings", "imap4flags")}
COPY = {"copy": Tag("copy", "", "copy")}

TESTS: Mapping[str, Shape] = {
    "true": Shape(),
    "false": Shape(),
    "not": Shape(tests=ONE_TEST),
    "allof": Shape(tests=MANY_TESTS),
    "anyof": Shape(tests=MANY_TESTS),
    "address": Shape(("strings", "strings"), {**MATCH, **PART, **INDEX}),
    "envelope": Shape(("strings", "strings"), {**MATCH, **PART}, "envelope"),
    "header": Shape(("strings", "strings"), {**MATCH, **INDEX}),
    "exists": Shape(("strings",)),
    "size": Shape(("number",), {"over": Tag("bound"), "under": Tag("bound")}),
    "string": Shape(("strings", "strings"), MATCH, "variables"),
    "hasflag": Shape(("strings", "strings"), MATCH, "imap4flags", optional=True),
    "body": Shape(
        ("strings",), {**MATCH, "raw": Tag("of"), "content": Tag("of", "strings"), "text": Tag("of")}, "body"
    ),
    "date": Shape(("string", "string", "strings"), {**MATCH, **INDEX, **ZONE, "originalzone": Tag("zone")}, "date"),
    "currentdate": Shape(("string", "strings"), {**MATCH, **ZONE}, "date"),
    "duplicate": Shape(
        (), {"handle": Tag("handle", "string"), "header": Tag("id", "string"), "uniqueid": Tag("id", "string"),
             "seconds": Tag("seconds", "number"), "last": Tag("last")}, "duplicate",
    ),
    "mailboxexists": Shape(("strings",), {}, "mailbox"),
    "specialuse_exists": Shape(("string", "strings"), {}, "special-use", optional=True),
}  # fmt: skip

COMMANDS: Mapping[str, Shape] = {
    "require": Shape(("strings",)),
    "if": Shape(tests=ONE_TEST, has_block=True),
    "elsif": Shape(tests=ONE_TEST, has_block=True),
    "else": Shape(has_block=True),
    "stop": Shape(),
    "keep": Shape((), FLAGS),
    "discard": Shape(),
    "fileinto": Shape(
        ("string",), {**FLAGS, **COPY, "create": Tag("create", "", "mailbox"), "specialuse": Tag("use", "string", "special-use")},
        "fileinto",
    ),
    "redirect": Shape(("string",), COPY),
    "reject": Shape(("string",), {}, "reject"),
    "ereject": Shape(("string",), {}, "ereject"),
    "set": Shape(
        ("string", "string"),
        {"lower": Tag("case"), "upper": Tag("case"), "lowerfirst": Tag("first"), "upperfirst": Tag("first"),
         "quotewildcard": Tag("quote"), "length": Tag("length")},
        "variables",
    ),
    "setflag": Shape(("string", "strings"), {}, "imap4flags", optional=True),
    "addflag": Shape(("string", "strings"), {}, "imap4flags", optional=True),
    "removeflag": Shape(("string", "strings"), {}, "imap4flags", optional=True),
    "vacation": Shape(
        ("string",),
        {"days": Tag("period", "number"), "seconds": Tag("period", "number", "vacation-seconds"), "subject": Tag("subject", "string"),
         "from": Tag("from", "string"), "addresses": Tag("addresses", "strings"), "mime": Tag("mime"), "handle": Tag("handle", "string")},
        "vacation",
    ),
}  # fmt: skip
