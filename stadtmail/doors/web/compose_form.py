"""What the form for writing a message sends: fields as they were typed, files sealed while they come in, and what is wrong with them.

A file never lies anywhere as it is and never whole in memory while its sender is slow. What is too large is left out and said;
what was typed beside it stays.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from babel.numbers import format_decimal
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.utils.translation import gettext as _

from stadtmail.doors.web import bodies, mailbox, mailhtml, origin
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.fields import Problem, refuse_surplus
from stadtmail.doors.web.places import Place
from stadtmail.doors.web.request import PortalRequest
from stadtmail.doors.web.templatetags.portal import region
from stadtmail.kit import errors
from stadtmail.mail.actions import delivery, drafting, planning, rates, sending
from stadtmail.mail.drafts import Draft
from stadtmail.people import queries as people
from stadtmail.wire import compose as wire
from stadtmail.wire import mimewords, quoting, typed

RECIPIENTS = ("to", "cc", "bcc")
FIELDS = ("sender", *RECIPIENTS, "subject", "text", "html", "receipt", "ident", "draft", "original", "day", "time", "step", "remove")
MOST_UPLOAD = drafting.MOST_BYTES * 57 // 78 - 256 * 1024  # of all files of a form: 57 bytes are a line of 78 (RFC 2045 6.8)
MOST_REQUEST = 4 * drafting.MOST_BYTES  # what is larger is not even read
MOST_TYPED = 2 * 1024 * 1024  # of the fields of a form, as they are sent


@dataclass(frozen=True, repr=False)
class Identity:
    """A sender that the person may choose: an address of theirs, with their name or without it."""

    value: str
    label: str
    person: typed.Person


@dataclass(repr=False)
class Sent:
    """The form as it came."""

    step: str
    written: Draft
    drop: tuple[str, ...] = ()
    uploads: list[drafting.Upload] = field(default_factory=list)
    day: str = ""
    time: str = ""
    is_too_large: bool = False


class _Sealing(FileUploadHandler):
    """Gives each file to a seal of its own, piece by piece, as long as they are not too large together."""

    def __init__(self, tenant: UUID) -> None:
        super().__init__()
        self.uploads: list[drafting.Upload] = []
        self.is_too_large = False
        self._tenant, self._left = tenant, MOST_UPLOAD

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """One of the files, in the field "file"."""
        super().new_file(*args, **kwargs)
        if self.field_name != "file":
            raise BadRequest
        if len(self.uploads) >= drafting.MOST_FILES:
            self.is_too_large = True
            raise SkipFile
        self.uploads.append(drafting.Upload(self.file_name or "", self._tenant))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002
        """A piece; the rest of a file that is too large is read and thrown away."""
        self._left -= len(raw_data)
        if self._left < 0:
            self.is_too_large = True
            self.uploads.pop().forget()
            raise SkipFile
        self.uploads[-1].write(bytes(raw_data))

    def file_complete(self, file_size: int) -> None:  # noqa: ARG002
        """It is whole."""
        self.uploads[-1].finish()

    def forget(self) -> None:
        """Nothing comes of them."""
        for one in self.uploads:
            one.forget()


def read(request: PortalRequest) -> Sent:
    """Read the form, with its files or without. Raises BadRequest, RequestDataTooBig, fields.Surplus, places.NoPlace."""
    handler = _Sealing(request.city.id)
    try:
        if request.content_type == bodies.FORM:
            bodies.read(request)
        else:
            _read_files(request, handler)
        no_file = ("file",) if request.POST.get("file") == "" else ()  # browsers send the field when nothing was chosen
        refuse_surplus(request.POST, (*FIELDS, *no_file))
        return _sent(request, handler.uploads, is_too_large=handler.is_too_large)
    except BaseException:
        handler.forget()
        raise


class _Skipping(FileUploadHandler):
    """Takes no file."""

    def __init__(self) -> None:
        super().__init__()
        self.has_met_one = False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """One that is passed over."""
        super().new_file(*args, **kwargs)
        self.has_met_one = True
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Never asked."""

    def file_complete(self, file_size: int) -> None:
        """Never asked."""


