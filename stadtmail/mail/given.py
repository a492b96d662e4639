"""Reads of shared folders: what others share with a mailbox's holder, and with whom a holder shares their own.

Looks into a shared folder are noted nowhere: who has access is shown to both sides, who read when is not (C-4.2).
"""

from dataclasses import dataclass, field, replace
from uuid import UUID

from stadtmail.kit import store
from stadtmail.mail import guests, queries, views
from stadtmail.mail.guests import Guest
from stadtmail.mail.models import Mailbox
from stadtmail.mail.queries import Opened
from stadtmail.mail.shares import Share
from stadtmail.mail.views import State
from stadtmail.people import queries as people
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING

OTHERS = "Andere Personen"  # the first level of what others share, as mail programs see it


@dataclass(frozen=True)
class Given:
    """A folder that somebody shares with the reader. `state.name` is its name in the reader's mail program."""

    id: UUID
    owner: Mailbox = field(repr=False)
    address: str = field(repr=False)  # of its holder
    name: str = field(repr=False)  # as its holder calls it
    state: State
    rights: str
    taken: bool
    guest: Guest

    def opened(self, needs: str = "r") -> Opened:
        """The right to this one folder, for as long as these rights stand."""
        return Opened(self.owner, guest=replace(self.guest, needs=needs))


@dataclass(frozen=True)
class Lent:
    """A folder that a holder shares, with whom, and what they may do."""

    id: UUID
    folder: UUID
    address: str = field(repr=False)
    rights: str


def given(o: Opened) -> list[Given]:
    """What others share with the holder of this mailbox at this moment."""
    if o.mailbox.unit_id is None or o.guest is not None:
        return []
    own = guests.mark(o.mailbox.tenant_id, o.mailbox.unit_id)
    rows = guests.rows(o.mailbox.tenant_id, own)
    if not rows:
        return []
    wanted = Mailbox.objects.filter(id__in={store.as_id(row[3]) for row in rows}, tenant=o.mailbox.tenant_id)
    owners = {box.id: box for box in wanted.select_related("tenant", "contract", "unit")}
    addresses: dict[UUID, str] = {}
    found = []
    for share, rights, taken, box, *columns in rows:
        owner = owners.get(store.as_id(box))
        if owner is None:
            continue
        try:
            if owner.id not in addresses:
                addresses[owner.id] = address_of(owner)
            guest = Guest(o.mailbox.tenant_id, store.as_id(columns[0]), own)
            state = views.guest_state(Opened(owner, guest=guest), columns)
        except (units.Gone, guests.NotShared):  # its holder is just going
            continue
        full = f"{OTHERS}/{addresses[owner.id]}/{state.name}"
        shown = replace(state, name=full, role="", use="", subscribed=bool(taken))
        found.append(Given(store.as_id(share), owner, addresses[owner.id], state.name, shown, rights, bool(taken), guest))
    return sorted(found, key=lambda one: one.state.name)


def named(o: Opened, name: str) -> Given:
    """The folder of somebody else that has this name in the reader's mail program. Raises NoSuchFolder."""
    first, _, rest = name.partition("/")
    address, _, inner = rest.partition("/")
    wanted = f"{first}/{address.lower()}/{views.canonical(inner)}"
    found = next((one for one in given(o) if one.state.name == wanted), None) if first == OTHERS else None
    if found is None:
        raise views.NoSuchFolder
    return found


def with_id(o: Opened, share: UUID) -> Given:
    """The same by the share's id. Raises NoSuchFolder."""
    found = next((one for one in given(o) if one.id == share), None)
    if found is None:
        raise views.NoSuchFolder
    return found


def words(one: Given) -> dict[int, str]:
    """The keywords that messages in this folder have: bit -> name. Its holder's other ones are nobody's business. Raises units.Gone."""
    used = views.flags_in_use(one.guest.folder)
    return {bit: name for bit, name in queries.keywords(one.opened("")).items() if used >> bit & 1}


def is_others(name: str) -> bool:
    """Does the name belong to the part of the tree that shows what others share?"""
    return name.partition("/")[0] == OTHERS


def lent(o: Opened, folder: UUID | None = None) -> list[Lent]:
    """With whom the holder of this mailbox shares (this folder, or any), in the order of names; who is just being erased is left out."""
    rows = Share.objects.filter(folder__mailbox_id=o.mailbox.id).order_by("id")
    here = list(rows if folder is None else rows.filter(folder=folder))
    if not here:
        return []
    box = Mailbox.objects.select_related("unit").get(id=o.mailbox.id)
    assert box.unit is not None
    partners = {row.id: UUID(bytes=units.unseal(box.unit, f"share {row.id}", row.partner)) for row in here}
    boxes = Mailbox.objects.filter(id__in=set(partners.values()), tenant=box.tenant_id).exclude(unit__state=ERASING)
    known = {one.id: one for one in boxes.select_related("tenant", "contract")}
    found = []
    for row in here:
        if (partner := known.get(partners[row.id])) is not None:
            try:
                found.append(Lent(row.id, row.folder_id, address_of(partner), row.rights))
            except units.Gone:
                continue
    return sorted(found, key=lambda one: one.address)


def address_of(box: Mailbox) -> str:
    """The address of a mailbox's holder. Raises units.Gone."""
    if box.contract is None:
        raise queries.NoSuchMailbox
    return people.holder(box.tenant, box.contract).address.lower()
