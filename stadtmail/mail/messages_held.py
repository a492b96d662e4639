"""The messages of a mailbox as the access file has them: where each lies, when it came, what was found about its sender, its bytes."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property, partial
from typing import Any
from uuid import UUID

from stadtmail.mail import queries
from stadtmail.mail.folders import flag_names
from stadtmail.mail.models import Folder, Mailbox, MailboxKey
from stadtmail.privacy import units
from stadtmail.privacy.models import Unit


def messages(unit_id: UUID) -> Iterable[Mapping[str, Any]]:
    """Each message: where it lies, when it came, and `eml`, which opens its bytes when it is called.

    Of a sealed mailbox that nobody has opened (queries.bringing) only how many there are.
    """
    for unit, mailbox in opened(unit_id):
        o = queries.Opened(mailbox)
        words = queries.keywords(o)
        is_open = queries.opens(o, unit_id)
        for folder in Folder.objects.filter(mailbox=mailbox).order_by("number"):
            name = queries.folder_name(mailbox, unit, folder)
            found = queries.uids(o, folder.number, pair=unit_id)
            if found and not is_open:
                yield {"folder": name, "messages": len(found), "sealed": "yes"}
            for uid, flags in found if is_open else ():
                yield Record(o, folder.number, {"folder": name, "uid": uid, "flags": flag_names(flags, words)})


class Record(Mapping[str, Any]):
    """A message in the access file. When it came, what was found about its sender then, and its bytes (`eml`, to be called), are opened
    when somebody asks for them."""

    def __init__(self, o: queries.Opened, folder: int, known: Mapping[str, Any]) -> None:
        self._o, self._folder, self._known = o, folder, known

    def __getitem__(self, key: str) -> Any:
        if key in ("received", "found"):
            at, found = self._arrival
            return at.isoformat() if key == "received" else " ".join(found.split())
        return partial(queries.raw, self._o, self._folder, self._known["uid"]) if key == "eml" else self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._known, "received", "found", "eml"))

    def __len__(self) -> int:
        return len(self._known) + 3

    @cached_property
    def _arrival(self) -> tuple[datetime, str]:
        return queries.arrival(self._o, self._folder, self._known["uid"])


def opened(unit_id: UUID) -> Iterable[tuple[Unit, Mailbox]]:
    """The mailbox of a pair, and the pair's unit. Raises units.Gone."""
    for pair in MailboxKey.objects.filter(unit=unit_id).select_related("unit", "mailbox"):
        units.key(pair.unit)  # raises Gone
        yield pair.unit, pair.mailbox
