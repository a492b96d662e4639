"""Reads for whoever writes a message: drafts as they lie in the Drafts folder, what an answer begins with, and to whom one wrote last.

A draft is a message like any other, so that mail programs see it. What only its writer needs (fields as they were typed, which
message is answered) stands in a header of its own, which never leaves.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from uuid import UUID, uuid4

from stadtmail.mail import bodies, queries, transit, views
from stadtmail.mail.bodies import Attachment
from stadtmail.mail.envelope import Addresses, Envelope
from stadtmail.mail.leaving import Leg
from stadtmail.mail.models import Folder, Message, Planned, Signature
from stadtmail.mail.queries import NoSuchMessage, Opened
from stadtmail.mail.views import Mail
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING
from stadtmail.vault.seal import Unreadable
from stadtmail.wire import compose, mdn, mime, mimewords, quoting, typed

DRAFTS, SENT = "drafts", "sent"
REPLY, FORWARD = "reply", "forward"
NEWEST, CORRESPONDENTS = 100, 60  # sent messages that are looked at for suggestions, and how many are made
MOST_ON_THE_WAY = 200
_MOST_FIELD = 256 * 1024  # of the header with the fields as they were typed


@dataclass(frozen=True, repr=False)
class Draft:
    """A message that is being written. `uid` is 0 before it is saved; `original`: how and of which message it is an answer."""

    sender: str = ""
    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    ident: UUID = field(default_factory=uuid4)
    original: str = ""
    in_reply_to: str = ""
    references: str = ""
    uid: int = 0
    message: UUID | None = None
    files: tuple[Attachment, ...] = ()
    planned: "Plan | None" = None
    html: str = ""  # what was written with a design, as it lies there: whoever shows or keeps it cleans it
    receipt: bool = False  # a notice that it was shown is asked for


@dataclass(frozen=True)
class Plan:
    """When a draft will be sent; `later`: at a moment that the person chose."""

    at: datetime
    later: bool


@dataclass(frozen=True, repr=False)
class Waiting:
    """A planned message in the list."""

    message: UUID
    uid: int
    subject: str
    to: Addresses
    plan: Plan


@dataclass(frozen=True, repr=False)
class OnTheWay:
    """A message that has not arrived everywhere: its subject and who does not have it yet. `held`: nothing leaves from here."""

    subject: str
    to: tuple[str, ...]
    held: bool


def folder(o: Opened, role: str) -> Folder:
    """The folder with this role. Raises NoSuchMessage where there is none."""
    found = Folder.objects.filter(mailbox=o.mailbox, role=role).first()
    if found is None:
        raise NoSuchMessage
    return found


def draft(o: Opened, uid: int) -> Draft:
    """A draft by its number in the Drafts folder. Raises NoSuchMessage, units.Gone."""
    row, record = queries.record(o, folder(o, DRAFTS).number, uid)
    envelope = record.envelope(bytes(row.envelope))
    head = b"".join(bodies.between(bodies.raw(row, record), 0, envelope.root.body))
    kept, view, parts = _kept(head), bodies.view(row, record, envelope.root), mime.shown(envelope.root)
    header = mime.parse(head)
    bcc = mimewords.addresses(header.first(b"bcc"))
    return Draft(
        sender=kept.get("sender") or next((address for _, address in envelope.sender), ""),
        to=kept.get("to") or typed.shown(envelope.to),
        cc=kept.get("cc") or typed.shown(envelope.cc),
        bcc=kept.get("bcc") or typed.shown(bcc),
        subject=envelope.subject,
        text=view.text if view.text is not None else quoting.of_html(view.html or ""),
        ident=ident_of(envelope.message_id),
        original=kept.get("original", ""),
        in_reply_to=envelope.in_reply_to,
        references=envelope.references,
        uid=uid,
        message=row.id,
        files=tuple(Attachment(one.id, one.saved_as, one.type, one.size_bytes) for one in (*parts.attachments, *parts.pictures)),
        planned=plan(row.id),
        html=view.html or "",
        receipt=bool(header.first(mdn.ASKS)),
    )


def kept_fields(values: Mapping[str, str]) -> str:
    """Fields as they were typed, for the draft's own header."""
    given = json.dumps({name: value for name, value in values.items() if value}, ensure_ascii=False)
    return b64encode(given.encode("utf-8", "replace")).decode()


