"""Shared folders over IMAP (RFC 4314): the examples, the rights of every command, and what a guest sees and leaves."""

import re

import pytest

from stadtmail.mail import queries, views
from stadtmail.mail.actions import accounts
from stadtmail.mail.shares import Share
from tests.doors.imap.sharing.conftest import ALL, HERE, RAW, share
from tests.mail.conftest import form

WITHOUT = {"r": "lswite", "s": "lrwite", "w": "lrsite", "i": "lrswte", "t": "lrswie", "e": "lrswit"}


def test_capability_and_namespace(guest) -> None:
    words = guest.ask("CAPABILITY")[0].split()
    assert {b"ACL", b"RIGHTS=kxte", b"LIST-MYRIGHTS"} <= set(words)
    assert guest.ask("NAMESPACE")[0] == b'* NAMESPACE (("" "/")) (("Andere Personen/" "/")) NIL'


def test_rfc4314_the_commands_and_the_old_rights(owner, guest) -> None:
    assert owner.ask("GETACL Verein")[0] == b"* ACL Verein anna@ahaus.net lrswikxteacd"
    share(owner, "lrswid")
    assert owner.ask("GETACL Verein")[0] == b"* ACL Verein anna@ahaus.net lrswikxteacd ben@ahaus.net lrswited"
    assert owner.ask("SETACL Verein BEN@ahaus.net -d")[-1] == b"OK Done"
    assert owner.ask("GETACL Verein")[0].endswith(b"ben@ahaus.net lrswi")
    share(owner, "+t")
    assert guest.ask(f"MYRIGHTS {HERE}")[0].endswith(b" lrswitd")
    assert owner.ask("MYRIGHTS INBOX")[0] == b"* MYRIGHTS INBOX lrswikxteacd"
    assert owner.ask("LISTRIGHTS Verein ben@ahaus.net")[0] == b'* LISTRIGHTS Verein ben@ahaus.net "" l r s w i t e d'
    assert owner.ask("LISTRIGHTS Verein niemand@ahaus.net")[0] == b'* LISTRIGHTS Verein niemand@ahaus.net "" l r s w i t e d'
    assert owner.ask("LISTRIGHTS Verein Anna@ahaus.net")[0] == b"* LISTRIGHTS Verein Anna@ahaus.net lrswikxteacd"
    assert owner.ask("LISTRIGHTS Verein anyone")[0] == b'* LISTRIGHTS Verein anyone ""'
    assert owner.ask("DELETEACL Verein ben@ahaus.net") == [b"OK Done"]
    assert owner.ask("DELETEACL Verein niemand@ahaus.net") == [b"OK Done"]
    assert owner.ask("GETACL Verein")[0] == b"* ACL Verein anna@ahaus.net lrswikxteacd"
    share(owner, '""')
    assert not Share.objects.exists()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("SETACL Verein ben@ahaus.net lrQswicda", b"BAD Rights are lower case letters"),
        ("SETACL Verein ben@ahaus.net lrqswicda", b"BAD There is no such right"),
        ("SETACL Verein ben@ahaus.net lr0", b"BAD There is no such right"),
        ('SETACL Verein "" lr', b"BAD An identifier is expected"),
        ('SETACL Verein "b\x07" lr', b"BAD An identifier is expected"),
        ("SETACL Verein anyone lr", b"NO [CANNOT] A mailbox is shared with single people only"),
        ("SETACL Verein -ben@ahaus.net lr", b"NO [CANNOT] There are no negative rights here"),
        ("SETACL Verein anna@ahaus.net lr", b"NO [CANNOT] The owner keeps all rights"),
        ("DELETEACL Verein anna@ahaus.net", b"NO [CANNOT] The owner keeps all rights"),
        ("SETACL Verein ben@ahaus.net lra", b"NO [CANNOT] The rights a, k, p and x are given to nobody"),
        ("SETACL Verein ben@ahaus.net +c", b"NO [CANNOT] The rights a, k, p and x are given to nobody"),
        ("SETACL Verein ben@ahaus.net p", b"NO [CANNOT] The rights a, k, p and x are given to nobody"),
        ("SETACL Verein niemand@ahaus.net lr", b"NO [CANNOT] Nothing can be shared with this name"),
        ("SETACL Verein clara@musterstadt.example lr", b"NO [CANNOT] Nothing can be shared with this name"),
        ("SETACL Verein postmaster@ahaus.net lr", b"NO [CANNOT] Nothing can be shared with this name"),
        ("SETACL Nirgends ben@ahaus.net lr", b"NO [NONEXISTENT] No such mailbox"),
        ("GETACL Nirgends", b"NO [NONEXISTENT] No such mailbox"),
        ("GETACL", b"BAD Something is missing"),
    ],
)
def test_what_is_refused_and_with_which_words(ahaus, musterstadt, owner, now, command, answer) -> None:
    accounts.open_account(form(localpart="clara"), tenant=musterstadt, now=now)
    accounts.open_roles(ahaus, now=now)
    assert owner.ask(command)[-1] == answer
    assert not Share.objects.exists()


