"""Shared folders with the mail programs of others: imaplib, imapclient, mbsync."""

import imaplib
import shutil
import subprocess

import pytest

from tests.doors.imap.conftest import PASSWORD
from tests.doors.imap.sharing.conftest import ALL, HERE, RAW, share


def test_imaplib(door, owner) -> None:
    client = imaplib.IMAP4("127.0.0.1", door.port)
    client.login("anna@ahaus.net", PASSWORD)
    assert client.setacl("Verein", "ben@ahaus.net", "lrs")[0] == "OK"
    assert client.getacl("Verein")[1] == [b"Verein anna@ahaus.net lrswikxteacd ben@ahaus.net lrs"]
    assert client.myrights("Verein")[1] == [b"Verein lrswikxteacd"]
    other = imaplib.IMAP4("127.0.0.1", door.port)
    other.login("ben@ahaus.net", PASSWORD)
    assert other.namespace()[1] == [b'(("" "/")) (("Andere Personen/" "/")) NIL']
    assert other.select(HERE) == ("OK", [b"2"])
    assert b"Vereinskanarie" in other.fetch("1", "(RFC822)")[1][0][1]
    assert client.deleteacl("Verein", "ben@ahaus.net")[0] == "OK"
    with pytest.raises(imaplib.IMAP4.abort):
        other.noop()
    client.logout()


def test_imapclient(door, owner) -> None:
    imapclient = pytest.importorskip("imapclient")
    share(owner, ALL)
    name = HERE.strip('"')
    with imapclient.IMAPClient("127.0.0.1", door.port, ssl=False) as client:
        client.login("ben@ahaus.net", PASSWORD)
        assert client.namespace().other == (("Andere Personen/", "/"),)
        assert name in [row[2] for row in client.list_folders("Andere Personen/", "*")]
        assert client.select_folder(name)[b"EXISTS"] == 2
        client.append(name, RAW.replace(b"Protokoll", b"Von Ben"))
        client.add_flags(client.search(["SUBJECT", "Von Ben"]), [imapclient.DELETED])
        client.expunge()
        client.copy([1], "INBOX")
        assert client.folder_status(name)[b"MESSAGES"] == 2


@pytest.mark.long
@pytest.mark.skipif(shutil.which("mbsync") is None, reason="mbsync is not installed (apt-get install isync)")
def test_mbsync_on_a_shared_folder_both_ways(door, owner, tmp_path) -> None:
    share(owner, ALL)
    local = tmp_path / "local"
    local.mkdir()
    (tmp_path / "rc").write_text(
        f"IMAPAccount a\nHost 127.0.0.1\nPort {door.port}\nUser ben@ahaus.net\nPass \"{PASSWORD}\"\nSSLType None\nAuthMechs LOGIN\n\n"
        f"IMAPStore far\nAccount a\n\nMaildirStore near\nPath {local}/\nInbox {local}/INBOX\nSubFolders Verbatim\n\n"
        f"Channel c\nFar :far:{HERE}\nNear :near:verein\nCreate Near\nRemove None\nExpunge Both\nSyncState *\n"
    )

    def sync() -> None:
        done = subprocess.run(["mbsync", "-c", str(tmp_path / "rc"), "-a"], capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def files():
        return [path for part in ("new", "cur") for path in (local / "verein" / part).iterdir()]

    sync()
    assert len(files()) == 2
    (local / "verein/new/eigene.1").write_bytes(RAW.replace(b"Protokoll", b"Von Ben").replace(b"\r\n", b"\n"))
    next(path for path in files() if b"Subject: Protokoll" in path.read_bytes()).unlink()
    sync()
    owner.ask("SELECT Verein")
    assert owner.ask('SEARCH SUBJECT "Von Ben"')[0].count(b" ") == 2
    assert owner.ask('SEARCH SUBJECT "Protokoll"')[0] == b"* SEARCH"
