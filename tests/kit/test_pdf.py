"""Pages of PDFs as pictures: honest ones are drawn, hostile ones end soon and harm nobody, and what draws them may open nothing."""

import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from stadtmail.kit import pdf, pdf_worker
from tests.kit import papers

pytest.importorskip("pypdfium2")


def drawn(content: bytes, number: int = 1) -> pdf.Page:
    return pdf.page([content[at : at + 65_536] for at in range(0, len(content), 65_536)], number)


def size(picture: bytes) -> tuple[int, int]:
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", picture[16:24])


def shades(picture: bytes) -> set[int]:
    at = picture.index(b"IDAT")
    return set(zlib.decompress(picture[at + 4 : at + 4 + struct.unpack(">I", picture[at - 4 : at])[0]]))


def test_a_page_is_drawn_with_its_text() -> None:
    content = papers.document("Hallo Ahaus", "Zweite Seite")
    first, second = drawn(content), drawn(content, 2)
    assert (first.pages, first.text.strip(), second.text.strip()) == (2, "Hallo Ahaus", "Zweite Seite")
    assert size(first.picture)[0] == 1000
    assert 1410 < size(first.picture)[1] < 1420
    assert {0, 255} <= shades(first.picture)
    assert first.picture != second.picture


@pytest.mark.parametrize("number", [0, 3, pdf.MOST_PAGES + 1, -1])
def test_a_page_that_is_not_there(number: int) -> None:
    with pytest.raises(pdf.NoPdf):
        drawn(papers.document("eins", "zwei"), number)


@pytest.mark.parametrize("content", [b"", b"MZ\x90", b"<html>%PDF</html>", b" " * 1025 + b"%PDF-1.7"])
def test_what_is_no_pdf_starts_nothing(content: bytes, monkeypatch) -> None:
    monkeypatch.setattr(pdf.subprocess, "Popen", None)
    with pytest.raises(pdf.NoPdf):
        drawn(content)


def test_what_is_too_large_starts_nothing(monkeypatch) -> None:
    monkeypatch.setattr(pdf.subprocess, "Popen", None)
    with pytest.raises(pdf.TooLarge):
        pdf.page([b"%PDF-1.7"] + [bytes(1024 * 1024)] * 17, 1)


def test_one_that_asks_for_a_password_says_so() -> None:
    with pytest.raises(pdf.NotDrawn) as error:
        drawn(papers.locked())
    assert error.value.why == pdf_worker.LOCKED


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"%PDF-1.7\n" + bytes(range(256)) * 40, papers.document("x")[:200]])
def test_a_broken_one_says_so(content: bytes) -> None:
    with pytest.raises(pdf.NotDrawn) as error:
        drawn(content)
    assert error.value.why == pdf_worker.BROKEN


@pytest.mark.long
def test_wherever_it_is_cut_off_there_is_an_answer() -> None:
    whole = papers.document("Hallo", "Ahaus")
    for end in range(9, len(whole), len(whole) // 9):
        try:
            assert drawn(whole[:end]).picture
        except (pdf.NotDrawn, pdf.NoPdf):
            continue


def test_a_program_in_it_is_not_run() -> None:
    assert drawn(papers.scripted()).text.strip() == "Formular"


@pytest.mark.parametrize("box", [b"[0 0 1000000000 1000000000]", b"[0 0 0.5 0.5]", b"[0 0 20000 10]", b"[0 0 100 20000]"])
def test_whatever_size_a_page_claims_its_picture_is_bounded(box: bytes) -> None:
    try:
        width, height = size(drawn(papers.document("x", box=box)).picture)
    except pdf.NotDrawn:
        return
    assert width <= 1000
    assert height <= 3000


@pytest.mark.parametrize("make", [papers.circular, papers.nested, papers.bomb])
@pytest.mark.long
def test_a_bomb_ends_and_takes_nothing_along(make) -> None:
    """However it ends: with a picture, or with none; within the bounds, and the next one is drawn as ever."""
    with suppress(pdf.NotDrawn):
        assert size(drawn(make()).picture)[0] <= 1000
    assert drawn(papers.document("danach")).text.strip() == "danach"


def test_a_page_too_colourful_for_its_bounds_is_drawn_smaller(monkeypatch) -> None:
    noise = bytes((at * at * 7919 >> 5) & 255 for at in range(300 * 300 * 3))
    picture = papers.packed(noise, b"/Type /XObject /Subtype /Image /Width 300 /Height 300 /ColorSpace /DeviceRGB /BitsPerComponent 8")
    content = papers.stream(b"q 595 0 0 842 0 0 cm /I Do Q")
    page = drawn(papers.document("x", content=content, resources=b"/XObject << /I 6 0 R >>", objects={6: picture}))
    assert len(page.picture) <= pdf._MOST_ANSWER
    assert size(page.picture)[0] in pdf_worker.WIDTHS


def test_what_draws_may_open_neither_file_nor_socket_nor_program() -> None:
    """Measured in a process under the same bounds."""
    tried = (
        "import sys; sys.path.insert(0, sys.argv[1]); import os, socket, pdf_worker\n"
        "pdf_worker._bound()\n"
        "for one in (lambda: open('/etc/passwd'), lambda: socket.socket(), lambda: os.pipe(), lambda: os.memfd_create('x')):\n"
        "    try:\n        one()\n        print('open')\n"
        "    except OSError as error:\n        print(error.errno)\n"
    )
    folder = Path(pdf_worker.__file__).parent
    done = subprocess.run([sys.executable, "-I", "-c", tried, str(folder)], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["24"] * 4  # EMFILE


def test_it_runs_in_a_process_without_surroundings(monkeypatch) -> None:
    seen = {}
    real = subprocess.Popen

    def started(command, **more):
        seen.update(more, command=command)
        return real(command, **more)

    monkeypatch.setattr(pdf.subprocess, "Popen", started)
    monkeypatch.setenv("STADTMAIL_SECRET", "x")
    drawn(papers.document("x"))
    assert (seen["env"], seen["command"][1]) == ({}, "-I")


@pytest.mark.parametrize(
    "answer",
    [b"", b"\n", b"{}\n", b"[]\n", b'{"pages": 1, "bytes": 3}\nabc', b'{"pages": 1, "bytes": 99}\n\x89PNG\r\n\x1a\n', b"\xff" * 100,
     b'{"pages": "x", "bytes": 0}\n'],
)  # fmt: skip
def test_a_worker_that_was_taken_over_is_not_believed(answer: bytes) -> None:
    with pytest.raises(pdf.NotDrawn):
        pdf._read(answer)


def test_one_that_never_ends_is_ended(monkeypatch, tmp_path) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(pdf, "_WORKER", worker)
    monkeypatch.setattr(pdf, "LONGEST", 1)
    with pytest.raises(pdf.NotDrawn):
        drawn(papers.document("x"))


def test_more_than_there_is_place_for_wait_and_are_told(monkeypatch) -> None:
    monkeypatch.setattr(pdf, "WAIT", 0.05)
    for _ in range(pdf.AT_ONCE):
        assert pdf._places.acquire(timeout=1)
    try:
        with pytest.raises(pdf.Busy):
            drawn(papers.document("x"))
    finally:
        for _ in range(pdf.AT_ONCE):
            pdf._places.release()
    assert drawn(papers.document("x")).pages == 1
