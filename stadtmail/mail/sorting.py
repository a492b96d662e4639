"""What SORT and THREAD compare (RFC 5256): read from sealed envelopes some messages at a time, forgotten with the answer."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from stadtmail.mail import views
from stadtmail.mail.queries import Opened
from stadtmail.mail.views import Mail
from stadtmail.wire import imapsort
from stadtmail.wire.imapsort import Criterion
from stadtmail.wire.imapthread import Facts

CHUNK = 200
Numbered = tuple[int, int, int]  # uid, sequence number, what the client is told


def keys(o: Opened, folder: UUID, wanted: Sequence[Numbered], by: Sequence[Criterion]) -> Iterator[list[tuple[int, list[Any]]]]:
    """(uid, its keys) of those that are there: each `next` is a bounded piece of work. Raises units.Gone."""
    read = [_KEYS[one.name] for one in by]
    for part in _parts(wanted):
        yield [(mail.uid, [key(mail) for key in read]) for mail in views.mails(o, folder, [uid for uid, *_ in part])]


def ordered(found: list[tuple[int, list[Any]]], by: Sequence[Criterion]) -> list[int]:
    """The uids in the order that the criteria mean; what is equal keeps its place (RFC 5256 3)."""
    for place, one in reversed(list(enumerate(by))):
        found.sort(key=lambda row, place=place: row[1][place], reverse=one.is_reverse)  # type: ignore[misc]
    return [uid for uid, _ in found]


def facts(o: Opened, folder: UUID, wanted: Sequence[Numbered]) -> Iterator[list[Facts]]:
    """What threads are made from, in portions. Raises units.Gone."""
    for part in _parts(wanted):
        names = {uid: (seq, number) for uid, seq, number in part}
        yield [_facts(mail, *names[mail.uid]) for mail in views.mails(o, folder, list(names))]


def _facts(mail: Mail, seq: int, number: int) -> Facts:
    one = mail.envelope
    return Facts(number, seq, sent_at(mail), one.subject, one.message_id, one.references, one.in_reply_to)


def sent_at(mail: Mail) -> datetime:
    """The sent date of RFC 5256 2.2: of the header, else of the arrival."""
    return mail.envelope.date or mail.envelope.received_at


def _parts(wanted: Sequence[Numbered]) -> Iterator[Sequence[Numbered]]:
    return (wanted[at : at + CHUNK] for at in range(0, len(wanted), CHUNK))


def _mailbox(of: str) -> Callable[[Mail], str]:
    """The part before the @ of the first address."""
    return lambda mail: imapsort.collated(mail.first_address(of)[1])


def _display(of: str) -> Callable[[Mail], str]:
    """RFC 5957 3: the first address's name, a group's name, or else the address itself."""

    def read(mail: Mail) -> str:
        name, mailbox, host = mail.first_address(of)
        return imapsort.collated(name or (f"{mailbox}@{host}" if host else mailbox))

    return read


_KEYS: dict[str, Callable[[Mail], Any]] = {
    "ARRIVAL": lambda mail: mail.envelope.received_at,
    "DATE": sent_at,
    "SIZE": lambda mail: mail.size_bytes,
    "SUBJECT": lambda mail: imapsort.collated(imapsort.base_subject(mail.envelope.subject)[0]),
    "FROM": _mailbox("from"),
    "TO": _mailbox("to"),
    "CC": _mailbox("cc"),
    "DISPLAYFROM": _display("from"),
    "DISPLAYTO": _display("to"),
}
