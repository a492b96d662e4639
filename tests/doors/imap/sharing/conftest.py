"""A folder of Anna's that is shared with Ben over IMAP: its owner, its guest, and the words that share it."""

import pytest

RAW = b"From: eva@peer.example\r\nTo: anna@ahaus.net\r\nSubject: Protokoll\r\n\r\nVereinskanarie\r\n"
HERE = '"Andere Personen/anna@ahaus.net/Verein"'
ALL = "lrswite"


@pytest.fixture
def door(open_door, residents):
    """No beat takes a session away before its next command is answered, unless a test asks for one."""
    return open_door(beat_seconds=60)


@pytest.fixture
def owner(door):
    made = door.client()
    made.ask("CREATE Verein")
    made.ask("APPEND Verein {}", RAW)
    made.ask("APPEND Verein (\\Seen) {}", RAW.replace(b"Protokoll", b"Gelesen"))
    yield made
    made.close()


@pytest.fixture
def guest(door):
    made = door.client(login="ben@ahaus.net")
    yield made
    made.close()


def share(owner, rights: str, folder: str = "Verein") -> None:
    assert owner.ask(f"SETACL {folder} ben@ahaus.net {rights}") == [b"OK Done"]
