"""Filters of a mailbox: put, check, activate, rename, delete, and confirm an address that they pass mail on to.

Names and texts lie sealed under the delivery key. Nothing is stored that would not run, and nothing is passed on to anybody
who has not agreed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID, uuid4

from stadtmail.kit import errors, store
from stadtmail.mail import filtering, views
from stadtmail.mail.actions import deliverykeys, forwarding
from stadtmail.mail.actions.passing import Enqueue
from stadtmail.mail.filtering import ScriptRow
from stadtmail.mail.filterwords import Problem
from stadtmail.mail.models import DeliveryKey, Mailbox, Script
from stadtmail.mail.queries import Opened
from stadtmail.mail.views import canonical
from stadtmail.privacy import units
from stadtmail.wire import sievecheck, sievelex
from stadtmail.wire.sievelex import Wrong

MOST_SCRIPTS, MOST_NAME, MOST_BYTES = 16, 128, 256 * 1024  # of all scripts of a mailbox together


class NoSuchScript(errors.NotFound):
    """The mailbox has no filter with this name."""


class ScriptExists(errors.Conflict):
    """There is a filter with this name."""


class ScriptActive(errors.NotAllowed):
    """The filter runs: it is switched off before it is deleted."""


class ScriptChanged(errors.Conflict):
    """The filter is not any more what it was when its holder looked at it: nothing was stored."""


class BadScriptName(errors.NotAllowed):
    """That cannot be the name of a filter (RFC 5804 1.6)."""


class TooManyScripts(errors.OverQuota):
    """The mailbox has as many filters, or as much text in them, as it can have."""


class BadScript(errors.NotAllowed):
    """The filter cannot run. `problem` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem


@dataclass(frozen=True)
class Listed:
    """A filter in the list."""

    name: str = field(repr=False)
    is_active: bool
    id: UUID | None = field(default=None, compare=False)


def version(text: str) -> str:
    """What tells whether a filter has changed since its holder looked at it."""
    return sha256(text.encode()).hexdigest()[:32]


def check(o: Opened, text: bytes) -> list[Problem]:
    """What the holder should know about a script before it is stored; nothing is stored or asked. Raises BadScript."""
    _, script = _compiled(text)
    key = filtering.key_of(o.mailbox.id)
    known = {one.address.lower(): one.is_confirmed for one in filtering.forwards(key)} if key else {}
    waiting = [Problem(line, "forward_asked", address) for line, address in script.redirects if not known.get(address.lower())]
    return [*waiting, *_remarks(o, script)]


def put(o: Opened, name: str, text: bytes, *, enqueue: Enqueue | None, now: datetime, was: str | None = None) -> list[Problem]:
    """Store a script under a name; one of that name is replaced, and goes on running if it ran. Returns what to know about it.

    `was`: the version that it replaces, "" for none; without it whatever is there. A new address that it passes mail on to is sent
    a code; `# confirm CODE` in the script gives one back.
    Raises BadScript, BadScriptName, ScriptChanged, TooManyScripts, StandardOnly, units.Gone.
    """
    wanted = checked_name(name)
    plain, script = _compiled(text)
    key = deliverykeys.ensured(o, now=now)
    with store.writing():
        deliverykeys.locked(key, o)
        known = filtering.scripts(key)
        _room(known, wanted, len(text))
        found = next((one for one in known if one.name == wanted), None)
        if was is not None and was != (version(found.text) if found else ""):
            raise ScriptChanged
        _write(key, found.id if found else uuid4(), wanted, plain, is_new=found is None)
    wrong = forwarding.confirm_all(key, _codes(plain), o=o, now=now)
    waiting = forwarding.ask(key, script.redirects, o=o, enqueue=enqueue, now=now)
    _tidy(key)
    return [*waiting, *(wrong if waiting else []), *_remarks(o, script)]


def has_room(o: Opened, name: str, size: int) -> None:
    """Would a script of that size fit (RFC 5804 2.5)? Raises BadScriptName, TooManyScripts."""
    wanted = checked_name(name)
    if size > sievelex.MOST_TEXT:
        raise TooManyScripts
    key = filtering.key_of(o.mailbox.id)
    _room(filtering.scripts(key) if key else [], wanted, size)


def listed(o: Opened) -> list[Listed]:
    """All filters. Raises units.Gone."""
    key = filtering.key_of(o.mailbox.id)
    active = filtering.active_script(o.mailbox.id)
    return [Listed(one.name, one.id == active, one.id) for one in filtering.scripts(key)] if key else []


def text_of(o: Opened, name: str) -> str:
    """A filter as it was written. Raises NoSuchScript, units.Gone."""
    key = filtering.key_of(o.mailbox.id)
    return _named(filtering.scripts(key) if key else [], name).text


