"""Files that leave the portal: always as a download, never rendered in the portal's origin, whatever a stranger named them."""

import unicodedata
from collections.abc import Iterable
from itertools import chain

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from stadtmail.doors.web import headers, origin
from stadtmail.doors.web.places import Held

# types that tell a device how to open a file and that no browser runs; everything else is plain bytes
HARMLESS = frozenset(
    {
        "application/pdf", "application/zip", "application/json", "application/gzip", "application/rtf",
        "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "audio/mpeg", "image/gif", "image/jpeg", "image/png", "image/webp", "message/rfc822", "text/calendar", "text/csv",
        "text/plain", "video/mp4",
    }
)  # fmt: skip
AT_ONCE_BYTES = 512 * 1024
BYTES = "application/octet-stream"
LONGEST = 120


def streamed(request: HttpRequest, chunks: Iterable[bytes], filename: str, *, kind: str) -> HttpResponseBase:
    """The bytes as a download. Its beginning is read here, so that what cannot be opened is still an error page.

    What is small leaves at once; what is large is sent in pieces and holds a place until it has been taken. Raises places.NoPlace.
    """
    parts, begun, size = iter(chunks), [], 0
    for part in parts:
        begun.append(part)
        size += len(part)
        if size > AT_ONCE_BYTES:
            break
    large = size > AT_ONCE_BYTES
    held = Held(chain(begun, parts), origin.network(request)) if large else None
    response = StreamingHttpResponse(held) if held else HttpResponse(b"".join(begun))
    response.headers["Content-Type"] = kind if kind in HARMLESS else BYTES
    response.headers["Content-Disposition"] = content_disposition_header(True, safe_name(filename)) or "attachment"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    headers.keep_private(response)
    return response


def safe_name(filename: str) -> str:
    """A file name without folders, control signs or signs that turn the reading direction ("exe.fdp" read as "pdf.exe")."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    shown = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C" and sign not in '"<>|:*?\u2028\u2029').strip(" .")
    stem, dot, suffix = shown.rpartition(".")
    if len(shown) > LONGEST and dot and len(suffix) <= 10:
        shown = f"{stem[: LONGEST - len(suffix) - 1]}.{suffix}"
    return shown[:LONGEST] or "datei"
