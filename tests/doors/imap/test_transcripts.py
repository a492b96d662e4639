"""What a client sends and what it is answered, word by word (RFC 9051, 3501, 4315, 6851, 7162)."""

import re

import pytest

from tests.doors.imap.conftest import PASSWORD, wait_for

ONE = b"From: Eva <eva@peer.example>\r\nTo: anna@ahaus.net\r\nSubject: eins\r\nMessage-ID: <1@peer.example>\r\n\r\nHallo Welt\r\n"
TWO = ONE.replace(b"eins", b"zwei").replace(b"<1@", b"<2@")


def test_greeting_login_select_fetch_logout(client, mail) -> None:
    mail(ONE)
    lines = client.ask("SELECT INBOX")
    assert lines[-1] == b"OK [READ-WRITE] Done"
    assert b"* 2 EXISTS" in lines
    assert b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)" in lines
    assert any(line.startswith(b"* OK [UIDVALIDITY ") for line in lines)
    assert b"* OK [UIDNEXT 3] Next" in lines
    lines = client.ask("FETCH 2 (UID FLAGS RFC822.SIZE ENVELOPE)")
    assert lines == [
        b"* 2 FETCH (UID 2 FLAGS (\\Recent) RFC822.SIZE %d ENVELOPE (NIL \"eins\" ((\"Eva\" NIL \"eva\" \"peer.example\")) "
        b"((\"Eva\" NIL \"eva\" \"peer.example\")) ((\"Eva\" NIL \"eva\" \"peer.example\")) ((NIL NIL \"anna\" \"ahaus.net\")) "
        b'NIL NIL NIL "<1@peer.example>"))' % len(ONE),
        b"OK Done",
    ]
    assert client.ask("UID FETCH 2 BODY.PEEK[]") == [b"* 2 FETCH (UID 2 BODY[] {%d}\r\n%b)" % (len(ONE), ONE), b"OK Done"]
    assert client.ask("LOGOUT") == [b"* BYE See you", b"OK Bye"]


def test_sections_and_partials(client, mail) -> None:
    mail(ONE)
    client.ask("SELECT INBOX")
    ask = lambda item: client.ask(f"FETCH 2 BODY.PEEK{item}")[0].removeprefix(b"* 2 FETCH (")  # noqa: E731
    head = ONE.partition(b"\r\n\r\n")[0]
    assert ask("[TEXT]") == b"BODY[TEXT] {12}\r\nHallo Welt\r\n)"
    assert ask("[1]") == b"BODY[1] {12}\r\nHallo Welt\r\n)"
    assert ask("[HEADER]") == b"BODY[HEADER] {%d}\r\n%b\r\n\r\n)" % (len(head) + 4, head)
    assert ask("[HEADER.FIELDS (subject to)]") == (
        b"BODY[HEADER.FIELDS (subject to)] {37}\r\nTo: anna@ahaus.net\r\nSubject: eins\r\n\r\n)"
    )
    assert ask("[]<0.4>") == b"BODY[]<0> {4}\r\nFrom)"
    assert ask("[]<100000.4>") == b"BODY[]<100000> {0}\r\n)"
    assert ask("[2]") == b"BODY[2] NIL)"
    assert client.ask("FETCH 2 BINARY.SIZE[1]")[0] == b"* 2 FETCH (BINARY.SIZE[1] 12)"
    assert client.ask("FETCH 2 FLAGS")[0] == b"* 2 FETCH (FLAGS (\\Recent))"
    assert client.ask("FETCH 2 BODY[TEXT]") == [b"* 2 FETCH (BODY[TEXT] {12}\r\nHallo Welt\r\n FLAGS (\\Recent \\Seen))", b"OK Done"]
    assert client.ask("FETCH 2 (BODYSTRUCTURE)")[0] == (
        b'* 2 FETCH (BODYSTRUCTURE ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 12 1 NIL NIL NIL NIL))'
    )


