"""Real clients: Python's imaplib, IMAPClient, and mbsync both ways."""

import imaplib
import os
import re
import shutil
import subprocess
from email import message_from_bytes

import pytest

from tests.doors.imap.conftest import PASSWORD

COUNT = int(os.environ.get("MESSAGES", "300"))  # 5000 for the whole journey


def raw(number: int) -> bytes:
    return b"From: eva@peer.example\r\nTo: anna@ahaus.net\r\nSubject: Nummer %d\r\nMessage-ID: <%d@peer.example>\r\n\r\n" % (
        number, number,
    ) + b"Zeile\r\n" * (number % 50)  # fmt: skip


def test_imaplib(door, mail) -> None:
    mail(raw(1), raw(2))
    client = imaplib.IMAP4("127.0.0.1", door.port)
    client.login("anna@ahaus.net", PASSWORD)
    client.enable("UTF8=ACCEPT")
    assert client.select("INBOX") == ("OK", [b"3"])
    assert client.search(None, "SUBJECT", "Nummer")[1] == [b"2 3"]
    _, data = client.fetch("2", "(RFC822)")
    assert data[0][1] == raw(1)
    assert client.append("Archiv", "(\\Seen)", imaplib.Time2Internaldate(0), raw(3))[0] == "OK"
    assert client.store("2", "+FLAGS", "(\\Deleted $x)")[0] == "OK"
    assert client.expunge() == ("OK", [b"2"])
    assert client.close()[0] == "OK"
    assert client.status("Archiv", "(MESSAGES)")[1] == [b"Archiv (MESSAGES 1)"]
    client.logout()


def test_imapclient(door, mail) -> None:
    imapclient = pytest.importorskip("imapclient")
    mail(raw(1), raw(2))
    with imapclient.IMAPClient("127.0.0.1", door.port, ssl=False) as client:
        client.login("anna@ahaus.net", PASSWORD)
        assert client.has_capability("MOVE")
        assert client.find_special_folder(imapclient.imapclient.SENT) == "Gesendet"
        assert client.find_special_folder(imapclient.imapclient.DRAFTS) == "Entwürfe"
        client.create_folder("Ämter/Bauamt")
        assert ((b"\\HasNoChildren",), b"/", "Ämter/Bauamt") in client.list_folders()
        assert client.select_folder("INBOX")[b"EXISTS"] == 3
        assert client.search(["SUBJECT", "Nummer 2"]) == [3]
        found = client.fetch([2, 3], ["ENVELOPE", "BODYSTRUCTURE", "BODY.PEEK[]", "INTERNALDATE"])
        assert found[2][b"ENVELOPE"].subject == b"Nummer 1"
        assert message_from_bytes(found[3][b"BODY[]"])["Subject"] == "Nummer 2"
        client.add_flags([3], ["$label1"])
        assert client.get_flags([3]) == {3: (b"\\Recent", b"$label1")}
        client.copy([2], "Ämter/Bauamt")
        client.move([3], "Ämter/Bauamt")
        assert client.folder_status("Ämter/Bauamt")[b"MESSAGES"] == 2
        client.idle()
        mail(raw(3))
        assert (3, b"EXISTS") in client.idle_check(timeout=5)
        client.idle_done()
        assert client.namespace().personal == (("", "/"),)


@pytest.mark.skipif(shutil.which("mbsync") is None, reason="mbsync is not installed (apt-get install isync)")
def test_mbsync_both_ways(door, mail, client, tmp_path) -> None:
    mail(*(raw(number) for number in range(COUNT)))
    local = tmp_path / "local"
    local.mkdir()
    (tmp_path / "rc").write_text(
        f"IMAPAccount a\nHost 127.0.0.1\nPort {door.port}\nUser anna@ahaus.net\nPass \"{PASSWORD}\"\nSSLType None\nAuthMechs LOGIN\n\n"
        "IMAPStore far\nAccount a\n\n"
        f"MaildirStore near\nPath {local}/\nInbox {local}/INBOX\nSubFolders Verbatim\n\n"
        "Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nRemove Both\nExpunge Both\nSyncState *\n"
    )

    def sync() -> None:
        done = subprocess.run(["mbsync", "-c", str(tmp_path / "rc"), "-a"], capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def files(folder: str):
        return [path for part in ("new", "cur") for path in (local / folder / part).iterdir()]

    sync()
    assert len(files("INBOX")) == COUNT + 1
    assert (local / "Archiv").is_dir()
    tuid = re.compile(rb"X-TUID: .*\n")  # mbsync's own mark
    contents = {tuid.sub(b"", path.read_bytes().replace(b"\r\n", b"\n")) for path in files("INBOX")}
    assert {raw(number).replace(b"\r\n", b"\n") for number in range(COUNT)} < contents
    # near: one answered, one deleted, one new; far: one flagged, one deleted
    near = sorted(files("INBOX"), key=lambda path: path.name)
    (local / "INBOX/cur" / f"{near[0].name.partition(':')[0]}:2,RS").write_bytes(near[0].read_bytes())
    near[0].unlink()
    near[1].unlink()
    (local / "INBOX/new/eigene.1").write_bytes(raw(9999).replace(b"\r\n", b"\n"))
    client.ask("SELECT INBOX")
    client.ask(f"STORE {COUNT} +FLAGS (\\Flagged)")
    client.ask(f"STORE {COUNT + 1} +FLAGS (\\Deleted)")
    client.ask("EXPUNGE")
    sync()
    sync()
    assert len(files("INBOX")) == COUNT
    client.ask("NOOP")
    assert client.ask("SEARCH ANSWERED SEEN")[0].count(b" ") == 2
    assert client.ask("SEARCH SUBJECT 9999")[0].count(b" ") == 2
    assert client.ask("UID SEARCH RETURN (COUNT) ALL")[0].endswith(b"COUNT %d" % COUNT)
    assert sum(path.name.rpartition(":2,")[2].count("F") for path in files("INBOX")) == 1


@pytest.mark.skipif(shutil.which("offlineimap") is None, reason="offlineimap is not installed (apt-get install offlineimap3)")
def test_offlineimap_both_ways(door, mail, client, tmp_path) -> None:
    mail(*(raw(number) for number in range(20)))
    (tmp_path / "rc").write_text(
        f"[general]\naccounts = a\nmetadata = {tmp_path}/meta\n[Account a]\nlocalrepository = l\nremoterepository = r\n"
        f"[Repository l]\ntype = Maildir\nlocalfolders = {tmp_path}/mail\n"
        f"[Repository r]\ntype = IMAP\nremotehost = 127.0.0.1\nremoteport = {door.port}\nremoteuser = anna@ahaus.net\n"
        f"remotepass = {PASSWORD}\nssl = no\nstarttls = no\n"
    )

    def sync() -> None:
        done = subprocess.run(["offlineimap", "-o", "-c", f"{tmp_path}/rc", "-u", "quiet"], capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def files():
        return [path for part in ("new", "cur") for path in (tmp_path / "mail" / "INBOX" / part).iterdir()]

    sync()
    assert len(files()) == 21
    files()[0].unlink()
    client.ask("SELECT INBOX")
    client.ask("APPEND INBOX {}", raw(77))
    sync()
    assert len(files()) == 21
    client.ask("NOOP")
    assert client.ask("SEARCH RETURN (COUNT) ALL")[0].endswith(b"COUNT 21")
