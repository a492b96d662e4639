"""PDFs for the tests, written by hand: honest ones, and those that somebody made to do harm."""

import zlib

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def pdf(objects: dict[int, bytes], *, root: int = 1, more: bytes = b"") -> bytes:
    """A file of these objects, with its table and trailer (ISO 32000-1, 7.5)."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, content in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n" % size
    for number in range(size):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
    return bytes(out + b"trailer\n<< /Size %d /Root %d 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (size, root, more, start))


def stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(content), more, content)


def packed(content: bytes, more: bytes = b"") -> bytes:
    return stream(zlib.compress(content, 9), b"/Filter /FlateDecode " + more)


def document(*texts: str, box: bytes = b"[0 0 595 842]", catalog: bytes = b"", content: bytes | None = None, resources: bytes = b"",
             objects: dict[int, bytes] | None = None, more: bytes = b"") -> bytes:  # fmt: skip
    """A document with a page for each text."""
    kids = b" ".join(b"%d 0 R" % (10 + 2 * at) for at in range(len(texts)))
    found = {
        1: b"<< /Type /Catalog /Pages 2 0 R %b >>" % catalog,
        2: b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(texts)),
        3: FONT,
    }  # fmt: skip
    for at, text in enumerate(texts):
        found[10 + 2 * at] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox %b /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> %b >> >>"
            % (box, 11 + 2 * at, resources)
        )
        found[11 + 2 * at] = content or stream(b"BT /F1 24 Tf 72 700 Td (%b) Tj ET" % text.encode("latin-1"))
    return pdf({**found, **(objects or {})}, more=more)


def locked() -> bytes:
    """One that asks for a password (standard security handler, revision 3): nobody knows it."""
    key = b"<" + b"5a" * 32 + b">"
    encrypt = b"<< /Filter /Standard /V 2 /R 3 /Length 128 /P -1 /O %b /U %b >>" % (key, key)
    return document("geheim", objects={5: encrypt}, more=b"/Encrypt 5 0 R /ID [<00112233445566778899aabbccddeeff> <00>]")


def scripted() -> bytes:
    """One that would run, launch, fetch and send something when it is opened."""
    actions = (
        b"/OpenAction << /S /JavaScript /JS (app.launchURL\\('http://192.0.2.1/', true\\); while\\(1\\){}) >> "
        b"/AA << /WC << /S /Launch /F (/bin/sh) >> >> /URI << /Base (http://192.0.2.1/) >> "
        b"/Names << /JavaScript << /Names [(x) << /S /JavaScript /JS (while\\(1\\){}) >>] >> >>"
    )
    return document("Formular", catalog=actions)


def bomb(mebibytes: int = 1500) -> bytes:
    """A small file whose picture is enormous."""
    size = 30_000
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(mebibytes)) + packer.flush()
    picture = stream(data, b"/Filter /FlateDecode /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB "
                     b"/BitsPerComponent 8" % (size, size))  # fmt: skip
    return document("x", content=stream(b"q 500 0 0 500 0 0 cm /I Do Q"), resources=b"/XObject << /I 6 0 R >>", objects={6: picture})


def nested(depth: int = 12, wide: int = 12) -> bytes:
    """Forms in forms: drawing them takes wide to the power of depth steps."""
    objects = {}
    for level in range(depth):
        body = b"/X Do " * wide if level < depth - 1 else b"0 0 10 10 re f " * 20
        inner = b"/Resources << /XObject << /X %d 0 R >> >>" % (101 + level)
        objects[100 + level] = stream(body, b"/Type /XObject /Subtype /Form /BBox [0 0 600 900] " + inner)
    return document("x", content=stream(b"/X Do"), resources=b"/XObject << /X 100 0 R >>", objects=objects)


def circular() -> bytes:
    """A form that draws itself, and a tree of pages that contains itself."""
    form = stream(b"/X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>")
    return document("x", content=stream(b"/X Do"), resources=b"/XObject << /X 6 0 R >>", objects={6: form})
