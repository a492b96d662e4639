"""Attachments: each as a download, all as one ZIP, pictures as a preview. What leaves here runs nowhere in the portal's origin.

A picture is shown where its bytes are one of four kinds, whatever the sender called it: it is told to the browser as that kind and
nothing else, in a document that may load and run nothing. A PDF is never given to a browser to be opened: no browser's viewer for it
works in a sandbox, and without one it would open in the portal's origin. It is shown as pictures of its pages (`pdf.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from stadtmail.doors.web import access, downloads, headers, mailbox, mailhtml, pdf
from stadtmail.doors.web.access import Box
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import queries
from stadtmail.rights.streamed_zip import StreamedZip
from stadtmail.wire import pictures

MOST_PREVIEW = 8 * 1024 * 1024  # bytes of a picture that is shown
MOST_PREVIEWS = 12  # pictures of one message that the page shows at once
# what a device runs when it is opened, whatever its sender called it (names that Windows, macOS and office programs run)
PROGRAMS = frozenset(
    {
        "app", "appx", "bat", "cmd", "com", "cpl", "dll", "dmg", "docm", "exe", "gadget", "hta", "img", "inf", "iso", "jar", "js", "jse",
        "lnk", "msc", "msi", "msix", "pif", "pkg", "pptm", "ps1", "psm1", "reg", "rgs", "scr", "sct", "sh", "url", "vb", "vbe", "vbs",
        "vhd", "vhdx", "ws", "wsc", "wsf", "wsh", "xll", "xlsm",
    }
)  # fmt: skip
PICTURE_POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"


@dataclass(frozen=True)
class File:
    """An attachment as the page shows it; `is_picture`, `is_pdf`: there is a preview of it; `is_program`: opening it runs it."""

    id: str
    name: str
    kind: str
    size_bytes: int
    is_picture: bool
    is_pdf: bool
    is_program: bool


class NoPicture(errors.NotFound):
    """The part is no picture that can be shown."""


def files(view: Any) -> list[File]:
    """The attachments of a message."""
    shown = [part.id for part in view.parts if part.type in mailhtml.PICTURES and part.size_bytes <= MOST_PREVIEW][:MOST_PREVIEWS]
    return [
        File(
            part.id, part.filename or _("anhang"), _("Programm") if is_program(part.filename) else shown_type(part.type),
            part.size_bytes, part.id in shown and not is_program(part.filename),
            pdf.is_one(part.type, part.filename, part.size_bytes) and not is_program(part.filename), is_program(part.filename),
        )
        for part in view.parts
    ]  # fmt: skip


@access.reader
def attachment(request: PortalRequest, box: Box, folder: int, uid: int, part: str) -> HttpResponseBase:
    """GET …/teil/<part>: one attachment, always as a download."""
    filename, kind, chunks = queries.part(box.opened, folder, mailbox.number(uid), part)
    return downloads.streamed(request, chunks, filename or _("anhang"), kind=kind)


@access.reader
def source(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponseBase:
    """GET …/quelltext: the message as it came, byte for byte, as a download."""
    chunks = queries.raw(box.opened, folder, mailbox.number(uid))
    return downloads.streamed(request, chunks, f"nachricht-{folder}-{uid}.eml", kind="message/rfc822")


@access.reader
def preview(request: PortalRequest, box: Box, folder: int, uid: int, part: str) -> HttpResponse:  # noqa: ARG001
    """GET …/vorschau/<part>: a picture, shown. Raises NoPicture for what is none by its bytes, or too large."""
    filename, _kind, chunks = queries.part(box.opened, folder, mailbox.number(uid), part)
    content = _bounded(chunks)
    kind = pictures.kind_of(content)
    if not kind:
        raise NoPicture
    response = HttpResponse(content, content_type=kind)
    response.headers["Content-Disposition"] = content_disposition_header(False, downloads.safe_name(filename)) or "inline"
    response.headers["Content-Security-Policy"] = PICTURE_POLICY
    headers.keep_private(response)
    return response


@access.reader
def all_as_zip(request: PortalRequest, box: Box, folder: int, uid: int) -> HttpResponseBase:
    """GET …/alle.zip: all attachments, sent while the ZIP is made. 404 without any."""
    view = queries.message(box.opened, folder, mailbox.number(uid))
    if not view.parts:
        raise queries.NoSuchMessage
    chunks = _zipped(request, box, (folder, uid), [(part.id, part.filename) for part in view.parts])
    return downloads.streamed(request, chunks, f"anhaenge-{folder}-{uid}.zip", kind="application/zip")


def is_program(filename: str) -> bool:
    """Does a device run what has this name? Signs that nobody sees do not hide its end."""
    return downloads.safe_name(filename).lower().rpartition(".")[2] in PROGRAMS


def shown_type(kind: str) -> str:
    """A media type in a word that people know."""
    if kind == pdf.KIND:
        return _("PDF-Dokument")
    if kind == "text/calendar":
        return _("Termin")
    names = {"image": _("Bild"), "audio": _("Ton"), "video": _("Film"), "text": _("Text"), "message": _("Nachricht")}
    return names.get(kind.partition("/")[0]) or _("Datei")


def _bounded(chunks: Iterable[bytes]) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MOST_PREVIEW:
            raise NoPicture
    return bytes(content)


def _zipped(request: PortalRequest, box: Box, at: tuple[int, int], parts: list[tuple[str, str]]) -> Iterator[bytes]:
    made = StreamedZip(made_at=request.now.astimezone(request.policy.tz))
    pieces = (made.add(downloads.safe_name(name or "anhang"), queries.part(box.opened, *at, part)[2]) for part, name in parts)
    return chain(chain.from_iterable(pieces), _end(made))


def _end(made: StreamedZip) -> Iterator[bytes]:
    yield from made.finish()
