"""Folders are shared with somebody of the same city, given back, and taken away again; every end of a side ends it (RFC 4314).

Rights stand from the commit that gives them until the one that takes them. Locks: units, mailboxes, folder; taking away locks the folder,
as whoever writes into it does, so that nobody writes with a right that is gone.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from stadtmail.kit import errors, store
from stadtmail.mail import given, guests, queries, views
from stadtmail.mail.actions.changing import locked
from stadtmail.mail.models import OPEN, Folder, Mailbox, MailboxKey
from stadtmail.mail.queries import Opened
from stadtmail.mail.shares import GIVEN, Share, ordered
from stadtmail.people import queries as people
from stadtmail.privacy import units
from stadtmail.privacy.models import LIVE, Unit
from stadtmail.tenants import queries as tenants
from stadtmail.tenants.models import Tenant
from stadtmail.usage import bell, limits

MOST_OF_FOLDER, MOST_OF_MAILBOX, MOST_TO_ONE = 50, 500, 200
MOST_WRONG, DAY = 30, 86_400  # names that nothing could be shared with, in a day
Change = Callable[[str], str]  # the rights that somebody has -> those that they are to have


class CannotShare(errors.NotAllowed):
    """Nothing can be shared with this address: there is none, it is a further one, it is of another city, or it is one's own."""


class SealedHere(errors.NotAllowed):
    """A sealed mailbox shares nothing: nobody but its holder can open it."""


class TooManyShares(errors.OverQuota):
    """So many shares of a folder, of a mailbox, or with one person are not possible."""


class TooManyNames(errors.TryLater):
    """Too many addresses were tried that nothing could be shared with."""


def share(o: Opened, folder: UUID, address: str, change: Change, *, now: datetime) -> str:
    """Give somebody these rights to a folder; none takes it away. Returns the rights that they have now.

    Raises CannotShare, SealedHere, TooManyShares, TooManyNames, NoSuchFolder.
    """
    key = o.mailbox.id.hex
    if not limits.is_open("share.wrong", key, limit=MOST_WRONG, per_seconds=DAY, now=now):
        raise TooManyNames
    other = _partner(o.mailbox.tenant, address)
    if other is None or other.id == o.mailbox.id:
        limits.allow("share.wrong", key, limit=MOST_WRONG, per_seconds=DAY, now=now)
        raise CannotShare
    return _put(o, folder, other, change)


def withdraw(o: Opened, folder: UUID, address: str, *, now: datetime) -> bool:  # noqa: ARG001
    """Take a folder away from whoever has this address. Returns whether they had it. Raises NoSuchFolder."""
    wanted = address.strip().lower()
    with store.writing():
        locked(o, folder)
        found = [one.id for one in given.lent(o, folder) if one.address == wanted]
        _end(Share.objects.filter(id__in=found))
    return bool(found)


def withdraw_one(o: Opened, share: UUID, *, now: datetime) -> None:  # noqa: ARG001
    """Take away one share of the holder's. What is not there any more is no error: it is what was wanted."""
    with store.writing():
        row = Share.objects.filter(id=share, folder__mailbox_id=o.mailbox.id).first()
        if row is not None:
            locked(o, row.folder_id)
            _end(Share.objects.filter(id=share))


def take(o: Opened, share: UUID, *, on: bool, now: datetime) -> None:  # noqa: ARG001
    """Whom it is shared with wants to see it among their folders, or not any more. Raises NoSuchFolder."""
    with store.writing():
        if not _of_guest(o, share).update(taken=on):
            raise views.NoSuchFolder


def leave(o: Opened, share: UUID, *, now: datetime) -> None:  # noqa: ARG001
    """Whom it is shared with does not want it: the right ends, without a word to its holder but the list."""
    with store.writing():
        row = _of_guest(o, share).first()
        if row is not None:
            store.locked(Folder.objects.filter(id=row.folder_id)).first()
            _end(Share.objects.filter(id=row.id))


def end_of_folder(folder: UUID) -> None:
    """The folder goes. Call inside `store.writing()`."""
    _end(Share.objects.filter(folder=folder))


def end_of_mailbox(mailbox: UUID) -> int:
    """Nothing of this mailbox is shared any more. Call inside `store.writing()`. Returns how much was."""
    return _end(Share.objects.filter(folder__mailbox=mailbox))


