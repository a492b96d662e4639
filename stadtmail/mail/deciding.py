"""Where a message goes: asked in memory, before anything is stored. Whatever fails here, the message is kept in the inbox.

A person's filter decides, opened under their delivery key; without one it is the inbox, or Junk where the verdict says so.
Nothing is sent or stored here but a folder or a keyword that a filter asks for: see actions/passing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from uuid import UUID

from stadtmail.kit import errors, log
from stadtmail.mail import checked, filtering, replies
from stadtmail.mail.actions import changing, foldering
from stadtmail.mail.folders import FLAG_NAMES
from stadtmail.mail.models import DeliveryKey, Folder, Mailbox
from stadtmail.mail.queries import Opened
from stadtmail.mail.sealing import Target
from stadtmail.mail.verdicts import Verdict
from stadtmail.mail.views import canonical
from stadtmail.privacy import policy, units
from stadtmail.tenants import queries as tenants
from stadtmail.tenants.models import Tenant
from stadtmail.wire import sieverun
from stadtmail.wire.sieveactions import File, Mark, Outcome, Redirect
from stadtmail.wire.sievelex import Wrong
from stadtmail.wire.sievemail import Raw

JUNK = "junk"
MOST_RECEIVED = 30  # a message that has come so far is in a circle
_BITS = {name.lower(): bit for bit, name in FLAG_NAMES.items()}


@dataclass(frozen=True)
class Place:
    """A folder (None: the inbox), and the flags that the message gets there."""

    folder: UUID | None = None
    flags: int = 0


@dataclass(frozen=True)
class Decision:
    """What happens to a message for one mailbox. `reject`: what its sender is told; `key`: under which the rest is remembered."""

    places: tuple[Place, ...] = (Place(),)
    reject: str | None = field(default=None, repr=False)
    redirects: tuple[Redirect, ...] = ()
    reply: replies.Answer | None = None
    marks: tuple[Mark, ...] = ()
    key: DeliveryKey | None = None


INBOX = Decision()


def decide(target: Target, raw: bytes, verdict: Verdict | None, *, sender: str, now: datetime) -> Decision:
    """What happens to a message that `sender` (empty: a bounce) sends to a mailbox. Never raises."""
    if target.script is None:
        return INBOX if verdict is None or not verdict.is_junk else Decision((Place(_junk(target)),))
    try:
        return _Case(target, raw, verdict, sender, now).decided()
    except (units.Gone, Wrong):  # being erased; or a script from before a rule was made stricter
        return INBOX
    except Exception as error:  # noqa: BLE001 - a bug in a filter must not cost anybody a message
        log.bug(error, role="delivery")
        return INBOX


def _junk(target: Target) -> UUID | None:
    found: UUID | None = Folder.objects.filter(mailbox=target.mailbox, role=JUNK).values_list("id", flat=True).first()
    return found


class _Case:
    """One message, one mailbox, one script; it is what the script may ask about besides the message (sieverun.World)."""

    def __init__(self, target: Target, raw: bytes, verdict: Verdict | None, sender: str, at: datetime) -> None:
        self._target, self._mail, self._verdict, self._sender, self._at = target, Raw(raw), verdict, sender, at
        self._is_junk = verdict is not None and verdict.is_junk
        found = filtering.at_delivery(target.mailbox, target.script) if target.script else None
        if found is None:
            raise units.Gone
        self._key, self._text = found

    def decided(self) -> Decision:
        """Run the script and settle what it wants."""
        envelope = sieverun.Envelope(self._sender, self._target.address)
        outcome = sieverun.run(checked.script(self._text), self._mail, envelope, self)
        if outcome.problem:
            log.event("filter_broke", role="delivery", kind=outcome.problem)
        if outcome.reject is not None:
            return Decision((), reject=outcome.reject.reason, marks=outcome.marks, key=self._key)
        redirects, kept = self._redirects(outcome)
        places = {place.folder: place for place in (self._place(one) for one in (*outcome.files, *kept))}
        return Decision(tuple(places.values()), None, redirects, self._reply(outcome), outcome.marks, self._key)

    # --- what the script may ask --------------------------------------------------------------------------------------

    @cached_property
    def now(self) -> datetime:
        return self._at.astimezone(policy.current(self._tenant).tz)

    @cached_property
    def _tenant(self) -> Tenant:
        return tenants.city(self._target.tenant)

    @cached_property
    def _folders(self) -> dict[str, filtering.FolderName]:
        return {one.name: one for one in filtering.folders(self._target.mailbox)}

    @cached_property
    def _box(self) -> Opened:
        return Opened(Mailbox.objects.get(id=self._target.mailbox))

    def has_folder(self, name: str) -> bool:
        return canonical(name) in self._folders

    def has_use(self, name: str, use: str) -> bool:
        return any(f"\\{one.role}" == use for one in self._folders.values() if not name or one.name == canonical(name))

    def was_seen(self, id_: str) -> bool:
        return filtering.is_remembered(self._key, "duplicate", id_, now=self._at)

    # --- what becomes of what it wants --------------------------------------------------------------------------------

    def _place(self, file: File) -> Place:
        return Place(self._folder(file), self._flags(file.flags))

    def _folder(self, file: File) -> UUID | None:
        if not file.folder:
            return _junk(self._target) if file.implied and self._is_junk else None
        found = next((one for one in self._folders.values() if file.use and f"\\{one.role}" == file.use), None)
        found = found or self._folders.get(canonical(file.folder))
        if found is not None:
            return None if found.name == "INBOX" else found.id  # one and the same place as `keep` (RFC 5228 2.10.3)
        try:
            return foldering.create(self._box, file.folder, now=self._at) if file.create else None
        except errors.StadtmailError:  # no name for a folder, too many of them
            return None
        finally:
            self.__dict__.pop("_folders", None)

    def _flags(self, names: Sequence[str]) -> int:
        flags = sum(_BITS[name.lower()] for name in names if name.lower() in _BITS)
        words = [name for name in names if name.lower() not in _BITS]
        try:
            return flags | changing.keyword_bits(self._box, words, now=self._at) if words else flags
        except errors.StadtmailError:  # the mailbox has all the keywords that it can have
            return flags

    def _redirects(self, outcome: Outcome) -> tuple[tuple[Redirect, ...], list[File]]:
        """Those that may go out; for the others the message is kept, unless it was a copy."""
        if not outcome.redirects:
            return (), []
        may_leave = not self._is_junk and not self._has_passed()
        going = tuple(one for one in outcome.redirects if may_leave and filtering.may_forward(self._key, one.address))
        kept = [File(flags=outcome.flags, implied=True) for one in outcome.redirects if one not in going and one.keeps]
        return going, kept

    def _has_passed(self) -> bool:
        """Did we pass it on already, or is it going round in a circle?"""
        own = replies.passed_mark(self._key)
        return own in self._mail.header(replies.PASSED) or len(self._mail.header("received")) > MOST_RECEIVED

    def _reply(self, outcome: Outcome) -> replies.Answer | None:
        if outcome.reply is None or self._is_junk or (self._verdict and "fail" in (self._verdict.spf, self._verdict.dmarc)):
            return None
        return replies.answer(outcome.reply, self._mail, sender=self._sender, target=self._target, tenant=self._tenant)


def inbox_too(decision: Decision) -> Decision:
    """The same, and the message is in the inbox as well."""
    return decision if Place() in decision.places else replace(decision, places=(*decision.places, Place()))
