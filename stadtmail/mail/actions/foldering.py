"""Folders are made, renamed, deleted and subscribed. Names are sealed under the mailbox's unit key; "/" parts the levels.

A name that returns is another folder: its uidvalidity is greater than any the mailbox has given. Standard folders stay.
"""

import unicodedata
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.mail import given, queries, views
from stadtmail.mail.actions import removing, sharing
from stadtmail.mail.actions.changing import StandardOnly, locked, move
from stadtmail.mail.folders import INBOX
from stadtmail.mail.models import Expunged, Folder, Mailbox, Message, Subscription
from stadtmail.mail.queries import Opened
from stadtmail.mail.views import NoSuchFolder, canonical
from stadtmail.privacy import units

MOST_FOLDERS, MOST_NAME, MOST_LEVELS = 1000, 255, 12


class FolderExists(errors.Conflict):
    """There is a folder with this name."""


class BadName(errors.NotAllowed):
    """That cannot be the name of a folder."""


class StandardFolder(errors.NotAllowed):
    """A standard folder cannot be deleted."""


class HasChildren(errors.Conflict):
    """A folder that has others below it is not deleted; they go first."""


class TooManyFolders(errors.OverQuota):
    """The mailbox has all the folders that it can have."""


def create(o: Opened, name: str, *, use: str = "", subscribed: bool = True, now: datetime) -> UUID:
    """Make a folder (for a use of RFC 6154) and those above it that are missing. What was subscribed by that name still is.

    Raises FolderExists, BadName, TooManyFolders, StandardOnly.
    """
    wanted = _checked(name)
    with store.writing():
        box = _box(o)
        known = {one.name for one in views.states(o)}
        if wanted in known:
            raise FolderExists
        levels = wanted.split("/")
        missing = [one for one in ("/".join(levels[: n + 1]) for n in range(len(levels))) if one not in known]
        if len(known) + len(missing) > MOST_FOLDERS:
            raise TooManyFolders
        kept = {name: row for row, name in views.subscriptions(o).items()}
        Subscription.objects.filter(id__in=[kept[one] for one in missing if one in kept]).delete()
        made = [_make(box, one, now, use=use if one == wanted else "", subscribed=subscribed or one in kept) for one in missing]
    return made[-1]


def rename(o: Opened, old: str, new: str, *, now: datetime) -> None:
    """Give a folder, and all below it, another name. The inbox stays, and its messages move (RFC 9051 6.3.6).

    Raises NoSuchFolder, FolderExists, BadName.
    """
    source, wanted = canonical(old), _checked(new)
    if source == "INBOX":
        _empty_inbox(o, wanted, now)
        return
    with store.writing():
        box = _box(o)
        known = {one.name: one for one in views.states(o)}
        below = [one for one in known.values() if one.name == source or one.name.startswith(f"{source}/")]
        if not below:
            raise NoSuchFolder
        names = {one.id: wanted + one.name[len(source) :] for one in below}
        if wanted.startswith(f"{source}/") or any(name in known and known[name].id not in names for name in names.values()):
            raise FolderExists
        if any(len(name) > MOST_NAME for name in names.values()):
            raise BadName
        unit = _unit(box)
        for folder, name in names.items():
            Folder.objects.filter(id=folder).update(name=units.seal(unit, f"folder {folder}", name), uidvalidity=_validity(box, now))
        levels = wanted.split("/")[:-1]
        taken = set(names.values()) | {name for name, one in known.items() if one.id not in names}
        for one in ("/".join(levels[: n + 1]) for n in range(len(levels))):
            if one not in taken:
                _make(box, one, now)