def activate(o: Opened, name: str, *, now: datetime) -> None:  # noqa: ARG001
    """Let a filter run from now on, and no other one; an empty name: none. Raises NoSuchScript, units.Gone."""
    key = filtering.key_of(o.mailbox.id)
    if not name:
        with store.writing():
            Mailbox.objects.filter(id=o.mailbox.id).update(script=None)
        return
    if key is None:
        raise NoSuchScript
    with store.writing():
        deliverykeys.locked(key, o)
        Mailbox.objects.filter(id=o.mailbox.id).update(script=_named(filtering.scripts(key), name).id)


def rename(o: Opened, old: str, new: str, *, now: datetime) -> None:  # noqa: ARG001
    """Give a filter another name; it goes on running if it ran. Raises NoSuchScript, ScriptExists, BadScriptName, units.Gone."""
    wanted = checked_name(new)
    key = filtering.key_of(o.mailbox.id)
    if key is None:
        raise NoSuchScript
    with store.writing():
        deliverykeys.locked(key, o)
        known = filtering.scripts(key)
        found = _named(known, old)
        if any(one.name == wanted for one in known):
            raise ScriptExists
        Script.objects.filter(id=found.id).update(name=units.seal(key.unit, f"name {found.id}", wanted))


def delete(o: Opened, name: str, *, now: datetime) -> None:  # noqa: ARG001
    """Delete a filter, for good. Raises NoSuchScript, ScriptActive, units.Gone."""
    key = filtering.key_of(o.mailbox.id)
    if key is None:
        raise NoSuchScript
    with store.writing():
        deliverykeys.locked(key, o)
        found = _named(filtering.scripts(key), name)
        if found.id == filtering.active_script(o.mailbox.id):
            raise ScriptActive
        Script.objects.filter(id=found.id).delete()
    _tidy(key)


def confirm(o: Opened, code: str, *, now: datetime) -> str:
    """Somebody at the address has said the code: from now on mail is passed on. Returns the address. Raises forwarding.WrongCode."""
    key = filtering.key_of(o.mailbox.id)
    if key is None:
        raise forwarding.WrongCode
    return forwarding.confirm(key, code, tenant=o.mailbox.tenant, now=now)


def checked_name(name: str) -> str:
    """A name as RFC 5804 1.6 allows it. Raises BadScriptName."""
    is_odd = any(ord(sign) < 0x20 or 0x7F <= ord(sign) <= 0x9F or sign in "\u2028\u2029" for sign in name)
    if not name.strip() or len(name) > MOST_NAME or is_odd:
        raise BadScriptName
    return name


def _compiled(text: bytes) -> tuple[str, sievecheck.Script]:
    try:
        plain = sievelex.decoded(text)
        return plain, sievecheck.compiled(plain)
    except Wrong as wrong:
        raise BadScript(Problem(wrong.line, wrong.kind, wrong.about)) from None


def _remarks(o: Opened, script: sievecheck.Script) -> list[Problem]:
    names = {one.name for one in views.states(o)} if script.folders else set()
    remarks = [Problem(line, "no_folder", name) for line, name in script.folders if canonical(name) not in names and "${" not in name]
    return remarks + ([Problem(1, "forward_moves")] if script.is_moving else [])


def _codes(plain: str) -> list[tuple[int, str]]:
    """What stands behind `# confirm`."""
    said = [(one.line, one.text.split(None, 1)) for one in sievelex.comments(plain) if one.text.lower().startswith("confirm ")]
    return [(line, words[1]) for line, words in said if len(words) == 2]


def _room(known: Sequence[ScriptRow], name: str, size: int) -> None:
    others = [one for one in known if one.name != name]
    if len(others) >= MOST_SCRIPTS or sum(len(one.text.encode()) for one in others) + size > MOST_BYTES:
        raise TooManyScripts


def _named(known: Iterable[ScriptRow], name: str) -> ScriptRow:
    found = next((one for one in known if one.name == name), None)
    if found is None:
        raise NoSuchScript
    return found


def _write(key: DeliveryKey, script: UUID, name: str, text: str, *, is_new: bool) -> None:
    sealed = {"name": units.seal(key.unit, f"name {script}", name), "text": units.seal(key.unit, f"text {script}", text)}
    if is_new:
        Script.objects.create(id=script, delivery=key, **sealed)
    else:
        Script.objects.filter(id=script).update(**sealed)


def _tidy(key: DeliveryKey) -> None:
    """Addresses that no filter names any more are forgotten, unless one may compute them or cannot be read any more."""
    try:
        scripts = [sievecheck.compiled(one.text) for one in filtering.scripts(key)]
    except Wrong:  # stored before a rule became stricter
        return
    if not any(one.is_moving for one in scripts):
        forwarding.keep_only(key, {address.lower() for one in scripts for _, address in one.redirects})
