"""What programs that others wrote say and expect, where the grammar alone would not have told: each case was met by one of them."""

import pytest

MAIL = (
    b"From: Eva <eva@peer.example>\r\nTo: anna@ahaus.net\r\nSubject: Rechnung\r\nX-Vorgang: 4711\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\nim Text\r\n--b\r\nContent-Type: application/pdf; name=\"=?utf-8?q?Quittung_M=C3=A4rz?=.pdf\"\r\n\r\n%PDF\r\n--b--\r\n"
)


@pytest.fixture
def box(client):
    """Folder "o" with one message, selected."""
    client.ask("CREATE o")
    client.ask("APPEND o {}", MAIL)
    client.ask("SELECT o")
    return client


@pytest.mark.parametrize(
    "command",
    [
        'ID ( "name" "aioimaplib" )', "FETCH 1 ( FLAGS )", "UID FETCH 1 (UID FLAGS )", "FETCH 1 (BODY.PEEK[HEADER.FIELDS ( DATE FROM )])",
        "SEARCH ( ALL )", "STORE 1 +FLAGS ( \\Seen )", "STATUS o ( MESSAGES )", "SEARCH Charset utf-8 ALL", "SEARCH Return (Count) ALL",
        "FETCH 1 (PREVIEW (Lazy))",
    ],
)  # fmt: skip
def test_blanks_within_parentheses_and_any_case_are_understood(box, command) -> None:
    assert box.ask(command)[-1] == b"OK Done"


def test_a_message_appended_with_blanks_among_its_flags(box) -> None:
    assert box.ask('APPEND o (\\Seen) "1-Feb-2026 10:00:00 +0000" {}', MAIL)[-1].startswith(b"OK [APPENDUID"), "a day of one digit"
    assert box.ask("APPEND o ( \\Seen $Label1 ) {}", MAIL)[-1].startswith(b"OK [APPENDUID")
    assert b"FLAGS (\\Recent \\Seen $Label1)" in box.ask("FETCH 3 FLAGS")[0]


@pytest.mark.parametrize("command", ["SEARCH RETURN (SAVE) CHARSET KOI8-R ALL", "SORT RETURN (SAVE) (DATE) KOI8-R ALL"])
def test_a_refused_search_leaves_nothing_saved(box, command) -> None:
    assert box.ask("SEARCH RETURN (SAVE) ALL") == [b"OK Done"]
    assert box.ask(command)[-1].startswith(b"NO [BADCHARSET (UTF-8 US-ASCII)]")
    assert box.ask("FETCH $ UID") == [b"OK Done"], "RFC 9051 6.4.4.1: after NO the result is empty"
    box.ask("SEARCH RETURN (SAVE) ALL")
    assert box.ask("SEARCH RETURN (SAVE) NOSUCH")[-1].startswith(b"BAD")
    assert len(box.ask("FETCH $ UID")) == 2, "after BAD it is what it was"


@pytest.mark.parametrize(
    ("wanted", "is_there"),
    [("x-vorgang", True), ('"X-Vorgang: 4711"', True), ("application/pdf", True), ("quittung", True), ("4711", True), ('"im text"', True),
     ("nirgends", False), ("x-none", False)],
)  # fmt: skip
def test_text_looks_at_names_of_fields_and_at_the_headers_of_parts(box, wanted, is_there) -> None:
    assert box.ask(f"SEARCH TEXT {wanted}")[0] == (b"* SEARCH 1" if is_there else b"* SEARCH")
    assert box.ask("SEARCH BODY x-vorgang")[0] == b"* SEARCH"


def test_what_another_has_expunged_does_not_spoil_the_rest(box, door) -> None:
    box.ask("APPEND o {}", MAIL)
    box.ask("NOOP")
    other = door.client()
    other.ask("SELECT o")
    other.ask("STORE 1 +FLAGS (\\Deleted)")
    other.ask("EXPUNGE")
    answer = box.ask("FETCH 1:2 (UID RFC822.SIZE)")
    assert answer[-1].startswith(b"OK [EXPUNGEISSUED]")
    assert len(answer) == 2, "and what there is"
    answer = box.ask("STORE 1:2 +FLAGS (\\Flagged)")
    assert answer[-1].startswith(b"OK [EXPUNGEISSUED]")
    assert any(b"\\Flagged" in line for line in answer[:-1])