def test_a_name_that_is_not_shared_looks_like_one_that_nobody_has(owner, guest) -> None:
    share(owner, "lr")
    for name in ('"Andere Personen/anna@ahaus.net/INBOX"', '"Andere Personen/anna@ahaus.net/Nirgends"', '"Andere Personen/xx@ahaus.net/a"'):
        for command in ("SELECT %s", "EXAMINE %s", "STATUS %s (MESSAGES)", "MYRIGHTS %s", "GETACL %s", "DELETE %s", "SUBSCRIBE %s",
                        "UNSUBSCRIBE %s", "RENAME %s x", "SETACL %s ben@ahaus.net lr", "LISTRIGHTS %s x"):  # fmt: skip
            assert guest.ask(command % name)[-1].startswith(b"NO [NONEXISTENT]"), (command, name)
        assert guest.ask(f"APPEND {name} {{}}", RAW)[-1].startswith(b"NO [NONEXISTENT]")
        assert guest.ask(f"CREATE {name}")[-1].startswith(b"NO [NOPERM]")
        assert guest.ask(f"GETQUOTAROOT {name}")[0] == b"* QUOTAROOT " + name.encode()
    assert guest.ask("RENAME INBOX/x " + HERE)[-1].startswith(b"NO [NOPERM]")


def test_listed_at_once_and_subscribed_only_when_its_reader_says_so(owner, guest) -> None:
    assert not [line for line in guest.ask('LIST "" *') if b"Andere" in line]
    share(owner, "lr")
    lines = guest.ask('LIST "" *')
    assert b'* LIST (\\HasNoChildren) "/" ' + HERE.encode() in lines
    assert b'* LIST (\\Noselect \\HasChildren) "/" "Andere Personen"' in guest.ask('LIST "" %')
    assert not [line for line in guest.ask('LSUB "" *') if b"Andere" in line]
    assert guest.ask(f"SUBSCRIBE {HERE}") == [b"OK Done"]
    assert b'* LSUB () "/" ' + HERE.encode() in guest.ask('LSUB "" *')
    answer = guest.ask('LIST (SUBSCRIBED) "" "Andere*" RETURN (MYRIGHTS STATUS (MESSAGES UNSEEN))')
    assert b"* MYRIGHTS " + HERE.encode() + b" lr" in answer
    assert b"* STATUS " + HERE.encode() + b" (MESSAGES 2 UNSEEN 1)" in answer
    assert b"* MYRIGHTS INBOX lrswikxteacd" in guest.ask('LIST "" INBOX RETURN (MYRIGHTS)')
    assert guest.ask(f"UNSUBSCRIBE {HERE}") == [b"OK Done"]
    assert not [line for line in guest.ask('LSUB "" *') if b"Andere" in line]
    share(owner, "r")
    assert not [line for line in guest.ask('LIST "" *') if b"Andere" in line]
    assert guest.ask(f"EXAMINE {HERE}")[-1].startswith(b"OK")


def test_reading_only_changes_nothing_for_its_holder(owner, guest) -> None:
    share(owner, "lr")
    answer = guest.ask(f"SELECT {HERE}")
    assert answer[-1] == b"OK [READ-ONLY] Done"
    assert b"* OK [PERMANENTFLAGS ()] Kept" in answer
    assert b"Vereinskanarie" in b"".join(guest.ask("FETCH 1 BODY[]"))
    assert guest.ask("FETCH 1 FLAGS")[0] == b"* 1 FETCH (FLAGS (\\Recent))"
    for command in ("STORE 1 +FLAGS (\\Seen)", "STORE 1 FLAGS (\\Flagged)", "UID STORE 1 +FLAGS (x)", "EXPUNGE", "UID EXPUNGE 1",
                    "MOVE 1 INBOX", f"COPY 1 {HERE}"):  # fmt: skip
        assert guest.ask(command)[-1].startswith(b"NO [NOPERM]"), command
    assert guest.ask(f"APPEND {HERE} {{}}", RAW)[-1].startswith(b"NO [NOPERM]")
    assert guest.ask("CLOSE") == [b"OK Done"]
    for command in ("DELETE %s", "RENAME %s x", "GETACL %s", "SETACL %s anna@ahaus.net lr", "DELETEACL %s anna@ahaus.net",
                    "LISTRIGHTS %s x"):  # fmt: skip
        assert guest.ask(command % HERE)[-1].startswith(b"NO [NOPERM]"), command
    owner.ask("SELECT Verein")
    assert owner.ask("FETCH 1:* FLAGS")[:2] == [b"* 1 FETCH (FLAGS (\\Recent))", b"* 2 FETCH (FLAGS (\\Recent \\Seen))"]