def test_flags_keywords_and_expunge(client, door, mail) -> None:
    mail(ONE, TWO)
    client.ask("SELECT INBOX")
    other = door.client()
    other.ask("SELECT INBOX")
    lines = client.ask("STORE 2 +FLAGS (\\Flagged $label1)")
    assert lines[0] == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $label1)"
    assert lines[2:] == [b"* 2 FETCH (FLAGS (\\Recent \\Flagged $label1))", b"OK Done"]
    lines = other.ask("NOOP")
    assert b"* 2 FETCH (UID 2 FLAGS (\\Flagged $label1))" in lines
    assert client.ask("STORE 2 -FLAGS.SILENT ($LABEL1)") == [b"OK Done"]
    assert client.ask("FETCH 2 FLAGS")[0] == b"* 2 FETCH (FLAGS (\\Recent \\Flagged))"
    client.ask("STORE 2 +FLAGS.SILENT (\\Deleted)")
    assert client.ask("EXPUNGE") == [b"* 2 EXPUNGE", b"OK Done"]
    assert other.ask("FETCH 3 UID") == [b"* 3 FETCH (UID 3)", b"OK Done"]  # frozen until it may be told
    assert b"* 2 EXPUNGE" in other.ask("NOOP")
    assert other.ask("FETCH 2 UID")[0] == b"* 2 FETCH (UID 3)"
    assert other.ask("FETCH 3 UID")[-1].startswith(b"BAD")
    other.close()


def test_append_copy_move_with_their_uids(client) -> None:
    client.ask("SELECT INBOX")
    lines = client.ask('APPEND Entw&APw-rfe (\\Seen $x) " 1-Feb-2020 10:00:00 +0100" {}', ONE)
    assert re.fullmatch(rb"OK \[APPENDUID \d+ 1\] Done", lines[-1])
    assert client.ask("APPEND nowhere {}", ONE)[-1] == b"NO [TRYCREATE] No such mailbox"
    client.ask("SELECT Entw&APw-rfe")
    assert client.ask("FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])") == [
        b'* 1 FETCH (FLAGS (\\Recent \\Seen $x) INTERNALDATE " 1-Feb-2020 09:00:00 +0000" BODY[] {%d}\r\n%b)' % (len(ONE), ONE), b"OK Done",
    ]  # fmt: skip
    assert re.fullmatch(rb"OK \[COPYUID \d+ 1 2\] Done", client.ask("COPY 1 INBOX")[-1])
    lines = client.ask("UID MOVE 1 Archiv")
    assert re.fullmatch(rb"\* OK \[COPYUID \d+ 1 1\] Moved", lines[0])
    assert lines[1:] == [b"* 1 EXPUNGE", b"OK Done"]
    client.ask("SELECT Archiv")
    assert client.ask("FETCH 1 (FLAGS BODY.PEEK[])")[0] == b"* 1 FETCH (FLAGS (\\Recent \\Seen $x) BODY[] {%d}\r\n%b)" % (len(ONE), ONE)
    client.ask("SELECT INBOX")
    assert client.ask("FETCH 2 (FLAGS BODY.PEEK[])")[0] == b"* 2 FETCH (FLAGS (\\Recent \\Seen $x) BODY[] {%d}\r\n%b)" % (len(ONE), ONE)


def test_folders(client) -> None:
    assert client.ask('LIST "" ""')[0] == b'* LIST (\\Noselect) "/" ""'
    assert client.ask("CREATE a/b/c")[-1].startswith(b"OK [MAILBOXID (F")
    assert client.ask("CREATE a/b")[-1] == b"NO [ALREADYEXISTS] Mailbox exists"
    assert client.ask('LIST "" a*')[:-1] == [
        b'* LIST (\\HasChildren) "/" a', b'* LIST (\\HasChildren) "/" a/b', b'* LIST (\\HasNoChildren) "/" a/b/c',
    ]  # fmt: skip
    assert client.ask('LIST "" a/%')[:-1] == [b'* LIST (\\HasChildren) "/" a/b']
    assert client.ask("DELETE a")[-1] == b"NO [HASCHILDREN] Mailbox has others below it"
    assert client.ask("RENAME a/b neu")[-1] == b"OK Done"
    assert client.ask('LIST "" neu*')[:-1] == [b'* LIST (\\HasChildren) "/" neu', b'* LIST (\\HasNoChildren) "/" neu/c']
    assert client.ask("DELETE neu/c")[-1] == b"OK Done"
    assert client.ask("DELETE Gesendet")[-1] == b"NO [CANNOT] A standard mailbox stays"
    assert client.ask("DELETE INBOX")[-1].startswith(b"NO")
    assert b'* LIST (\\Sent \\HasNoChildren) "/" Gesendet' in client.ask('LIST (SPECIAL-USE) "" *')
    assert b"neu" not in b"".join(client.ask('LSUB "" *'))  # the client says what it subscribes to
    assert client.ask("SUBSCRIBE neu")[-1] == b"OK Done"
    assert b'* LIST (\\Subscribed \\HasNoChildren) "/" neu' in client.ask('LIST (SUBSCRIBED) "" (neu a)')
    lines = client.ask('LIST "" (INBOX) RETURN (STATUS (MESSAGES UNSEEN SIZE))')
    assert re.fullmatch(rb"\* STATUS INBOX \(MESSAGES 1 UNSEEN 1 SIZE \d+\)", lines[1])
    assert re.fullmatch(rb"\* STATUS inbox \(UIDNEXT 2 DELETED 0\)|\* STATUS INBOX \(UIDNEXT 2 DELETED 0\)",
                        client.ask("STATUS inbox (UIDNEXT DELETED)")[0])  # fmt: skip
    assert client.ask("ENABLE IMAP4rev2")[0] == b"* ENABLED IMAP4REV2"
    assert '* LIST (\\Drafts \\HasNoChildren) "/" "Entwürfe"'.encode() in client.ask('LIST "" *')


