"""The download: complete, signed, streamed, readable by others' tools, and of nobody else (C-6.1, C-6.2d)."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stadtmail.people import queries
from stadtmail.people.actions import contracts
from stadtmail.privacy import sweep
from stadtmail.privacy.evidence import log
from stadtmail.rights.archive import archive
from stadtmail.rights.streamed_zip import StreamedZip
from tests.people.people import order
from tests.people.traces import files_with


def opened(tenant, contract, now) -> zipfile.ZipFile:
    found = zipfile.ZipFile(io.BytesIO(b"".join(archive(tenant, contract.id, now=now))))
    assert found.testzip() is None
    return found


def test_c61_the_manifest_covers_every_file_and_the_city_signed_it(ahaus, now, mailbox) -> None:
    contract = order(ahaus, now)
    mailbox.fill(contract, now, [("Posteingang", 1, b"Subject: x\r\n\r\nHallo"), ("Posteingang", 2, b"")])
    found = opened(ahaus, contract, now)
    manifest = found.read("manifest.json")
    Ed25519PublicKey.from_public_bytes(log.public_key(ahaus)).verify(found.read("manifest.sig"), manifest)
    listed = {one["name"]: one["sha256"] for one in json.loads(manifest)["files"]}
    assert set(found.namelist()) == {*listed, "manifest.json", "manifest.sig"}
    for name, digest in listed.items():
        assert hashlib.sha256(found.read(name)).hexdigest() == digest
    assert json.loads(manifest)["test"] is True
    assert found.read("mail/Posteingang/1.eml") == b"Subject: x\r\n\r\nHallo"
    assert "liesmich.txt" in listed


def test_c61_each_folder_comes_as_mbox_too_when_asked_for(ahaus, now, mailbox, tmp_path) -> None:
    import mailbox as reading

    contract = order(ahaus, now)
    letters = [("Posteingang", 1, b"Subject: x\r\n\r\nFrom Hallo"), ("Posteingang", 2, b"Subject: y\r\n\r\n"), ("Archiv", 1, b"a")]
    mailbox.fill(contract, now, letters)
    assert not [name for name in opened(ahaus, contract, now).namelist() if name.startswith("mbox/")]
    found = zipfile.ZipFile(io.BytesIO(b"".join(archive(ahaus, contract.id, now=now, with_mbox=True))))
    assert found.testzip() is None
    assert sorted(name for name in found.namelist() if name.startswith("mbox/")) == ["mbox/Archiv.mbox", "mbox/Posteingang.mbox"]
    (tmp_path / "in").write_bytes(found.read("mbox/Posteingang.mbox"))
    assert [one["Subject"] for one in reading.mbox(tmp_path / "in")] == ["x", "y"]
    assert "mbox/Archiv.mbox" in {one["name"] for one in json.loads(found.read("manifest.json"))["files"]}


def test_c61_daten_json_has_rule_date_source_accesses_and_no_recipients(ahaus, now) -> None:
    contract = order(ahaus, now, voluntary={"nickname": "Änne"}, language="en")
    contracts.cancel(contract, ends_at=now, now=now)
    data = json.loads(opened(ahaus, contract, now).read("daten.json"))
    categories = {one["code"]: one for one in data["categories"]}
    assert categories["BD-ID"]["records"][0]["address"] == {"street": "Marktstraße 1", "postcode": "48683", "town": "Ahaus"}
    assert categories["BD-OPT"]["records"] == [{"field": "nickname", "value": "Änne"}]
    assert categories["BD"]["rule"] == "six months after the end of the contract"
    assert categories["BD"]["erased_by"]
    assert (data["recipients"], data["accesses"]) == ([], [])
    assert data["contract"]["notice_version"] == 1
    assert len(data["authorities"]) == 2
    assert "argon2" not in json.dumps(data)


def test_c61_hostile_folder_names_stay_inside_and_do_not_collide(ahaus, now, mailbox, tmp_path) -> None:
    contract = order(ahaus, now)
    names = ["../../etc", "..", "a/b", "a_b", "A_B", "", "C:\\x", "nul\x00", "Entwürfe 📮", "x" * 300]
    mailbox.fill(contract, now, [(name, 1, name.encode()) for name in names])
    found = opened(ahaus, contract, now)
    mails = [name for name in found.namelist() if name.startswith("mail/")]
    assert len({name.lower() for name in mails}) == len(names)
    for name in mails:
        assert ".." not in name.split("/")
        assert "\\" not in name
        assert len(name.split("/")) == 3
    found.extractall(tmp_path)
    listed = json.loads(found.read("nachrichten.json"))["messages"]
    assert {one["folder"] for one in listed} == set(names)


def test_c61_a_message_erased_meanwhile_is_left_out_and_the_rest_is_whole(ahaus, now, mailbox) -> None:
    contract = order(ahaus, now)
    mailbox.fill(contract, now, [("Posteingang", uid, b"x" * 5000) for uid in (1, 2, 3)])
    mailbox.gone = {2}
    found = opened(ahaus, contract, now)
    assert [name for name in found.namelist() if name.startswith("mail/")] == ["mail/Posteingang/1.eml", "mail/Posteingang/3.eml"]


def test_c61_nothing_of_a_download_touches_a_disk(ahaus, now, mailbox, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    contract = order(ahaus, now)
    mailbox.fill(contract, now, [("Posteingang", 1, b"KANARIE-im-Postfach" * 1000)])
    b"".join(archive(ahaus, contract.id, now=now))
    assert list(tmp_path.iterdir()) == []
    assert files_with("KANARIE-im-Postfach") == files_with("Kanariengelb") == []


def test_c61_a_large_mailbox_is_never_in_memory_as_a_whole(ahaus, now, mailbox) -> None:
    contract = order(ahaus, now)
    mailbox.fill(contract, now, [("Posteingang", uid, os.urandom(1000) * 200) for uid in range(1, 40)])
    pieces = [len(piece) for piece in archive(ahaus, contract.id, now=now)]
    assert sum(pieces) > 39 * 200_000
    assert max(pieces) < 20_000


def test_c61_a_reader_who_goes_away_breaks_nothing(ahaus, now, mailbox) -> None:
    contract = order(ahaus, now)
    mailbox.fill(contract, now, [("Posteingang", 1, b"x" * 50_000)])
    pieces = archive(ahaus, contract.id, now=now)
    for _ in range(12):
        next(pieces)
    pieces.close()
    assert opened(ahaus, contract, now)


def test_law5_no_archive_of_another_citys_contract_not_one_byte(ahaus, musterstadt, now) -> None:
    contract = order(ahaus, now)
    with pytest.raises(queries.NoSuchContract):
        archive(musterstadt, contract.id, now=now)


def test_c61_what_the_law_still_keeps_can_be_asked_for_when_the_rest_is_gone(ahaus, now) -> None:
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    late = now + timedelta(days=300)
    sweep.run(late)
    data = json.loads(opened(ahaus, contract, late).read("daten.json"))
    assert [one["code"] for one in data["categories"]] == ["BD-ID"]
    assert data["categories"][0]["records"][0]["name"] == "Anna Kanariengelb"


def test_c61_nothing_of_the_neighbour_is_in_it(ahaus, now) -> None:
    contract = order(ahaus, now)
    order(ahaus, now, localpart="ben.n", name="Ben Nachbar", street="Nebenweg 2")
    raw = b"".join(archive(ahaus, contract.id, now=now))
    assert b"Kanariengelb" in raw
    for foreign in (b"Nachbar", b"Nebenweg", b"ben.n"):
        assert foreign not in raw


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_c61_the_readme_tells_a_way_to_check_that_works(ahaus, now, tmp_path: Path) -> None:
    found = opened(ahaus, order(ahaus, now), now)
    found.extractall(tmp_path)
    line = next(line for line in found.read("liesmich.txt").decode().splitlines() if "openssl" in line)
    command = line.partition(": ")[2].split()
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    (tmp_path / "manifest.json").write_bytes(found.read("manifest.json").replace(b"1", b"2", 1))
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode != 0


def test_a_streamed_zip_opens_with_other_tools(now, tmp_path: Path) -> None:
    made = StreamedZip(made_at=now)
    raw = b"".join([*made.add("ä.txt", [b"eins", b"zwei"]), *made.add("ä.txt", []), *made.finish()])
    assert [(one.name, one.size_bytes) for one in made.entries] == [("ä.txt", 8), ("ä-2.txt", 0)]
    (tmp_path / "x.zip").write_bytes(raw)
    if shutil.which("unzip"):
        assert subprocess.run(["unzip", "-t", "x.zip"], cwd=tmp_path, check=False, capture_output=True).returncode == 0
    assert zipfile.ZipFile(io.BytesIO(raw)).read("ä.txt") == b"einszwei"
