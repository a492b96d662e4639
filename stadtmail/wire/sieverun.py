"""Runs a checked Sieve script over a message and says what is to be done (RFC 5228 2.10). It does nothing itself.

Bounded in steps and in signs compared. Whatever goes wrong ends in one thing: the message is kept in the inbox.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from stadtmail.wire import sievedates, sieveflags, sievematch, sievevariables
from stadtmail.wire.sieveactions import File, Flags, Mark, Outcome, Redirect, Reject, Reply
from stadtmail.wire.sievecheck import Script, Step, is_address, plain_address
from stadtmail.wire.sievemail import Mail

T = TypeVar("T")
MOST_STEPS = 20_000
MOST_SIGNS = 30_000_000  # compared or copied
MOST_FILES, MOST_REDIRECTS, MOST_MARKS = 16, 4, 16
DAY = 86_400
LEAST_REPLY, MOST_REPLY = 300, 365 * DAY
USUAL_MARK, MOST_MARK = 7 * DAY, 90 * DAY


class World(Protocol):
    """What a script may ask about besides the message."""

    @property
    def now(self) -> datetime:
        """The moment, in the zone of the person."""

    def has_folder(self, name: str) -> bool:
        """Is there a folder with this name?"""

    def has_use(self, name: str, use: str) -> bool:
        """Has this folder (empty: any) this special use?"""

    def was_seen(self, id_: str) -> bool:
        """Did a message with this id come while it was remembered?"""


@dataclass(frozen=True)
class Envelope:
    """From whom (empty: a bounce) and to which of the person's addresses."""

    sender: str = field(repr=False)
    recipient: str = field(repr=False)