def salvaged(request: PortalRequest) -> tuple[Sent, bool]:
    """What was typed into a form that nobody may send any more, and whether there were files with it, which are passed over.

    Raises BadRequest, RequestDataTooBig, places.NoPlace.
    """
    handler = _Skipping()
    if request.content_type == bodies.FORM:
        bodies.read(request)
    else:
        _read_files(request, handler, most=MOST_UPLOAD + MOST_TYPED)
    return _sent(request, []), handler.has_met_one


def _read_files(request: PortalRequest, handler: FileUploadHandler, *, most: int = MOST_REQUEST) -> None:
    if request.content_type != "multipart/form-data":
        raise BadRequest
    if int(request.META.get("CONTENT_LENGTH") or 0) > most:
        raise RequestDataTooBig
    request.upload_handlers = [handler]
    with Place(origin.network(request)):
        request.POST  # noqa: B018 - reading is the point


def _sent(request: PortalRequest, uploads: list[drafting.Upload], *, is_too_large: bool = False) -> Sent:
    given = {name: request.POST.get(name, "") for name in FIELDS}
    number, html = given["draft"], mailhtml.written(given["html"])
    uid = int(number) if number.isascii() and number.isdecimal() and len(number) <= 10 else 0
    return Sent(
        step="remove" if given["remove"] else given["step"],
        written=Draft(
            sender=given["sender"][:400], to=given["to"].strip(), cc=given["cc"].strip(), bcc=given["bcc"].strip(),
            subject=mimewords.cleaned(given["subject"])[: wire.MOST_SUBJECT],
            text=quoting.of_html(html, links=True) if html else given["text"], html=html, ident=_ident(given["ident"]),
            original=given["original"][:80], uid=uid if uid <= mailbox.LARGEST else 0,
            receipt=bool(given["receipt"]),
        ),
        drop=(given["remove"][:80],) if given["remove"] else (),
        uploads=uploads, day=given["day"].strip(), time=given["time"].strip(), is_too_large=is_too_large,
    )  # fmt: skip