def _kept(head: bytes) -> dict[str, str]:
    """What `kept_fields` wrote; nothing for what somebody else wrote there."""
    value = mime.parse(head).first(compose.DRAFT_FIELD)[:_MOST_FIELD]
    try:
        found = json.loads(b64decode(value.replace(b" ", b""), validate=True))
    except ValueError:
        return {}
    given = found if isinstance(found, dict) else {}
    return {name: value for name, value in given.items() if isinstance(name, str) and isinstance(value, str)}


def original_of(raw: bytes) -> tuple[str, UUID] | None:
    """(how, which message) a draft answers or passes on, as its own header says."""
    head = raw[: raw.find(b"\r\n\r\n") + 4]
    how, _, name = _kept(head).get("original", "").partition(" ")
    try:
        return (how, UUID(name)) if how in (REPLY, FORWARD) else None
    except ValueError:
        return None


def ident_of(message_id: str) -> UUID:
    """The random id in a Message-ID of ours, or a new one."""
    try:
        return UUID(message_id.strip("<> ").partition("@")[0])
    except ValueError:
        return uuid4()


def plan(message: UUID) -> Plan | None:
    """When this draft will be sent, if it will."""
    found = Planned.objects.filter(message=message).values_list("at", "later").first()
    return Plan(*found) if found else None


def planned(o: Opened) -> list[Waiting]:
    """What waits to be sent, the next one first. Raises units.Gone."""
    rows = {row.message: row for row in Planned.objects.filter(delivery__mailbox=o.mailbox.id).order_by("at")}
    place = folder(o, DRAFTS)
    uids = dict(Message.objects.filter(folder=place, id__in=list(rows)).values_list("uid", "id"))
    mails = {mail.id: mail for mail in views.mails(o, place.id, list(uids))}
    return [
        Waiting(message, mails[message].uid, mails[message].envelope.subject, _everybody(mails[message]), Plan(row.at, row.later))
        for message, row in rows.items() if message in mails
    ]  # fmt: skip


def whereabouts(o: Opened, message: UUID) -> tuple[str, int, Plan | None]:
    """What became of a draft: ("waiting" | "draft" | "sent" | "gone", its uid, its plan). Raises units.Gone."""
    found = Message.objects.filter(id=message, folder__mailbox=o.mailbox, folder__role=DRAFTS).values_list("uid", flat=True).first()
    if found is not None:
        when = plan(message)
        return ("waiting" if when else "draft", found, when)
    mark = f"M{message.hex}"
    return ("sent" if any(one.email_id == mark for one in _newest(o, SENT, NEWEST)) else "gone", 0, None)


def of_ident(o: Opened, ident: UUID) -> int | None:
    """The newest draft that was begun in the form with this id, by its number. Raises units.Gone."""
    return next((mail.uid for mail in _newest(o, DRAFTS, NEWEST) if mail.envelope.message_id.startswith(f"<{ident}@")), None)


def sent(o: Opened, ident: UUID) -> tuple[UUID, queries.MessageView] | None:
    """(the draft that it was, what was sent) of this form's message. Looks at the newest ones. Raises units.Gone."""
    mail = next((mail for mail in _newest(o, SENT, NEWEST) if mail.envelope.message_id.startswith(f"<{ident}@")), None)
    if mail is None:
        return None
    return UUID(mail.email_id[1:]), queries.message(o, folder(o, SENT).number, mail.uid)


def sent_as(o: Opened, message_id: str) -> str | None:
    """The subject of what the person sent under this Message-ID; None where it is not among the newest in Sent. Raises units.Gone."""
    return next((mail.envelope.subject for mail in _newest(o, SENT, NEWEST) if mail.envelope.message_id == message_id), None)


def correspondents(o: Opened) -> list[str]:
    """To whom the newest sent messages went, the last one first: as long as those messages lie in Sent. Raises units.Gone."""
    found: dict[str, str] = {}
    for mail in _newest(o, SENT, NEWEST):
        for name, address in _everybody(mail):
            found.setdefault(address.lower(), typed.shown([(name, address)]))
    return [one for one in islice(found.values(), CORRESPONDENTS) if typed.read(one).people]