def test_what_is_subscribed_stays_so_when_its_folder_goes(client) -> None:
    """RFC 9051 6.3.7, RFC 5258 3.1."""
    for name in ("weg", "da/unten"):
        client.ask(f"CREATE {name}")
        client.ask(f"SUBSCRIBE {name}")
    client.ask("DELETE weg")
    assert b'* LIST (\\NonExistent \\Subscribed \\HasNoChildren) "/" weg' in client.ask('LIST (SUBSCRIBED) "" *')
    assert b'* LSUB () "/" weg' in client.ask('LSUB "" *')
    assert b'* LSUB (\\Noselect) "/" da' in client.ask('LSUB "" %')
    assert b"weg" not in b"".join(client.ask('LIST "" *') + client.ask('LIST "" * RETURN (SUBSCRIBED)'))
    assert client.ask("CREATE weg")[-1].startswith(b"OK")
    assert b'* LIST (\\Subscribed \\HasNoChildren) "/" weg' in client.ask('LIST (SUBSCRIBED) "" *')
    client.ask("DELETE weg")
    assert client.ask("UNSUBSCRIBE weg")[-1] == b"OK Done"
    assert b"weg" not in b"".join(client.ask('LSUB "" *'))
    assert client.ask("SUBSCRIBE nie")[-1].startswith(b"NO")
    parent = b'* LIST (\\HasChildren) "/" da ("CHILDINFO" ("SUBSCRIBED"))'
    assert parent in client.ask('LIST (SUBSCRIBED RECURSIVEMATCH) "" da')
    assert parent not in client.ask('LIST (SUBSCRIBED RECURSIVEMATCH) "" da*')  # what is told itself needs no hint
    assert client.ask('LIST (RECURSIVEMATCH REMOTE) "" *')[-1].startswith(b"BAD")


def test_recent_is_told_to_one_program(client, door, mail) -> None:
    """RFC 3501 2.3.2."""
    mail(ONE)
    other = door.client()
    assert b"* 2 RECENT" in other.ask("EXAMINE INBOX")
    assert client.ask("STATUS INBOX (RECENT)")[0] == b"* STATUS INBOX (RECENT 2)"
    assert b"* 2 RECENT" in client.ask("SELECT INBOX")
    assert b"* 0 RECENT" in other.ask("SELECT INBOX")
    assert client.ask("SEARCH NEW")[0] == b"* SEARCH 1 2"
    assert client.ask("SEARCH OLD")[0] == other.ask("SEARCH RECENT")[0] == b"* SEARCH"
    mail(TWO)
    assert b"* 3 RECENT" in client.ask("NOOP")
    client.ask("UNSELECT")
    assert other.ask("FETCH 2 FLAGS")[0] == b"* 2 FETCH (FLAGS ())"
    third = door.client()
    assert b"* 0 RECENT" in third.ask("SELECT INBOX")
    third.ask("ENABLE IMAP4rev2")
    mail(ONE)
    assert not [line for line in third.ask("NOOP") if b"RECENT" in line]
    assert b"Recent" not in third.ask("FETCH 4 FLAGS")[0]
    for one in (other, third):
        one.close()


