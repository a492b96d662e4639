"""On a home screen: the city's name and colours, nothing of a session, and nothing that stays behind (C-3.1)."""

import json
import struct
import zlib

import pytest
from django.urls import reverse
from django.utils import translation

from stadtmail.doors.web import app, looks
from tests.doors.web import cast
from tests.doors.web.browsing import Browser


def chunks(picture: bytes) -> dict[bytes, bytes]:
    """Kind -> data; every checksum is right."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = {}, 8
    while at < len(picture):
        (length,) = struct.unpack(">I", picture[at : at + 4])
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        assert struct.unpack(">I", picture[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        found[kind] = found.get(kind, b"") + data
        at += 12 + length
    return found


def test_each_city_has_its_own_manifest(ahaus, musterstadt) -> None:
    told = []
    for host, lang in (("ahaus.localhost", "de"), ("musterstadt.localhost", "de"), ("ahaus.localhost", "en")):
        response = Browser(host).raw("/app.webmanifest" if lang == "de" else "/en/app.webmanifest")
        assert response.headers["Content-Type"] == "application/manifest+json"
        told.append(json.loads(response.content))
    own, other, english = told
    assert (own["name"], own["lang"], own["display"]) == ("AHAUS.NET", "de", "standalone")
    assert own["name"] != other["name"]
    assert own["theme_color"] != other["theme_color"]
    assert english["start_url"] == f"/en{own['start_url']}"
    assert {(icon["sizes"], icon["purpose"]) for icon in own["icons"]} == {
        (f"{n}x{n}", kind) for n in (192, 512) for kind in ("any", "maskable")
    }


def test_it_begins_on_the_start_page() -> None:
    with translation.override("de"):
        assert reverse("home") == app.HOME


def test_it_says_nothing_of_a_session(ahaus, now) -> None:
    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    page = browser.login("anna.k@ahaus.net", cast.PASSWORD, way="url")
    token = browser.at.split("/")[2]
    links = [given["href"] for tag, given in page.tags if tag == "link"]
    assert not [link for link in links if "manifest" in link and token in link]
    inside, outside = (browser.raw(f"{prefix}/app.webmanifest").content for prefix in (f"/s/{token}", ""))
    assert token.encode() not in inside
    assert json.loads(inside) == json.loads(outside)


@pytest.mark.parametrize("size", app.SIZES)
def test_icons_are_pictures_in_the_citys_colour(ahaus, size: int) -> None:
    response = Browser().raw(f"/zeichen-{size}.png")
    assert response.headers["Content-Type"] == "image/png"
    found = chunks(response.content)
    assert struct.unpack(">IIBBBBB", found[b"IHDR"]) == (size, size, 8, 3, 0, 0, 0)
    palette = found[b"PLTE"]
    assert len(palette) == 768
    assert palette[-3:] == b"\xff\xff\xff"
    points = zlib.decompress(found[b"IDAT"])
    assert len(points) == size * (size + 1)
    rows = [points[at + 1 : at + size + 1] for at in range(0, len(points), size + 1)]
    edge = size // 10
    assert {point for row in rows[:edge] + rows[-edge:] for point in row} == {0}  # a mask may cut off a tenth all round
    assert 255 in rows[size // 2 - size // 12]


def test_there_is_no_icon_of_another_size(ahaus) -> None:
    Browser().raw("/zeichen-64.png", status=404)
    Browser().raw("/zeichen-99999999999999999999.png", status=404)


def test_a_colour_is_the_first_of_the_palette() -> None:
    assert chunks(app.coloured(192, "#0b5d4e"))[b"PLTE"][:3] == bytes((0x0B, 0x5D, 0x4E))
    assert chunks(app.coloured(192, looks.PALETTES[2].light))[b"PLTE"][:3] == bytes((0x8A, 0x28, 0x46))
