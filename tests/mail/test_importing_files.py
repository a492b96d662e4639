"""Import from files: mbox, single messages and zips, hostile ones among them; the file is gone with its end."""

import io
import mailbox
import zipfile
from datetime import UTC, datetime

import pytest

from stadtmail.kit import clock
from stadtmail.mail import queries, views
from stadtmail.mail.actions import importing
from stadtmail.mail.importing import files, running
from stadtmail.mail.models import Import
from stadtmail.privacy import units
from stadtmail.vault import blobs
from tests.mail.conftest import every_byte, opened
from tests.mail.test_importing import mail, report, subjects, work


@pytest.fixture
def o(ahaus, anna) -> queries.Opened:
    return opened(ahaus, anna)


def upload(o, raw: bytes, *, most: int = 1 << 30) -> None:
    one = importing.Upload(o, most=most, now=clock.now())
    try:
        for at in range(0, len(raw), 70_000):
            one.write(raw[at : at + 70_000])
        one.begin(lang="de", now=clock.now())
    finally:
        one.forget()


def as_zip(entries, kind=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def as_mbox(tmp_path, raws) -> bytes:
    """As Python's own library writes one."""
    box = mailbox.mbox(tmp_path / "box")
    for raw in raws:
        box.add(mailbox.mboxMessage(raw))
    box.flush()
    return (tmp_path / "box").read_bytes()


def test_an_mbox_that_python_wrote(o, tmp_path) -> None:
    bodies = [mail(1, "From mir\r\n\r\nFrom dir"), mail(2, Status="RO"), mail(3, **{"X-Mozilla-Status": "0005"})]
    upload(o, as_mbox(tmp_path, bodies))
    work()
    place = views.named(o, "Import")
    assert subjects(o, place.number) == ["Brief 1", "Brief 2", "Brief 3"]
    rows = {row.subject: row for row in queries.page(o, place.number)}
    assert "\\Seen" in rows["Brief 2"].flags
    assert {"\\Seen", "\\Flagged"} <= set(rows["Brief 3"].flags)
    assert "From dir" in queries.message(o, place.number, rows["Brief 1"].uid).text
    assert "Übernommen: 3" in report(o)


def test_c41_a_zip_of_folders_and_the_file_is_gone_at_its_end(o, tmp_path, now) -> None:
    entries = {
        "Takeout/Mail/Verein.mbox": as_mbox(tmp_path, [mail(1)]), "Takeout/Mail/Briefe/eins.eml": mail(2), "../../etc/böse.eml": mail(3),
        "bild.png": b"\x89PNG" + bytes(100), "leer": b"", ".DS_Store": b"x",
    }  # fmt: skip
    upload(o, as_zip(entries))
    (blob,) = Import.objects.values_list("blob", flat=True)
    assert not [name for name, data in every_byte() if b"alt.example" in data]
    work()
    names = {one.name for one in views.states(o)}
    assert {"Takeout/Mail/Verein", "Takeout/Mail/Briefe", "etc"} <= names
    assert not blobs.path_of(blob).exists()
    assert list(blobs.every()) == []


def test_a_single_message(o) -> None:
    upload(o, mail(9))
    work()
    assert subjects(o, views.named(o, "Import").number) == ["Brief 9"]


NO_MAIL = [b"", b"PK\x03\x04kaputt" * 50, b"\x00" * 5000, bytes(range(256)) * 100, b"From \n" * 1000, b"<html>" * 100]


@pytest.mark.parametrize("raw", NO_MAIL, ids=range(6))
def test_what_is_no_mail_is_said(o, raw) -> None:
    upload(o, raw)
    work()
    assert report(o)
    assert Import.objects.count() == 0


def test_a_zip_of_death_ends_at_a_bound() -> None:
    bomb = as_zip({"a.mbox": b"From a\n\n" + b"\n" * 100_000_000})
    assert len(bomb) < 250_000
    with pytest.raises(files.TooLarge):
        list(files.messages(io.BytesIO(bomb), now=datetime.now(UTC)))
    nested = as_zip({f"{n}.zip": bomb for n in range(10)})
    assert list(files.messages(io.BytesIO(nested), now=datetime.now(UTC))) == []


def test_a_zip_that_lies_about_itself() -> None:
    honest = bytearray(as_zip({"a.eml": mail(1, "x" * 100_000)}))
    at = honest.rfind(b"PK\x01\x02")
    honest[at + 24 : at + 28] = (10).to_bytes(4, "little")  # "ten bytes unpacked"
    with pytest.raises(files.NotMail):
        list(files.messages(io.BytesIO(bytes(honest)), now=datetime.now(UTC)))


def test_a_message_without_end_is_left_out(monkeypatch) -> None:
    monkeypatch.setattr(files, "MOST_MESSAGE", 10_000)
    raw = b"From a\nSubject: 1\n\nkurz\n\nFrom b\nSubject: 2\n\n" + b"x" * 50_000 + b"\n\nFrom c\nSubject: 3\n\nkurz\n"
    found = list(files.messages(io.BytesIO(raw), now=datetime.now(UTC)))
    assert [one.content is None for one in found] == [False, True, False]


def test_an_upload_is_bounded_and_leaves_nothing(o) -> None:
    with pytest.raises(importing.UploadTooLarge):
        upload(o, bytes(2_000_000), most=1_000_000)
    assert not [path for path in blobs.root().rglob("*") if path.is_file()]
    assert Import.objects.count() == 0


def test_the_file_reader_reads_like_a_file(o) -> None:
    raw = b"\n".join(b"%d" % number * (number % 50) for number in range(120_000))
    upload(o, raw)
    row = Import.objects.select_related("unit").get()
    file, plain = running._Sealed(row.blob, units.key(row.unit), row.unit.tenant_id), io.BytesIO(raw)
    assert file.seek(0, 2) == plain.seek(0, 2)
    for at in (0, 5, blobs.CHUNK_BYTES - 3, blobs.CHUNK_BYTES, len(raw) - 10, len(raw), len(raw) + 5):
        file.seek(at), plain.seek(at)
        assert file.read(100) == plain.read(100)
        assert file.tell() == plain.tell()
    file.seek(0)
    assert file.read() == raw