@pytest.mark.parametrize("missing", sorted(WITHOUT))
def test_the_rights_of_every_command(owner, guest, missing) -> None:
    """With all rights but one exactly that refuses which needs it (RFC 4314 4)."""
    share(owner, WITHOUT[missing])
    if missing == "r":
        for command in ("SELECT %s", "EXAMINE %s", "STATUS %s (MESSAGES)"):
            assert guest.ask(command % HERE)[-1].startswith(b"NO [NOPERM]"), command
        assert guest.ask(f"APPEND {HERE} {{}}", RAW)[-1].startswith(b"OK [APPENDUID")
        return
    assert guest.ask(f"SELECT {HERE}")[-1] == b"OK [READ-WRITE] Done"
    fine = {
        "s": [("STORE 1 +FLAGS (\\Seen)", "s")], "w": [("STORE 1 +FLAGS (\\Flagged \\Answered)", "w")],
        "t": [("STORE 2 +FLAGS (\\Deleted)", "t")], "e": [("EXPUNGE", "e")], "i": [(f"COPY 1 {HERE}", "i")],
    }  # fmt: skip
    for right, commands in fine.items():
        for command, _ in commands:
            answer = guest.ask(command)[-1]
            assert answer.startswith(b"NO [NOPERM]" if right == missing else b"OK"), command
    assert guest.ask("MOVE 1 INBOX")[-1].startswith(b"NO [NOPERM]" if missing in "te" else b"OK"), missing


def test_flags_come_along_as_far_as_the_rights_go(owner, guest) -> None:
    share(owner, "lri")
    guest.ask(f"APPEND {HERE} (\\Seen \\Flagged \\Deleted eigen) {{}}", RAW)
    guest.ask(f"SELECT {HERE}")
    assert guest.ask("FETCH 3 FLAGS")[0] == b"* 3 FETCH (FLAGS (\\Recent))"
    share(owner, "+s")
    assert b"* OK [PERMANENTFLAGS (\\Seen)] Kept" in guest.ask("NOOP")
    assert guest.ask("STORE 3 +FLAGS (\\Seen \\Flagged)")[:1] == [b"* 3 FETCH (FLAGS (\\Recent \\Seen))"]
    assert guest.ask("STORE 3 FLAGS ()")[:1] == [b"* 3 FETCH (FLAGS (\\Recent))"]
    share(owner, "+wt")
    guest.ask("STORE 3 FLAGS (\\Seen \\Flagged \\Deleted fremd)")
    assert guest.ask("FETCH 3 FLAGS")[0] == b"* 3 FETCH (FLAGS (\\Recent \\Seen \\Flagged \\Deleted))"
    share(owner, "-s")
    guest.ask("STORE 3 FLAGS (\\Answered)")
    assert guest.ask("FETCH 3 FLAGS")[0] == b"* 3 FETCH (FLAGS (\\Recent \\Seen \\Answered))"  # what may not be changed stays


def test_keywords_of_its_holder_are_nobodys_business(owner, guest) -> None:
    owner.ask("SELECT INBOX")
    owner.ask("STORE 1 +FLAGS (Scheidung)")
    owner.ask("SELECT Verein")
    owner.ask("STORE 1 +FLAGS (Vorstand)")
    share(owner, "lrsw")
    answer = b"\n".join(guest.ask(f"SELECT {HERE}"))
    assert b"Vorstand" in answer
    assert b"Scheidung" not in answer
    assert b"\\*" not in answer
    guest.ask("STORE 2 +FLAGS (Vorstand Scheidung Neues)")
    assert b"\\Seen Vorstand)" in guest.ask("FETCH 2 FLAGS")[0]
    owner.ask("NOOP")
    assert b"Neues" not in b"\n".join(owner.ask("SELECT Verein"))


