"""What the table of shares holds, and how it is read out, ended and erased: each row concerns two people and goes with the first of them.

The holder's side is sealed under the unit of their mailbox, the other side is a keyed hash of the unit of theirs; each of the two units
finds the row by its id alone, so each erasure reaches it, and the access file of each of the two says who the other one is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from stadtmail.kit.holdings import Column, Holding
from stadtmail.mail import given, queries
from stadtmail.mail.actions import sharing
from stadtmail.mail.models import Folder, Mailbox
from stadtmail.mail.sealing import RESIDENT, ROLE

CHUNK = 100  # each is looked for under each city's key


def holding() -> Holding:
    """The declaration."""
    return Holding(
        table="mail.Share",
        personal={"partner": Column(RESIDENT, "sealed", "shared_with"), "grantee": Column(RESIDENT, "keyed_hash", None)},
        harmless={"id": "random id", "unit": "reference by random id", "folder": "reference by random id",
                  "rights": "closed letters (RFC 4314)", "taken": "mark"},
        purge=_purge, find=_find, restrict=_end, export=_said, also=(RESIDENT, ROLE),
    )  # fmt: skip


def _purge(ids: Sequence[UUID]) -> int:
    return sum(sharing.end_of_units(part) for part in _parts(ids))


def _find(ids: Sequence[UUID]) -> int:
    return sum(sharing.of_units(part).count() for part in _parts(ids))


def _end(ids: Sequence[UUID]) -> None:
    """At contract end of either side; a take-back brings no share back: it has to be given again."""
    _purge(ids)


def _said(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """For its subject: with whom they share what, and who shares what with them."""
    for mailbox in Mailbox.objects.filter(unit=unit_id).select_related("unit", "tenant", "contract"):
        assert mailbox.unit is not None
        o = queries.Opened(mailbox)
        for one in given.lent(o):
            name = queries.folder_name(mailbox, mailbox.unit, Folder.objects.get(id=one.folder))
            yield {"shared_folder": name, "shared_with": one.address, "shared_rights": one.rights}
        for theirs in given.given(o):
            yield {"shared_folder": theirs.name, "shared_by": theirs.address, "shared_rights": theirs.rights}


def _parts(ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    return (list(ids[at : at + CHUNK]) for at in range(0, len(ids), CHUNK))