def end_of_units(ids: Sequence[UUID]) -> int:
    """Nothing is shared any more by or with the mailboxes of these units. Call inside `store.writing()`. Returns how much was."""
    return _end(of_units(ids))


def end_restored() -> int:
    """After a restore: what was shared when the backup was made may have been taken away since. Returns how much was shared."""
    with store.writing():
        return _end(Share.objects.all())


def follow(tenant: UUID, old: UUID, new: UUID) -> None:
    """A mailbox has another unit: what others share with it is found by that one. Call inside `store.writing()`."""
    Share.objects.filter(grantee=guests.mark(tenant, old)).update(grantee=guests.mark(tenant, new))


def of_units(ids: Sequence[UUID]) -> "QuerySet[Share]":
    """Everything that is shared by or with the mailboxes of these units, by nothing but their ids: read back when they are gone."""
    marks = [guests.mark(city.id, unit) for city in tenants.cities() for unit in ids]
    return Share.objects.filter(Q(unit__in=list(ids)) | Q(grantee__in=marks))


def _partner(tenant: Tenant, address: str) -> Mailbox | None:
    """The mailbox of whoever has this as their own first address in the city; a further address says nothing of whose it is."""
    localpart, _, domain = address.strip().lower().rpartition("@")
    known = people.address(tenant, localpart) if domain == tenant.domain and localpart else None
    if known is None or known.contract_id is None:
        return None
    return Mailbox.objects.filter(tenant=tenant, contract=known.contract_id, state=OPEN, contract__state="active").first()


def _put(o: Opened, folder: UUID, other: Mailbox, change: Change) -> str:
    with store.writing():
        boxes = Mailbox.objects.filter(id__in=[o.mailbox.id, other.id], tenant=o.mailbox.tenant_id, state=OPEN, contract__state="active")
        living = list(store.locked(Unit.objects.filter(id__in=list(boxes.values_list("unit", flat=True)), state=LIVE)))
        known = {row.id: row for row in store.locked(boxes.filter(unit__in=living))}  # the claim of an erasure locks the same units
        if other.id not in known or o.mailbox.id not in known:
            raise CannotShare
        locked(o, folder)
        if not MailboxKey.objects.filter(mailbox=o.mailbox, current=True).exclude(private=None).exists():
            raise SealedHere
        unit = next(one for one in living if one.id == known[o.mailbox.id].unit_id)
        grantee = known[other.id].unit_id
        assert grantee is not None
        own = guests.mark(o.mailbox.tenant_id, grantee)
        row = Share.objects.filter(folder=folder, grantee=own).first()
        rights = ordered(change(row.rights if row else ""))
        assert set(rights) <= set(GIVEN)
        if row is not None and rights:
            Share.objects.filter(id=row.id).update(rights=rights)
            _ring([folder])
        elif row is not None:
            _end(Share.objects.filter(id=row.id))
        elif rights:
            _make(o, folder, (other.id, own), rights, unit)
    return rights


def _make(o: Opened, folder: UUID, partner: tuple[UUID, bytes], rights: str, unit: Unit) -> None:
    other, own = partner
    here = Share.objects.filter(folder__mailbox=o.mailbox)
    full = here.filter(folder=folder).count() >= MOST_OF_FOLDER or here.count() >= MOST_OF_MAILBOX
    if full or Share.objects.filter(grantee=own).count() >= MOST_TO_ONE:
        raise TooManyShares
    made = Share(unit=unit, folder_id=folder, grantee=own, rights=rights)
    made.partner = units.seal(unit, f"share {made.id}", other.bytes)
    made.save(force_insert=True)


def _of_guest(o: Opened, share: UUID) -> "QuerySet[Share]":
    if o.mailbox.unit_id is None:
        raise queries.NoSuchMailbox
    return Share.objects.filter(id=share, grantee=guests.mark(o.mailbox.tenant_id, o.mailbox.unit_id))


def _end(rows: "QuerySet[Share]") -> int:
    """Whoever has one of the folders open hears of it at once."""
    found = list(rows.values_list("id", "folder"))
    for at in range(0, len(found), 400):
        Share.objects.filter(id__in=[share for share, _ in found[at : at + 400]])._raw_delete("default")
    _ring({folder for _, folder in found})
    return len(found)


def _ring(folders: Sequence[UUID] | set[UUID]) -> None:
    def tell() -> None:
        for folder in folders:
            bell.ring(folder)

    if folders:
        transaction.on_commit(tell)