def test_of_two_that_wait_one_has_it_as_recent_and_a_third_none(client, door, mail) -> None:
    other, third = door.client(), door.client()
    for one in (client, other):
        one.ask("SELECT INBOX")
    mail(ONE)
    told = [one.ask("NOOP") and one.ask("SEARCH RECENT")[0] for one in (client, other)]
    assert sum(line.endswith(b" 2") for line in told) == 1
    assert third.ask("STATUS INBOX (RECENT)")[0] == b"* STATUS INBOX (RECENT 0)"
    for one in (other, third):
        one.close()


def test_who_asks_for_a_modseq_is_told_the_newest(client) -> None:
    """RFC 7162 3.1."""
    client.ask("SELECT INBOX")
    assert client.ask("FETCH 1 MODSEQ")[0].startswith(b"* OK [HIGHESTMODSEQ ")
    assert not client.ask("FETCH 1 MODSEQ")[0].startswith(b"* OK")


def test_names_and_values_have_all_the_signs_that_the_grammar_gives_them(door) -> None:
    client = door.client(login="")
    assert client.ask("ID (" + " ".join(f'"{"k" * 30}" "{"v" * 1024}"' for _ in range(30)) + ")")[-1] == b"OK Done"
    assert client.ask("LOGIN anna@ahaus.net {}", PASSWORD.encode())[-1].startswith(b"OK")
    assert client.ask("SELECT !#$&'+,-.0123456789:;<=>?@^_`|[}")[-1].startswith(b"NO [NONEXISTENT]")
    assert client.ask("LIST \"\" !#$&'+,-.0123456789:;<=>?@^_`|[}%*")[-1] == b"OK Done"
    client.close()


def test_a_name_that_returns_is_another_folder(client) -> None:
    def validity() -> bytes:
        (line,) = [line for line in client.ask("SELECT x") if b"UIDVALIDITY" in line]
        return line

    client.ask("CREATE x")
    first = validity()
    client.ask("UNSELECT")
    client.ask("DELETE x")
    client.ask("CREATE x")
    assert validity() != first


def test_search(client, mail) -> None:
    mail(ONE, TWO, "Subject: =?utf-8?q?Stra=C3=9Fe?=\r\n\r\nGrüße aus Ahaus\r\n".encode())
    client.ask("SELECT INBOX")
    search = lambda key: client.ask(f"SEARCH {key}")[0]  # noqa: E731
    assert search("SUBJECT zwei") == b"* SEARCH 3"
    assert search("FROM eva NOT SUBJECT eins") == b"* SEARCH 3"
    assert search("OR SUBJECT eins SUBJECT zwei") == b"* SEARCH 2 3"
    assert search("TEXT peer.example UID 1:2") == b"* SEARCH 2"
    assert search("HEADER Message-ID <2@peer") == b"* SEARCH 3"
    assert search("LARGER 100000") == b"* SEARCH"
    assert search("UNSEEN 2:*") == b"* SEARCH 2 3 4"
    assert search("SINCE 1-Jan-2020 BEFORE 1-Jan-2099 2") == b"* SEARCH 2"
    assert client.ask(b"SEARCH CHARSET UTF-8 BODY {}", "GRÜSSE".encode())[0] == b"* SEARCH 4"
    assert client.ask("SEARCH CHARSET KOI8-R BODY x")[-1].startswith(b"NO [BADCHARSET")
    assert client.ask("UID SEARCH RETURN (MIN MAX COUNT) ALL")[0] == b'* ESEARCH (TAG "a13") UID MIN 1 MAX 4 COUNT 4'
    assert client.ask("SEARCH RETURN (SAVE) SUBJECT zwei") == [b"OK Done"]
    assert client.ask("FETCH $ UID")[0] == b"* 3 FETCH (UID 3)"
    assert client.ask("SEARCH RETURN () NOT $")[0] == b'* ESEARCH (TAG "a16") ALL 1:2,4'
    assert client.ask("SEARCH YOUNGER 60")[0].endswith(b" 2 3 4")  # the welcome may be as young