def signature(o: Opened) -> str:
    """What the person puts under their messages; empty where they wrote nothing. Raises units.Gone."""
    row = Signature.objects.filter(unit=o.mailbox.unit_id).select_related("unit").first()
    return units.text(row.unit, "signature", row.text) if row else ""


def answer(o: Opened, number: int, uid: int, *, to_all: bool, own: Collection[str], said: str) -> Draft:
    """What an answer begins with. `own`: the person's addresses, which are not answered; `said`: "On … somebody wrote:".

    Raises NoSuchMessage, units.Gone.
    """
    row, record = queries.record(o, number, uid)
    envelope = record.envelope(bytes(row.envelope))
    mine = {one.lower() for one in own}
    first = [one for one in envelope.reply_to or envelope.sender if one[1]]
    if any(address.lower() in mine for _, address in envelope.sender):  # one's own message: whom it went to is meant
        first = envelope.to
    others = [one for one in (*envelope.to, *envelope.cc) if one[1].lower() not in mine | {address.lower() for _, address in first}]
    used = [address for _, address in (*envelope.to, *envelope.cc, *envelope.sender) if address.lower() in mine]
    return Draft(
        sender=next(iter(used), ""),
        to=typed.shown(first),
        cc=typed.shown(others) if to_all else "",
        subject=compose.answered(envelope.subject, "Re"),
        text=f"{said}\n{quoting.quoted(_text(bodies.view(row, record, envelope.root)))}\n",
        original=f"{REPLY} {row.id.hex}",
        in_reply_to=compose.first_id(envelope.message_id),
        references=compose.references(envelope.references, envelope.in_reply_to, envelope.message_id),
    )


def heading(o: Opened, number: int, uid: int) -> Envelope:
    """The summary of a message that is passed on. Raises NoSuchMessage, units.Gone."""
    row, record = queries.record(o, number, uid)
    return record.envelope(bytes(row.envelope))


def passed_on(o: Opened, number: int, uid: int, *, head: str) -> Draft:
    """What passing a message on begins with: its text behind `head`; empty `head` where it goes as an attachment. Raises as `answer`."""
    row, record = queries.record(o, number, uid)
    envelope = record.envelope(bytes(row.envelope))
    text = f"\n\n{head}\n\n{_text(bodies.view(row, record, envelope.root))[: quoting.MOST_TEXT]}\n" if head else ""
    return Draft(
        subject=compose.answered(envelope.subject, "Fwd"), text=text, original=f"{FORWARD} {row.id.hex}",
        references=compose.references(envelope.references, envelope.in_reply_to, envelope.message_id),
    )  # fmt: skip


def on_the_way(o: Opened) -> list[OnTheWay]:
    """What was sent and is not everywhere yet. Raises units.Gone."""
    legs = Leg.objects.filter(transit__mailbox=o.mailbox.id).exclude(transit__unit__state=ERASING)
    found: dict[UUID, OnTheWay] = {}
    for leg in legs.select_related("transit__unit", "transit__tenant").order_by("next_at", "id")[:MOST_ON_THE_WAY]:
        try:
            one = transit.opened(leg)
            known = found.get(leg.transit_id) or OnTheWay(_subject(one), (), held=False)
        except (units.Gone, Unreadable):
            continue
        to = (*known.to, *(to.address for to in one.waiting))
        found[leg.transit_id] = OnTheWay(known.subject, to, held=known.held or leg.state == "held")
    return [one for one in found.values() if one.to]


def _subject(one: transit.Opened) -> str:
    head = next(transit.body(one.row), b"")[:_MOST_FIELD].partition(b"\r\n\r\n")[0]
    return mimewords.text(mime.parse(head + b"\r\n\r\n").first(b"subject"))


def _text(view: bodies.View) -> str:
    return view.text if view.text is not None else quoting.of_html(view.html or "")


def _everybody(mail: Mail) -> Addresses:
    return [one for one in (*mail.envelope.to, *mail.envelope.cc) if one[1]]


def _newest(o: Opened, role: str, count: int) -> Iterator[Mail]:
    """The newest messages of a folder, newest first."""
    place = Folder.objects.filter(mailbox=o.mailbox, role=role).first()
    if place is None:
        return iter(())
    uids = list(Message.objects.filter(folder=place).order_by("-uid").values_list("uid", flat=True)[:count])
    return iter(views.mails(o, place.id, uids)[::-1])
