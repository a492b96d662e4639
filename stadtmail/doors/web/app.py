"""The portal on a home screen: a manifest and icons in the city's name and colours. There is no service worker, and no storage.

Each icon is one picture of grey tones that lies with the other files: how much white lies on the city's colour. Read as an
indexed picture with a palette from that colour to white it is the city's icon (PNG specification, 11.2.1 and 11.2.2).
"""

import struct
import zlib
from functools import cache
from pathlib import Path

from django.http import Http404, HttpResponse, JsonResponse

from stadtmail.doors.web import looks
from stadtmail.doors.web.request import PortalRequest

SIZES = (192, 512)
HOME = "/postfach/start"  # the address of the table; what `reverse` gives may carry a session
PICTURES = Path(__file__).parent / "static" / "web"
HEADER = 8 + 25  # signature and IHDR
SHAPE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 46"><path fill="{colour}" d="M2 2h36v24c0 9-8 14-18 18C10 40 2 35 2 26z"/>'
    '<path fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round" d="M9 12h22v16H9zl11 9 11-9"/></svg>'
)


def manifest(request: PortalRequest) -> HttpResponse:
    """GET /app.webmanifest: nothing of the session, not even where it is in the address."""
    base = "/en" if request.language == "en" else ""
    own = looks.look(request.policy)
    icons = [
        {"src": f"/zeichen-{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for size in SIZES
        for purpose in ("any", "maskable")
    ]
    told = {
        "id": "/", "name": request.policy.service, "short_name": request.policy.service[:12], "lang": request.language, "dir": "ltr",
        "start_url": f"{base}{HOME}", "scope": "/",
        "display": "standalone", "background_color": "#ffffff", "theme_color": own.light, "icons": icons,
    }  # fmt: skip
    return JsonResponse(told, content_type="application/manifest+json", headers={"Cache-Control": "max-age=3600"})


def icon(request: PortalRequest, size: int) -> HttpResponse:
    """GET /zeichen-192.png, /zeichen-512.png."""
    if size not in SIZES:
        raise Http404
    picture = coloured(size, looks.look(request.policy).light)
    return HttpResponse(picture, content_type="image/png", headers={"Cache-Control": "max-age=86400"})


def shape(request: PortalRequest) -> HttpResponse:
    """GET /zeichen.svg: the small one of the browser's tab."""
    own = looks.look(request.policy).light
    return HttpResponse(SHAPE.format(colour=own), content_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})


@cache
def coloured(size: int, colour: str) -> bytes:
    """The picture of this size in a colour (`#rrggbb`)."""
    grey = (PICTURES / f"icon-{size}.png").read_bytes()
    own = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    palette = bytes(part + (255 - part) * step // 255 for step in range(256) for part in own)
    shown = struct.pack(">IIBBBBB", size, size, 8, 3, 0, 0, 0)
    return grey[:8] + _chunk(b"IHDR", shown) + _chunk(b"PLTE", palette) + grey[HEADER:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