class Broken(Exception):
    """The script cannot go on: `kind` is a closed word."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Stop(Exception):
    """`stop`."""


def run(script: Script, mail: Mail, envelope: Envelope, world: World) -> Outcome:
    """What the script wants. Never raises for what a script or a message says."""
    walk = _Run(script, mail, envelope, world)
    try:
        walk.block(script.steps)
    except _Stop:
        pass
    except Broken as broken:
        return Outcome(files=(File(implied=True),), problem=broken.kind, line=walk.line)
    return walk.outcome()


class _Run:
    def __init__(self, script: Script, mail: Mail, envelope: Envelope, world: World) -> None:
        self.mail, self.envelope, self.world = mail, envelope, world
        self.line = 0
        self._left_steps, self._left_signs = MOST_STEPS, MOST_SIGNS
        self._variables = sievevariables.Variables() if "variables" in script.extensions else None
        self._flags: Flags = ()  # imap4flags' own variable
        self._named: dict[str, Flags] = {}
        self._files: list[File] = []
        self._redirects: list[Redirect] = []
        self._reject: Reject | None = None
        self._reply: Reply | None = None
        self._marks: list[Mark] = []
        self._keeps = True

    def outcome(self) -> Outcome:
        files = list(self._files)
        if self._keeps:
            files.append(File(flags=self._flags, implied=True))
        merged = {(one.folder, one.use, one.implied): one for one in files}  # the same folder twice is one message (RFC 5228 2.10.3)
        return Outcome(tuple(merged.values()), tuple(self._redirects), self._reject, self._reply, tuple(self._marks), flags=self._flags)

    def block(self, steps: Sequence[Step]) -> None:
        """Run commands in order."""
        done = False  # has a branch of the present if been taken?
        for step in steps:
            self._count(step)
            if step.name in ("if", "elsif", "else"):
                done = (done and step.name != "if") or self._branch(step)
            else:
                getattr(self, f"_do_{step.name}")(step)

    def _branch(self, step: Step) -> bool:
        if step.tests and not self.test(step.tests[0]):
            return False
        self.block(step.block)
        return True

    def test(self, step: Step) -> bool:
        """Is it so?"""
        self._count(step)
        return bool(getattr(self, f"_is_{step.name}")(step))

    def _count(self, step: Step) -> None:
        self.line = step.line
        self._left_steps -= 1
        if self._left_steps < 0:
            raise Broken("too_much")

    def _cost(self, signs: int) -> None:
        self._left_signs -= signs
        if self._left_signs < 0:
            raise Broken("too_much")

    def _text(self, value: object) -> str:
        """A string as it is now."""
        text = str(value)
        if self._variables is None or "${" not in text:
            return text
        made = self._variables.expanded(text)
        self._cost(len(made) + len(text))
        return made

    def _texts(self, values: Iterable[object]) -> list[str]:
        return [self._text(value) for value in values]

    def _tag(self, step: Step, name: str) -> str:
        return self._text(step.tags.get(f":{name}", ""))

    # --- tests --------------------------------------------------------------------------------------------------------

    def _is_true(self, _: Step) -> bool:
        return True

    def _is_false(self, _: Step) -> bool:
        return False

    def _is_not(self, step: Step) -> bool:
        return not self.test(step.tests[0])

    def _is_allof(self, step: Step) -> bool:
        return all(self.test(one) for one in step.tests)

    def _is_anyof(self, step: Step) -> bool:
        return any(self.test(one) for one in step.tests)

    def _is_exists(self, step: Step) -> bool:
        return all(self.mail.header(name) for name in self._texts(step.strings(0)))

    def _is_size(self, step: Step) -> bool:
        limit = step.values[0]
        assert isinstance(limit, int)
        return self.mail.size > limit if step.tags["bound"] == "over" else self.mail.size < limit

    def _is_header(self, step: Step) -> bool:
        values = [value for name in self._texts(step.strings(0)) for value in _chosen(self.mail.header(name), step)]
        return self._matches(step, values, self._texts(step.strings(1)))

    def _is_address(self, step: Step) -> bool:
        listed = [one for name in self._texts(step.strings(0)) for one in _chosen(self.mail.addresses(name), step)]
        values = [value for one in listed for address in one if (value := _part(address, step)) is not None]
        return self._matches(step, values, self._texts(step.strings(1)))

    def _is_envelope(self, step: Step) -> bool:
        known = {"from": self.envelope.sender, "to": self.envelope.recipient}
        whole = [known[name.lower()] for name in self._texts(step.strings(0)) if name.lower() in known]
        values = [value for address in whole if (value := _part(address, step) if address else "") is not None]
        return self._matches(step, values, self._texts(step.strings(1)))

    def _is_string(self, step: Step) -> bool:
        values = self._texts(step.strings(0))
        if step.tags.get("match") == "count":
            values = [value for value in values if value]
        return self._matches(step, values, self._texts(step.strings(1)))

    def _is_hasflag(self, step: Step) -> bool:
        names = step.strings(0) if len(step.values) == 2 else ()
        flags = [flag for name in names for flag in self._variable_flags(name)] if names else list(self._flags)
        keys = self._texts(step.strings(-1))
        if step.tags.get("match") not in ("count", "value"):  # several may stand in one text (RFC 5232 2, 4)
            keys = [word for key in keys for word in key.split()]
        return self._matches(step, flags, keys)

    def _is_body(self, step: Step) -> bool:
        how = step.tags.get("of", "text")
        if how == "raw":
            values: Iterable[str] = self.mail.raw_body()
        elif how == "content":
            given = step.tags[":content"]
            values = self.mail.contents(self._texts(given if isinstance(given, tuple) else (given,)))
        else:
            values = self.mail.texts()
        return self._matches(step, values, self._texts(step.strings(0)), remembers=False)  # RFC 5173 6

    def _is_date(self, step: Step) -> bool:
        values = []
        for value in _chosen(self.mail.header(self._text(step.string(0))), step):
            at = sievedates.moment(value)
            if at is not None:
                values.append(sievedates.part(at if step.tags.get("zone") == "originalzone" else self._local(at, step),
                                              self._text(step.string(1)).lower()))  # fmt: skip
        return self._matches(step, values, self._texts(step.strings(2)))

    def _is_currentdate(self, step: Step) -> bool:
        part = sievedates.part(self._local(self.world.now, step), self._text(step.string(0)).lower())
        return self._matches(step, [part], self._texts(step.strings(1)))

    def _local(self, at: datetime, step: Step) -> datetime:
        zone = sievedates.zone(self._tag(step, "zone")) or self.world.now.tzinfo
        try:
            return at.astimezone(zone)
        except (OverflowError, ValueError):
            return at

    def _is_mailboxexists(self, step: Step) -> bool:
        return all(self.world.has_folder(name) for name in self._texts(step.strings(0)))

    def _is_specialuse_exists(self, step: Step) -> bool:
        name = self._text(step.string(0)) if len(step.values) == 2 else ""
        return all(self.world.has_use(name, use.lower()) for use in self._texts(step.strings(-1)))

    def _is_duplicate(self, step: Step) -> bool:
        given = step.tags.get("id")
        unique = self._tag(step, "uniqueid") if given == "uniqueid" else ""
        if given != "uniqueid":
            unique = next(iter(self.mail.header(self._tag(step, "header") or "message-id")), "")
        if not unique:
            return False
        id_ = f"{self._tag(step, 'handle')}\0{'uniqueid' if given == 'uniqueid' else 'header'}\0{unique}"
        seconds = step.tags.get(":seconds", USUAL_MARK)
        assert isinstance(seconds, int)
        is_new = not self.world.was_seen(id_)  # earlier runs count and nothing else: the same question has the same answer (RFC 7352 3)
        is_marked = any(mark.id == id_ for mark in self._marks)
        if (is_new or "last" in step.tags) and not is_marked and len(self._marks) < MOST_MARKS:
            self._marks.append(Mark(id_, min(seconds, MOST_MARK)))
        return not is_new

    def _matches(self, step: Step, values: Iterable[str], keys: Sequence[str], *, remembers: bool = True) -> bool:
        kind, comparator = str(step.tags.get("match", "is")), str(step.tags.get(":comparator", "i;ascii-casemap"))
        relation = str(step.tags.get(f":{kind}", ""))
        if kind == "count":
            count = sum(1 for _ in values)
            return any(sievematch.counts(count, key, relation=relation) for key in keys)
        for value in values:
            for key in keys:
                self._cost(sievematch.cost(value, key, kind))
                if kind == "value":
                    if sievematch.relates(value, key, relation=relation, comparator=comparator):
                        return True
                    continue
                found = sievematch.matches(value, key, kind=kind, comparator=comparator)
                if found is not None:
                    if found and remembers and self._variables is not None:
                        self._variables.matched = list(found)
                    return True
        return False

    # --- commands -----------------------------------------------------------------------------------------------------

    def _do_stop(self, _: Step) -> None:
        raise _Stop

    def _do_keep(self, step: Step) -> None:
        self._file(File(flags=self._flags_of(step)))
        self._keeps = False

    def _do_discard(self, _: Step) -> None:
        self._keeps = False

    def _do_fileinto(self, step: Step) -> None:
        folder = self._text(step.string(0))
        self._file(File(folder, self._flags_of(step), "create" in step.tags, self._tag(step, "specialuse").lower()))
        self._keeps = self._keeps and "copy" in step.tags

    def _file(self, file: File) -> None:
        if self._reject is not None:
            raise Broken("reject_and_more")
        if len(self._files) >= MOST_FILES:
            raise Broken("too_many_actions")
        self._files.append(file)

    def _do_redirect(self, step: Step) -> None:
        target = plain_address(self._text(step.string(0)))
        if not is_address(target):
            raise Broken("bad_address")
        if self._reject is not None:
            raise Broken("reject_and_more")
        is_copy = "copy" in step.tags
        if all(one.address.lower() != target.lower() for one in self._redirects):
            if len(self._redirects) >= MOST_REDIRECTS:
                raise Broken("too_many_redirects")
            self._redirects.append(Redirect(target, keeps=not is_copy))
        self._keeps = self._keeps and is_copy

    def _do_reject(self, step: Step) -> None:
        if self._reject is not None or self._files or self._redirects or self._reply is not None:
            raise Broken("reject_and_more")
        self._reject = Reject(self._text(step.string(0)), at_once=step.name == "ereject")
        self._keeps = False

    _do_ereject = _do_reject

    def _do_set(self, step: Step) -> None:
        assert self._variables is not None
        value = self._text(step.string(1))
        self._cost(4 * len(value))
        self._variables.set(step.string(0), sievevariables.modified(value, step.tags))

    def _do_setflag(self, step: Step) -> None:
        self._change(step, lambda _, new: new)

    def _do_addflag(self, step: Step) -> None:
        self._change(step, sieveflags.added)

    def _do_removeflag(self, step: Step) -> None:
        self._change(step, sieveflags.removed)

    def _change(self, step: Step, change: "sieveflags.Change") -> None:
        new = sieveflags.listed(self._texts(step.strings(-1)))
        if len(step.values) == 1:
            self._flags = change(self._flags, new)
            return
        assert self._variables is not None
        name = step.string(0)
        self._variables.set(name, " ".join(change(self._variable_flags(name), new)))

    def _variable_flags(self, name: str) -> Flags:
        assert self._variables is not None
        return sieveflags.listed([self._variables.value(name)])

    def _flags_of(self, step: Step) -> Flags:
        given = step.tags.get(":flags")
        if given is None:
            return self._flags
        return sieveflags.listed(self._texts(given if isinstance(given, tuple) else (given,)))

    def _do_vacation(self, step: Step) -> None:
        if self._reply is not None:
            raise Broken("two_replies")
        if self._reject is not None:
            raise Broken("reject_and_more")
        given = step.tags.get(f":{step.tags.get('period', '')}", 7)
        assert isinstance(given, int)
        seconds = given if step.tags.get("period") == "seconds" else given * DAY
        if step.tags.get("period") != "seconds":
            seconds = max(DAY, seconds)  # RFC 5230 4.1
        addresses = step.tags.get(":addresses", ())
        reason, subject, sender = self._text(step.string(0)), self._tag(step, "subject"), self._tag(step, "from")
        handle = self._tag(step, "handle") or "\0".join((reason, subject, sender, str("mime" in step.tags)))
        listed = tuple(plain_address(one) for one in self._texts(addresses if isinstance(addresses, tuple) else (addresses,)))
        self._reply = Reply(reason, subject, plain_address(sender), listed, "mime" in step.tags, handle,
                            min(max(seconds, LEAST_REPLY), MOST_REPLY))  # fmt: skip


def _chosen(values: Sequence[T], step: Step) -> Sequence[T]:
    """The occurrence that :index names (RFC 5260 6), or all."""
    if "index" not in step.tags:
        return values
    index = step.tags[":index"]
    assert isinstance(index, int)
    if index > len(values):
        return []
    return [values[-index if "last" in step.tags else index - 1]]


def _part(address: str, step: Step) -> str | None:
    """The part of an address that a test looks at; None where it has none (RFC 5228 2.7.4, RFC 5233)."""
    how = step.tags.get("part", "all")
    if how == "all":
        return address
    local, at, domain = address.rpartition("@")
    if not at:
        return None
    if how in ("localpart", "domain"):
        return local if how == "localpart" else domain
    user, plus, detail = local.partition("+")
    return user if how == "user" else (detail if plus else None)
