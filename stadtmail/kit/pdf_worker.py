"""Draws one page of a PDF: a program of its own (`kit/pdf.py` starts it), because what reads a stranger's PDF may be made to do anything.

The file comes on standard input; a line of JSON and a picture (PNG) go to standard output. Once the library is loaded the process may
open nothing any more, neither a file nor a socket, and ends after a few seconds of work or a gibibyte of memory. There is no
JavaScript in this build of PDFium, and no link, form action or attachment of a file is looked at.
"""

import codecs
import json
import resource
import struct
import sys
import zlib
from importlib import import_module
from typing import Any

MOST_BYTES = 1024 * 1024 * 1024  # of memory
MOST_SECONDS = 8  # of work
MOST_SIGNS = 20_000  # of a page's text
WIDTHS = (1000, 700, 450)  # pixels: the first one whose picture is small enough
TALLEST = 3  # times its width
MOST_PICTURE = 2 * 1024 * 1024  # bytes
LOCKED, BROKEN = "locked", "broken"
_NEEDS_PASSWORD = 4  # fpdfview.h: FPDF_ERR_PASSWORD


def main(number: int) -> int:
    """Draw a page, counted from 1. Whatever goes wrong is one of two words."""
    pdfium = import_module("pypdfium2")
    content = sys.stdin.buffer.read()
    _warm(pdfium)
    _bound()
    try:
        said, picture = _drawn(pdfium.PdfDocument(content), number)
    except pdfium.PdfiumError as error:
        said, picture = {"error": LOCKED if getattr(error, "err_code", 0) == _NEEDS_PASSWORD else BROKEN}, b""
    except Exception:  # noqa: BLE001 - a stranger's file: what it was does not matter, and nothing of it is said
        said, picture = {"error": BROKEN}, b""
    sys.stdout.buffer.write(json.dumps({**said, "bytes": len(picture)}).encode() + b"\n" + picture)
    sys.stdout.buffer.flush()
    return 0


def _warm(pdfium: Any) -> None:
    """Draw an empty page: what is loaded only when it is used is loaded now, as nothing can be afterwards."""
    document = pdfium.PdfDocument.new()
    document.new_page(100, 100)
    _drawn(document, 1)
    codecs.lookup("utf-16-le")  # of its text


def _bound() -> None:
    """From here on: no file, no socket, no program, no dump."""
    for what, most in (
        (resource.RLIMIT_AS, MOST_BYTES), (resource.RLIMIT_CPU, MOST_SECONDS), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0), (resource.RLIMIT_NOFILE, 3),
    ):  # fmt: skip
        resource.setrlimit(what, (most, most))


def _drawn(document: Any, number: int) -> tuple[dict[str, Any], bytes]:
    document.init_forms()  # what was filled in is drawn
    pages = len(document)
    if not 1 <= number <= pages:
        return {"pages": pages}, b""
    page = document[number - 1]
    width, height = page.get_size()
    if not (width > 0 and 0 < height <= width * 1000):
        return {"error": BROKEN}, b""
    text = page.get_textpage().get_text_bounded()[:MOST_SIGNS]
    picture = b""
    for wide in WIDTHS:
        scale = min(wide / width, wide * TALLEST / height)
        picture = _png(page.render(scale=scale, rev_byteorder=True, maybe_alpha=False, prefer_bgrx=False))
        if len(picture) <= MOST_PICTURE:
            break
    return {"pages": pages, "text": text}, picture


def _png(bitmap: Any) -> bytes:
    """A bitmap of three bytes a pixel as PNG (version 3, 11.2.1), in grey where it has no colour."""
    width, height, stride, wide = bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels
    raw = bytes(bitmap.buffer)
    rows = [raw[at : at + width * wide] for at in range(0, height * stride, stride)]
    is_grey = wide == 1 or all(row[0::wide] == row[1::wide] == row[2::wide] for row in rows)
    lines = b"".join(b"\0" + (row[0::wide] if is_grey else row) for row in rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if is_grey else 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(lines, 6)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