def delete(o: Opened, name: str, *, keep_subscription: bool = False, now: datetime) -> UUID:  # noqa: ARG001
    """Delete a folder with its messages, for good. Raises NoSuchFolder, StandardFolder, HasChildren.

    `keep_subscription`: its name stays subscribed, as mail programs may expect (RFC 9051 6.3.7).
    """
    with store.writing():
        box = _box(o)
        folders = views.states(o)
        found = next((one for one in folders if one.name == canonical(name)), None)
        if found is None:
            raise NoSuchFolder
        if found.role:
            raise StandardFolder
        if any(one.name.startswith(f"{found.name}/") for one in folders):
            raise HasChildren
        locked(o, found.id)
        ids = list(Message.objects.filter(folder=found.id).values_list("id", flat=True))
        removing.delete_ids(ids, mailbox=o.mailbox.id, halves=o.halves)
        Expunged.objects.filter(folder=found.id)._raw_delete("default")
        sharing.end_of_folder(found.id)
        Folder.objects.filter(id=found.id)._raw_delete("default")
        if keep_subscription and found.subscribed:
            _remember(box, found.name)
    return found.id


def subscribe(o: Opened, name: str, *, on: bool, now: datetime) -> None:  # noqa: ARG001
    """Show a folder in the list of subscribed ones, or not; also one that is gone and still in that list. Raises NoSuchFolder."""
    with store.writing():
        gone = [row for row, kept in views.subscriptions(o).items() if kept == canonical(name)]
        if not gone:
            Folder.objects.filter(id=views.named(o, name).id, mailbox_id=o.mailbox.id).update(subscribed=on)
        elif not on:
            Subscription.objects.filter(id__in=gone).delete()


def tell_recent(o: Opened, folder: UUID, *, before: int, now: datetime) -> None:  # noqa: ARG001
    """A mail program has been told of all messages before this uid: to the next one they are not recent (RFC 3501 2.3.2)."""
    with store.writing():
        Folder.objects.filter(id=folder, mailbox_id=o.mailbox.id, recent__lt=before).update(recent=before)


def _remember(box: Mailbox, name: str) -> None:
    if Subscription.objects.filter(mailbox=box).count() < MOST_FOLDERS:
        row = Subscription(mailbox=box)
        row.name = units.seal(_unit(box), f"subscription {row.id}", name)
        row.save(force_insert=True)


def _empty_inbox(o: Opened, wanted: str, now: datetime) -> None:
    with store.writing():
        target = create(o, wanted, now=now)
        inbox = Folder.objects.get(mailbox_id=o.mailbox.id, role=INBOX)
        move(o, inbox.id, list(Message.objects.filter(folder=inbox).values_list("uid", flat=True)), to=target, now=now)


def _make(box: Mailbox, name: str, now: datetime, *, use: str = "", subscribed: bool = True) -> UUID:
    newest = Folder.objects.filter(mailbox=box).order_by("-number").values_list("number", flat=True).first() or 0
    folder = Folder(mailbox=box, number=newest + 1, use=use, subscribed=subscribed, uidvalidity=_validity(box, now))
    folder.name = units.seal(_unit(box), f"folder {folder.id}", name)
    folder.save(force_insert=True)
    return folder.id


def _validity(box: Mailbox, now: datetime) -> int:
    """A uidvalidity that no folder of this mailbox has ever had."""
    newest = Folder.objects.filter(mailbox=box).order_by("-uidvalidity").values_list("uidvalidity", flat=True).first() or 0
    box.last_validity = max(int(now.timestamp()), box.last_validity + 1, newest + 1)
    Mailbox.objects.filter(id=box.id).update(last_validity=box.last_validity)
    return box.last_validity


def _box(o: Opened) -> Mailbox:
    if o.mailbox.unit_id is None:
        raise StandardOnly
    found = store.locked(Mailbox.objects.filter(id=o.mailbox.id)).select_related("unit").first()
    if not isinstance(found, Mailbox):
        raise queries.NoSuchMailbox
    return found


def _unit(box: Mailbox):  # type: ignore[no-untyped-def]
    assert box.unit is not None
    return box.unit


def _checked(name: str) -> str:
    wanted = canonical(unicodedata.normalize("NFC", name))
    levels = wanted.split("/")
    if levels[0].strip().casefold() == given.OTHERS.casefold():  # there is what others share
        raise BadName
    if not wanted or len(wanted) > MOST_NAME or len(levels) > MOST_LEVELS or any(not one.strip() for one in levels):
        raise BadName
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in wanted) or any(sign in wanted for sign in "*%"):
        raise BadName
    return wanted
