"""Zips of mail: one entry that cannot be opened costs nobody the others, and a failure of our disk is not called a fault of the file."""

import io
import zipfile
from datetime import UTC, datetime

import pytest

from stadtmail.mail.importing import files

NOW = datetime(2026, 11, 30, tzinfo=UTC)
HEAD, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def mail(number: int) -> bytes:
    return f"From: a@alt.example\r\nSubject: Brief {number}\r\n\r\nText\r\n".encode()


def packed(**entries: bytes) -> bytearray:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.eml", content)
    return bytearray(out.getvalue())


def changed(raw: bytearray, at: int, value: int) -> bytes:
    """A field of the second entry, in both of its headers (`at`: in the local one; two bytes more in the central one)."""
    for mark, more in ((HEAD, 0), (CENTRAL, 2)):
        place = raw.index(mark, raw.index(mark) + 4) + at + more
        raw[place : place + 2] = value.to_bytes(2, "little")
    return bytes(raw)


def contents(raw: bytes) -> list[bool]:
    return [one.content is not None for one in files.messages(io.BytesIO(raw), now=NOW)]


def test_an_encrypted_entry_is_counted_and_the_others_come() -> None:
    assert contents(changed(packed(a=mail(1), b=mail(2), c=mail(3)), 6, 1)) == [True, False, True]


def test_an_entry_that_is_packed_in_an_unknown_way_is_counted_and_the_others_come() -> None:
    assert contents(changed(packed(a=mail(1), b=mail(2), c=mail(3)), 8, 97)) == [True, False, True]


def test_an_entry_that_is_no_mail_is_counted_and_the_others_come() -> None:
    assert contents(bytes(packed(a=mail(1), b=b"\x00" * 50, c=mail(3)))) == [True, False, True]


def test_a_failing_disk_is_no_fault_of_the_file() -> None:
    class Failing(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            Failing.reads += 1
            if Failing.reads > 4:
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(files.DiskFailed):
        list(files.messages(Failing(bytes(packed(a=mail(1), b=mail(2)))), now=NOW))
