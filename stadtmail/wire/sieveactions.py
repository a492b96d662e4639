"""What a Sieve script wants done with a message. Values only: whoever runs the script decides whether and how it is done."""

from dataclasses import dataclass, field

Flags = tuple[str, ...]


@dataclass(frozen=True)
class File:
    """Put it into a folder; an empty name is the inbox (keep). `create`: make the folder where it is missing; `use`: RFC 8579."""

    folder: str = field(default="", repr=False)
    flags: Flags = field(default=(), repr=False)
    create: bool = False
    use: str = ""
    implied: bool = False  # the script did not say it: implicit keep


@dataclass(frozen=True)
class Redirect:
    """Pass it on. `keeps`: where that cannot be, the message is put into the inbox."""

    address: str = field(repr=False)
    keeps: bool


@dataclass(frozen=True)
class Reject:
    """Refuse it with these words (RFC 5429). `at_once`: ereject, rather in the conversation than by a message."""

    reason: str = field(repr=False)
    at_once: bool


@dataclass(frozen=True)
class Reply:
    """Tell the sender that somebody is away (RFC 5230), if `handle` was not told to them within `seconds`."""

    reason: str = field(repr=False)
    subject: str = field(repr=False)
    sender: str = field(repr=False)  # :from, or empty
    addresses: tuple[str, ...] = field(repr=False)
    is_mime: bool
    handle: str = field(repr=False)
    seconds: int


@dataclass(frozen=True)
class Mark:
    """Remember that a message with this id came (RFC 7352), for so long."""

    id: str = field(repr=False)
    seconds: int


@dataclass(frozen=True)
class Outcome:
    """Everything that a script asked for. `problem`: a closed word where it broke off; then there is one thing to do: keep."""

    files: tuple[File, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    reject: Reject | None = None
    reply: Reply | None = None
    marks: tuple[Mark, ...] = ()
    problem: str = ""
    line: int = 0
    flags: Flags = ()  # of the implicit keep