def test_condstore_and_qresync(client, door, mail) -> None:
    mail(ONE, TWO, ONE, TWO)
    client.ask("ENABLE QRESYNC")
    lines = client.ask("SELECT INBOX")
    modseq = int(next(line for line in lines if b"HIGHESTMODSEQ" in line).split(b" ")[3].rstrip(b"]"))
    validity = int(next(line for line in lines if b"UIDVALIDITY" in line).split(b" ")[3].rstrip(b"]"))
    client.ask("UNSELECT")
    other = door.client()
    other.ask("SELECT INBOX")
    other.ask("STORE 2 +FLAGS (\\Flagged)")
    other.ask("STORE 3:4 +FLAGS (\\Deleted)")
    other.ask("EXPUNGE")
    lines = client.ask(f"SELECT INBOX (QRESYNC ({validity} {modseq}))")
    assert b"* VANISHED (EARLIER) 3:4" in lines
    assert b"* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (%d))" % (modseq + 1) in lines
    assert sum(b" FETCH (" in line for line in lines) == 1
    answer = client.ask(f"STORE 2 (UNCHANGEDSINCE {modseq}) +FLAGS (\\Seen)")
    assert answer[-1] == b"OK [MODIFIED 2] Some had changed"
    assert client.ask(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)")[:-1] == [
        b"* VANISHED (EARLIER) 3:4", b"* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (%d))" % (modseq + 1),
    ]  # fmt: skip
    other.ask("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ask("EXPUNGE")
    assert b"* VANISHED 1" in client.ask("NOOP")
    assert client.ask("SEARCH MODSEQ 1")[0].startswith(b"* SEARCH 1 2 (MODSEQ ")
    other.close()


def test_idle_tells_deliveries_and_changes_at_once(client, door, mail) -> None:
    client.ask("SELECT INBOX")
    client.send(b"i IDLE\r\n")
    assert client.line() == b"+ Waiting"
    mail(ONE)
    assert client.line() == b"* 2 EXISTS"
    assert client.line() == b"* 2 RECENT"
    other = door.client()
    other.ask("SELECT INBOX")
    other.ask("STORE 2 +FLAGS (\\Flagged)")
    assert client.line() == b"* 2 FETCH (UID 2 FLAGS (\\Recent \\Flagged))"
    other.ask("UID MOVE 1 Archiv")
    assert client.line() == b"* 1 EXPUNGE"
    client.send(b"DONE\r\n")
    assert client.line() == b"i OK Done"
    other.close()


def test_examine_changes_nothing(client, mail) -> None:
    mail(ONE)
    assert client.ask("EXAMINE INBOX")[-1] == b"OK [READ-ONLY] Done"
    assert client.ask("STORE 1 +FLAGS (\\Deleted)")[-1].startswith(b"NO [READ-ONLY]")
    client.ask("FETCH 2 BODY[]")
    assert client.ask("FETCH 2 FLAGS")[0] == b"* 2 FETCH (FLAGS (\\Recent))"
    assert client.ask("CLOSE") == [b"OK Done"]


def test_authenticate_plain_with_and_without_an_initial_response(door) -> None:
    import base64

    words = base64.b64encode(f"\0anna@ahaus.net\0{PASSWORD}".encode()).decode()
    one = door.client(login="")
    assert one.ask(f"AUTHENTICATE PLAIN {words}")[-1].startswith(b"OK")
    two = door.client(login="")
    two.send(b"x AUTHENTICATE PLAIN\r\n")
    assert two.line() == b"+ "
    two.send(words.encode() + b"\r\n")
    assert two.answer(b"x")[-1].startswith(b"OK")
    for wrong in (b"LOGIN anna@ahaus.net wrong", b"LOGIN nobody@ahaus.net wrong", b"LOGIN x y", b"LOGIN anna@else.example y"):
        three = door.client(login="")
        assert three.ask(wrong)[-1] == b"NO [AUTHENTICATIONFAILED] Name or password is wrong"
        assert three.ask("SELECT INBOX")[-1] == b"BAD Log in first"
        three.close()
    one.close()
    two.close()


def test_only_where_the_person_has_switched_it_on(open_door, ahaus, anna) -> None:
    door = open_door()
    client = door.client(login="")
    assert client.ask(f'LOGIN anna@ahaus.net "{PASSWORD}"')[-1] == b"NO [AUTHENTICATIONFAILED] Name or password is wrong"
    client.close()


@pytest.mark.parametrize("command", ["FETCH 9 FLAGS", "FETCH 0 FLAGS", "FETCH 1 NOSUCH", "STORE 1 FLAGS (\\Foo)", "SEARCH FOO", "FETCH 1",
                                     "SELECT", "FETCH 1 BODY[MIME]", "UID", "LIST", "NOSUCH", "SEARCH RETURN (X) ALL"])  # fmt: skip
def test_what_is_no_command_is_bad_and_does_not_end_the_connection(command, client) -> None:
    client.ask("SELECT INBOX")
    for _ in range(10):
        assert client.ask(command)[-1].startswith(b"BAD")
    assert client.ask("NOOP")[-1] == b"OK Done"


def test_pipelined_commands_are_answered_in_order(client) -> None:
    client.send(b"x1 SELECT INBOX\r\nx2 FETCH 1 UID\r\nx3 SEARCH ALL\r\nx4 NOOP\r\n")
    assert client.answer(b"x1")[-1].startswith(b"OK")
    assert client.answer(b"x2") == [b"* 1 FETCH (UID 1)", b"OK Done"]
    assert client.answer(b"x3") == [b"* SEARCH 1", b"OK Done"]
    assert client.answer(b"x4") == [b"OK Done"]


def test_large_messages_stream_and_literals_that_wait(client) -> None:
    large = b"Subject: gross\r\n\r\n" + b"0123456789abcdef" * 200_000 + b"\r\n"
    client.send(b"y APPEND INBOX {%d}\r\n" % len(large))
    assert client.line() == b"+ Ready"
    client.send(large + b"\r\n")
    assert b"OK [APPENDUID" in client.answer(b"y")[-1]
    client.ask("SELECT INBOX")
    assert client.ask("FETCH 2 BODY.PEEK[]")[0] == b"* 2 FETCH (BODY[] {%d}\r\n%b)" % (len(large), large)
    assert client.ask("FETCH 2 BODY.PEEK[TEXT]<3000000.20>")[0].endswith(b"}\r\n" + large[18 + 3_000_000 :][:20] + b")")
    client.ask("COPY 2 Archiv")
    client.ask("SELECT Archiv")
    assert client.ask("FETCH 1 RFC822.SIZE")[0] == b"* 1 FETCH (RFC822.SIZE %d)" % len(large)
    assert client.ask("FETCH 1 BODY.PEEK[]")[0].endswith(large + b")")


def test_the_mailbox_deleted_by_another_ends_the_connection(client, door) -> None:
    client.ask("CREATE weg")
    client.ask("SELECT weg")
    other = door.client()
    assert other.ask("DELETE weg")[-1] == b"OK Done"
    assert client.ask("NOOP")[0] == b"* BYE The mailbox is gone"
    other.close()
    assert wait_for(lambda: not client.file.read(1))


def test_what_vanished_and_is_not_remembered_any_more_is_answered_with_all_that_is_not_there(client, mail, monkeypatch) -> None:
    from stadtmail.mail.actions import removing

    monkeypatch.setattr(removing, "MOST_REMEMBERED", 2)
    mail(*[ONE] * 9)
    client.ask("ENABLE QRESYNC")
    lines = client.ask("SELECT INBOX")
    validity = int(next(line for line in lines if b"UIDVALIDITY" in line).split(b" ")[3].rstrip(b"]"))
    modseq = int(next(line for line in lines if b"HIGHESTMODSEQ" in line).split(b" ")[3].rstrip(b"]"))
    client.ask("STORE 2,4,6,8 +FLAGS.SILENT (\\Deleted)")
    for uid in (2, 4, 6, 8):
        assert client.ask(f"UID EXPUNGE {uid}")[0] == b"* VANISHED %d" % uid
    assert b"* VANISHED (EARLIER) 2,4,6,8" in client.ask(f"SELECT INBOX (QRESYNC ({validity} {modseq}))")
    assert b"* VANISHED (EARLIER) 8" in client.ask(f"SELECT INBOX (QRESYNC ({validity} {modseq + 4}))")
    assert b"* VANISHED (EARLIER) 4,6" in client.ask(f"SELECT INBOX (QRESYNC ({validity} {modseq} 3:7))")


def test_a_persons_keywords_are_in_the_access_file(ahaus, anna, client) -> None:
    from stadtmail.mail import messages_held, privacy
    from stadtmail.privacy.models import Unit

    client.ask("SELECT INBOX")
    client.ask("STORE 1 +FLAGS ($steuer \\Flagged)")
    unit = Unit.objects.get(anchor=anna.contract, category="INH")
    assert list(privacy._keywords(unit.id)) == [{"keyword": "$steuer"}]
    assert [record["flags"] for record in messages_held.messages(unit.id)] == [["\\Flagged", "$steuer"]]