def test_searched_sorted_threaded_and_resynchronised(owner, guest) -> None:
    share(owner, "lrs")
    guest.ask("ENABLE QRESYNC")
    answer = guest.ask(f"SELECT {HERE} (CONDSTORE)")
    modseq = next(int(found[1]) for line in answer if (found := re.match(rb"\* OK \[HIGHESTMODSEQ (\d+)\]", line)))
    validity = next(int(found[1]) for line in answer if (found := re.match(rb"\* OK \[UIDVALIDITY (\d+)\]", line)))
    assert guest.ask('SEARCH SUBJECT "Protokoll"')[0] == b"* SEARCH 1"
    assert guest.ask('SEARCH BODY "Vereinskanarie"')[0] == b"* SEARCH 1 2"
    assert guest.ask('SEARCH TEXT "Willkommen"')[0] == b"* SEARCH"  # that lies in the inbox of its holder, and in the same index
    assert guest.ask("SORT (SUBJECT) UTF-8 ALL")[0] == b"* SORT 2 1"
    assert guest.ask("THREAD REFERENCES UTF-8 ALL")[0].startswith(b"* THREAD (")
    assert guest.ask("STORE 1 +FLAGS (\\Seen)")[-1] == b"OK Done"
    guest.ask("UNSELECT")
    owner.ask("SELECT Verein")
    owner.ask("STORE 2 +FLAGS (\\Deleted)")
    owner.ask("EXPUNGE")
    answer = guest.ask(f"SELECT {HERE} (QRESYNC ({validity} {modseq}))")
    assert b"* VANISHED (EARLIER) 2" in answer
    assert [line for line in answer if b"FLAGS (\\Seen" in line and b"FETCH" in line]


def test_copied_and_moved_out_and_in(owner, guest) -> None:
    share(owner, ALL)
    owner.ask("SELECT Verein")
    owner.ask("STORE 1 +FLAGS (Vorstand)")
    guest.ask(f"SELECT {HERE}")
    assert re.match(rb"OK \[COPYUID \d+ 1 2\] Done", guest.ask("COPY 1 INBOX")[-1])
    answer = guest.ask("MOVE 2 Archiv")
    assert re.match(rb"\* OK \[COPYUID \d+ 2 1\] Moved", answer[0])
    assert b"* 2 EXPUNGE" in answer
    guest.ask("SELECT INBOX")
    assert b"Vorstand" in guest.ask("FETCH 2 FLAGS")[0]
    assert b"Vereinskanarie" in b"".join(guest.ask("FETCH 2 BODY.PEEK[]"))
    assert re.match(rb"\* OK \[COPYUID \d+ 2 3\] Moved", guest.ask(f"MOVE 2 {HERE}")[0])
    owner.ask("NOOP")
    assert b"Vereinskanarie" in b"".join(owner.ask("UID FETCH 3 BODY.PEEK[]"))
    assert guest.ask('COPY 1 "Andere Personen/anna@ahaus.net/Nirgends"')[-1].startswith(b"NO [NONEXISTENT]")


def test_the_holders_quota_counts_and_is_not_told(ahaus, anna, owner, guest) -> None:
    share(owner, ALL)
    box = queries.mailbox_of(ahaus, anna.contract)
    before = queries.used(box)[0]
    guest.ask(f"APPEND {HERE} {{}}", RAW)
    assert queries.used(box)[0] == before + len(RAW)
    type(box).objects.filter(id=box.id).update(quota_bytes=1)
    assert guest.ask(f"APPEND {HERE} {{}}", RAW)[-1] == b"NO [OVERQUOTA] Quota exceeded"
    assert guest.ask(f"GETQUOTAROOT {HERE}") == [b"* QUOTAROOT " + HERE.encode(), b"OK Done"]


def test_recent_stays_with_its_holder(door, owner, guest) -> None:
    share(owner, ALL)
    assert b"* 2 RECENT" in guest.ask(f"SELECT {HERE}")
    guest.ask("UNSELECT")
    assert b"* 2 RECENT" in owner.ask("SELECT Verein")


def test_what_is_read_in_a_shared_folder_is_noted_nowhere(ahaus, ben, owner, guest) -> None:
    """Traffic data: after reading nothing in the store differs (C-4.2)."""
    share(owner, "lr")
    before = [(row.id, bytes(row.grantee), bytes(row.partner), row.rights, row.taken) for row in Share.objects.all()]
    folder = Share.objects.get().folder_id
    mark = views.position(folder)
    guest.ask(f"SELECT {HERE}")
    guest.ask("FETCH 1:* (BODY[])")
    guest.ask("CLOSE")
    assert views.position(folder) == mark
    assert [(row.id, bytes(row.grantee), bytes(row.partner), row.rights, row.taken) for row in Share.objects.all()] == before