def _ident(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return uuid4()


def identities(request: PortalRequest, box: Box) -> list[Identity]:
    """As whom the person may write, what they chose as usual first. A further address without a name of its own may be there to hide who
    writes: it is offered without a name before with one."""
    contract = people.contract(request.city, box.mailbox.contract_id)
    wanted: list[tuple[str, str]] = []
    for row in sorted(people.identities(request.city, contract), key=lambda row: not row.is_default):
        name = row.name or people.holder(request.city, contract).name
        wanted += [(row.address, one) for one in ((name, "") if row.own_name else ("", name))]
    return [
        Identity(f"{address} {'with' if one else 'without'}", typed.shown([(one, address)]), (one, address))
        for address, one in dict.fromkeys(wanted)
    ]


def chosen(known: list[Identity], value: str) -> Identity | None:
    """The identity of this value, or the first one with this address."""
    return next((one for one in known if one.value == value), next((one for one in known if one.person[1] == value.lower()), None))


def recipients(written: Draft) -> list[str]:
    """All addresses that were understood, each once."""
    found = [person[1] for name in RECIPIENTS for person in typed.read(getattr(written, name)).people]
    return list({address.lower(): address for address in reversed(found)}.values())[::-1]


def problems(request: PortalRequest, box: Box, sent: Sent, sender: Identity | None) -> list[Problem]:
    """What keeps the message from being sent, each beside its field."""
    found = [] if sender else [Problem("sender", _("Von dieser Adresse können Sie nicht senden. Bitte wählen Sie eine andere."))]
    for name in RECIPIENTS:
        for piece in typed.read(getattr(sent.written, name)).wrong[:5]:
            found.append(Problem(name, _("„%(text)s“ ist keine vollständige E-Mail-Adresse.") % {"text": piece[:80]}))
    addresses = recipients(sent.written)
    found += too_long(sent.written)
    if sent.step == "plan" and moment(request, sent) is None:
        found.append(Problem("day", _("Bitte wählen Sie einen Zeitpunkt, der noch kommt, höchstens ein Jahr voraus.")))
    if not addresses and not any(problem.field in RECIPIENTS for problem in found):
        found.append(Problem("to", _("Bitte geben Sie mindestens eine Adresse an.")))
    if len(addresses) > rates.MOST_RECIPIENTS:
        text = _("Das sind %(count)d Adressen. Eine Nachricht darf an höchstens %(most)d gehen, alle Felder zusammen.")
        found.append(Problem(_longest(sent.written), text % {"count": len(addresses), "most": rates.MOST_RECIPIENTS}))
    return found or _refusals(request, box, sent, sender, addresses)


def too_long(written: Draft) -> list[Problem]:
    """The fields of addresses that are too long to be kept, each with what helps."""
    text = _("In dieses Feld passen rund %(signs)s Zeichen, das reicht für %(most)d Adressen. Gespeichert wurde davon nichts.")
    words = {"signs": format_decimal(typed.MOST_OCTETS // 1000 * 1000, locale=region()), "most": rates.MOST_RECIPIENTS}
    return [Problem(name, text % words) for name in RECIPIENTS if typed.read(getattr(written, name)).is_too_long]


def without(written: Draft, fields: Collection[str]) -> Draft:
    """The draft with these of its fields of addresses empty."""
    to, cc, bcc = ("" if name in fields else getattr(written, name) for name in RECIPIENTS)
    return replace(written, to=to, cc=cc, bcc=bcc)


def _longest(written: Draft) -> str:
    """The field that names most."""
    return max(RECIPIENTS, key=lambda name: len(typed.read(getattr(written, name)).people))


def _refusals(request: PortalRequest, box: Box, sent: Sent, sender: Identity | None, addresses: list[str]) -> list[Problem]:
    assert sender is not None
    try:
        planning.check(box.opened, sender.person[1], addresses, now=request.now)
    except sending.NotYourAddress:
        return [Problem("sender", _("Von dieser Adresse können Sie nicht senden. Bitte wählen Sie eine andere."))]
    except rates.TooOften:
        return [Problem("", _("Sie haben sehr viele Nachrichten gesendet. Bitte versuchen Sie es in einer Stunde noch einmal."))]
    except planning.TooManyUnknown:
        return [Problem("to", _("Sie haben viele Adressen angegeben, die es nicht gibt. Bitte warten Sie einige Minuten."))]
    except planning.NotThere as error:
        return [Problem(_field_of(sent.written, address), _why(address, kind)) for address, kind in error.whom.items()]
    return []


def _field_of(written: Draft, address: str) -> str:
    return next((name for name in RECIPIENTS if any(person[1] == address for person in typed.read(getattr(written, name)).people)), "to")


def _why(address: str, error: errors.StadtmailError) -> str:
    words = {"address": address[:80]}
    if isinstance(error, delivery.MailboxFull):
        return _("Das Postfach %(address)s ist voll.") % words
    if isinstance(error, errors.TryLater):
        return _("%(address)s ist gerade nicht erreichbar. Bitte versuchen Sie es später.") % words
    return _("Die Adresse %(address)s gibt es nicht.") % words


def moment(request: PortalRequest, sent: Sent) -> datetime | None:
    """The moment that was chosen, in the zone in which it was chosen; None for what is none, has passed, or is too far away."""
    try:
        at = datetime.combine(date.fromisoformat(sent.day), time.fromisoformat(sent.time))
        found = at.replace(tzinfo=request.policy.tz).astimezone(UTC)
    except (ValueError, OverflowError):  # a day that is none, or the first of all in a zone that begins before it
        return None
    if at.tzinfo is not None:
        return None
    return found if request.now + timedelta(minutes=1) <= found <= request.now + planning.FARTHEST else None
