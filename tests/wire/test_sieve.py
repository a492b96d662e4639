"""Sieve as its RFCs say it, example by example."""

from datetime import UTC, datetime

import pytest

from stadtmail.wire import sievecheck, sieverun
from stadtmail.wire.sieveactions import File, Redirect, Reject
from tests.wire.sieve import KEPT, PARTS, World, holds, run

TRUE = [
    "true",
    "not false",
    "allof(true, true)",
    "anyof(false, true)",
    "not allof(true, false)",
    "not anyof(false)",
    # 5228 2.7.1
    'header :contains "subject" "present"',
    'header :is "Subject" "i HAVE a present for you"',
    'not header "subject" "present"',
    'header :matches "subject" "I have*"',
    'header :matches "Subject" "? have a * for *"',
    'not header :matches "subject" "?have*"',
    'header :comparator "i;octet" :contains "subject" "present"',
    'not header :comparator "i;octet" :contains "subject" "PRESENT"',
    'header :contains "subject" ""',
    'header :is "x-empty" ""',
    'header :matches "x-empty" ""',
    'header :matches "x-empty" "*"',
    'header :is ["x-none", "x-caffeine"] ["x", "C8H10N4O2"]',
    'not header :is "x-none" ""',
    'header "x-umlaut" "Grüße"',
    # 5.4, 5.5, 5.7, 5.9
    'exists ["from", "date"]',
    'not exists ["from", "x-none"]',
    "size :over 100",
    "size :under 1K",
    "not size :over 1M",
    'header :contains "x-caffeine" ["C8H10", "x"]',
    'not header :is "x-caffeine" ["", "c8"]',
    # 2.7.4, 5.1
    'address "from" "coyote@desert.example.org"',
    'address :all :is "from" "coyote@desert.example.org"',
    'address :domain "from" "DESERT.example.org"',
    'address :localpart ["from", "to"] "roadrunner"',
    'not address "from" "Wile E. Coyote <coyote@desert.example.org>"',
    # envelope 5.4
    'envelope "from" "tim@example.com"',
    'envelope :all :is "from" "tim@example.com"',
    'envelope :domain "to" "example.org"',
    # subaddress 5233
    'envelope :user "to" "ken"',
    'envelope :detail "to" "sieve"',
    'address :detail "to" "sieve"',
    'not address :detail "from" ""',
    'address :user "to" ["ken"]',
    'envelope :localpart "to" "ken+sieve"',
    # relational 5231
    'header :value "gt" :comparator "i;ascii-numeric" "x-priority" "2"',
    'header :count "ge" :comparator "i;ascii-numeric" "received" "2"',
    'not header :count "gt" :comparator "i;ascii-numeric" "received" "2"',
    'address :count "eq" :comparator "i;ascii-numeric" "to" "2"',
    'header :value "lt" "subject" "j"',
    'header :count "eq" :comparator "i;ascii-numeric" "x-none" "0"',
    'header :is :comparator "i;ascii-numeric" "x-priority" "03"',
    'header :value "ne" :comparator "i;ascii-numeric" "x-priority" "4"',
    # index 5260
    'header :index 1 :contains "received" "from a"',
    'header :index 1 :last :contains "received" "from c"',
    'not header :index 3 :contains "received" "from"',
    'not header :index 2 :contains "received" "from a"',
    # date 5260
    'date :originalzone "date" "hour" "09"',
    'date :zone "-0800" "date" "hour" "09"',
    'date :zone "+0000" "date" "hour" "17"',
    'date :zone "+0100" "date" "iso8601" "1997-04-01T18:06:31+01:00"',
    'date :originalzone "date" "std11" "Tue, 01 Apr 1997 09:06:31 -0800"',
    'date :value "ge" :originalzone "date" "year" "1997"',
    'date :originalzone "date" "weekday" "2"',
    'date :originalzone "date" "zone" "-0800"',
    'date :index 2 :zone "+0000" "received" "time" "08:28:00"',
    'date :originalzone "date" "julian" "50539"',
    'date :originalzone "date" "date" "1997-04-01"',
    'date :originalzone "date" "second" "31"',
    'not date "x-none" "year" "1997"',
    'not date "subject" "year" "1997"',
    'currentdate "date" "2026-11-25"',
    'currentdate "hour" "09"',
    'currentdate :zone "+0000" "hour" "08"',
    'currentdate "weekday" "3"',
    'currentdate :value "ge" "date" "2026-11-24"',
    'currentdate "month" "11"',
    'currentdate "day" "25"',
    'currentdate "minute" "30"',
    # body 5173
    'body :contains "anvil"',
    'body :raw :contains "ANVIL thing"',
    'not body :contains "present"',
    'body :text :contains "sorry"',
    'body :content "text" :contains "whole"',
    'body :content "text/plain" :contains "whole"',
    'not body :content "text/html" :contains "whole"',
    # mailbox 5490, special-use 8579
    'mailboxexists "Shop"',
    'not mailboxexists ["Shop", "Nowhere"]',
    'specialuse_exists "\\\\Junk"',
    'specialuse_exists "Spam" "\\\\Junk"',
    'not specialuse_exists "Shop" "\\\\Junk"',
    'not specialuse_exists ["\\\\Junk", "\\\\Trash"]',
    # what other servers' scripts rely on: RFC 5228 2.4.2, 2.4.2.2 (no error), 2.7.3, RFC 4790 9.2.1, RFC 5232 4
    'not header :contains "Subject:" ""',
    'not exists ["Subject", "a b"]',
    'not header "" ""',
    'string "a\r\nb" "a\nb"',
    'string "a\r\n.b\r\n.c\r\n" text:\na\n.b\n..c\n.\n',
    'string :matches "am Ende\\\\" "*Ende\\\\"',
    'string :value "gt" "_" "A"',
    'string :value "gt" "_" "a"',
    # duplicate 7352
    "not duplicate",
    'not duplicate :handle "x" :seconds 60 :last',
    'not duplicate :header "x-none"',
    'not duplicate :uniqueid "1"',
    # variables 5229
    'string "${unset}" ""',
    'string :count "eq" :comparator "i;ascii-numeric" ["a", "", "b"] "2"',
    'string :matches "abc" "a?c"',
    # encoded characters 5228 2.4.2.4
    'string "$${hex:24 24}" "$$$"',
    'string "${hex:40}" "@"',
    'string "${unicode:2663}" "♣"',
    'string "${unicode:40}" "${hex:40}"',
    'string "${hex: 40 }" "@"',
    'string "${hex:C3 A9}" "é"',
    'string "${HEX:40}" "@"',
    'not string "${hex:40" "@"',
]


@pytest.mark.parametrize("test", TRUE)
def test_what_the_rfcs_say_is_true(test: str) -> None:
    assert holds(test)


def test_bodies_are_read_as_people_read_them() -> None:
    assert holds('body :contains "Sonder angebot  & mehr"', PARTS)
    assert not holds('body :contains "hidden"', PARTS)
    assert holds('body :contains "Geheimnis"', PARTS)
    assert holds('body :content "" :contains "X-In: side"', PARTS)
    assert holds('body :content "message/rfc822" :contains "innen"', PARTS)
    assert holds('body :raw :contains "R2VoZWltbmlz"', PARTS)
    assert not holds('body :raw :contains "Geheimnis"', PARTS)
    assert holds('body :contains "innerer"', PARTS)


def test_a_bounce_has_an_empty_sender() -> None:
    assert holds('envelope "from" ""', sender="")
    assert holds('envelope :domain "from" ""', sender="")


def test_commands_follow_each_other_and_branches_are_taken_once() -> None:
    script = """if header "x-none" "" { fileinto "a"; } elsif size :over 1 { fileinto "b"; }
        elsif true { fileinto "c"; } else { fileinto "d"; }
        if true { stop; } fileinto "e";"""
    assert run(script).files == (File("b"),)
    assert run("/* nothing */ # at all\r\n").files == KEPT
    assert run("keep; keep; discard;").files == (File(),)
    assert run("stop;").files == KEPT
    assert run('fileinto :copy "x";').files == (File("x"), *KEPT)
    assert run('fileinto "x"; fileinto "x";').files == (File("x"),)
    out = run('redirect "a@b.example"; redirect :copy "A@b.example";')
    assert (out.files, out.redirects) == ((), (Redirect("a@b.example", keeps=True),))
    assert run('redirect :copy "a@b.example";').files == KEPT


def test_flags_of_5232() -> None:
    assert run('setflag "\\\\Deleted"; fileinto "x";').files == (File("x", ("\\Deleted",)),)
    assert run('addflag "flagvar" "\\\\Deleted"; addflag "flagvar" ["\\\\Answered"]; keep :flags "${flagvar}";').files == (
        File(flags=("\\Deleted", "\\Answered")),
    )
    assert run('addflag ["\\\\Deleted \\\\answered", "a b"]; removeflag "A";').files == (
        File(flags=("\\Deleted", "\\Answered", "b"), implied=True),
    )
    assert run('addflag "\\\\Seen"; fileinto :flags "" "x";').files == (File("x"),)
    assert run('setflag "\\\\Recent \\\\nonsense ) ok";').files == (File(flags=("ok",), implied=True),)
    assert holds('hasflag "\\\\Seen"') is False
    out = run(
        'setflag ["a", "b", "c"]; if allof(hasflag "B", hasflag :count "eq" :comparator "i;ascii-numeric" "3", '
        'not hasflag "v" "a", hasflag :contains "c") { discard; }'
    )
    assert out.files == ()


def test_variables_of_5229() -> None:
    assert run('set "honorific" "Mr"; set "first_name" "Wile"; fileinto "${honorific} ${First_Name} ${x}!";').files[0].folder == "Mr Wile !"
    assert run('set "company" "ACME"; fileinto "${BAD${Company}";').files[0].folder == "${BADACME"
    assert run('set "company" "ACME"; fileinto "${President, ${Company} Inc.}";').files[0].folder == "${President, ACME Inc.}"
    assert run('set "a" "juMBlEd lETteRS"; set :length "b" "${a}"; fileinto "${b}";').files[0].folder == "15"
    made = {"lower": "jumbled letters", "upperfirst": "JuMBlEd lETteRS", "quotewildcard": "juMBlEd lETteRS", "upper": "JUMBLED LETTERS"}
    for modifier, wanted in made.items():
        assert run(f'set "a" "juMBlEd lETteRS"; set :{modifier} "b" "${{a}}"; fileinto "${{b}}";').files[0].folder == wanted
    assert run('set :upperfirst :lower "b" "juMBlEd"; fileinto "${b}";').files[0].folder == "Jumbled"
    assert run('set :quotewildcard "b" "Rock*?\\\\"; fileinto "${b}";').files[0].folder == "Rock\\*\\?\\\\"
    script = 'if header :matches "subject" "I have * for *" { fileinto "${2}/${1}/${0}/${3}"; }'
    assert run(script).files[0].folder == "you/a present/I have a present for you/"
    kept = 'if string :matches "ab" "*" { if not string :matches "x" "y*" { fileinto "${1}"; } }'
    assert run(kept).files[0].folder == "ab", "a match that fails changes nothing"
    assert run('if anyof(header :matches "subject" "*", header :matches "from" "*") { fileinto "${1}"; }').files[0].folder.startswith("I")
    assert run('set "a" "${unknown}x"; fileinto "${a}";').files[0].folder == "x"


def test_reject_and_vacation() -> None:
    assert run('reject "nein";').reject == Reject("nein", at_once=False)
    assert run('ereject "nein";').reject == Reject("nein", at_once=True)
    assert run('reject "nein";').files == ()
    reply = run('vacation :days 23 :addresses ["a@b.example", "C <c@d.example>"] :from "A <a@b.example>" "weg";').reply
    assert (reply.seconds, reply.addresses, reply.sender) == (23 * 86400, ("a@b.example", "c@d.example"), "a@b.example")
    assert run('vacation :seconds 1800 "weg";').reply.seconds == 1800
    assert run('vacation :seconds 0 "weg";').reply.seconds == sieverun.LEAST_REPLY
    assert run('vacation :days 0 "weg";').reply.seconds == 86400
    assert run('vacation "a";').reply.handle == run('vacation "a";').reply.handle != run('vacation "b";').reply.handle
    assert run('vacation "a";').files == KEPT


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ('reject "a"; keep;', "reject_and_more"),
        ('keep; reject "a";', "reject_and_more"),
        ('reject "a"; reject "b";', "reject_and_more"),
        ('redirect "a@b.example"; ereject "a";', "reject_and_more"),
        ('vacation "x"; reject "y";', "reject_and_more"),
        ('reject "y"; vacation "x";', "reject_and_more"),
        ('vacation "x"; vacation "y";', "two_replies"),
        ("".join(f'redirect "a{n}@b.example";' for n in range(5)), "too_many_redirects"),
        ("".join(f'fileinto "a{n}";' for n in range(17)), "too_many_actions"),
        ('redirect "${x}";', "bad_address"),
    ],
)
def test_what_breaks_keeps_the_message_and_does_nothing_else(script: str, problem: str) -> None:
    outcome = run(script)
    assert outcome.problem == problem
    assert (outcome.files, outcome.redirects, outcome.reject, outcome.reply, outcome.marks) == (KEPT, (), None, None, ())


NESTED = (
    b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\nVorrede\r\n--o\r\n"
    b"Content-Type: multipart/alternative; boundary=i\r\n\r\n"
    b"innere Vorrede\r\n--i\r\n\r\nHallo\r\n--i\r\nContent-Type: application/xhtml+xml\r\n\r\n<b>X</b>HTML\r\n--i--\r\ninneres Nachwort\r\n"
    b"--o\r\nContent-Type: message/rfc822\r\n\r\nFrom: c@d.example\r\nSubject: innen\r\n\r\nBrief\r\n--o--\r\nNachwort\r\n"
)


@pytest.mark.parametrize(
    ("test", "is_so"),
    [
        ('body :content "multipart" :contains "Vorrede"', True), ('body :content "multipart" :is "inneres Nachwort"', True),
        ('body :content "multipart/mixed" :contains "Nachwort"', True), ('body :content "multipart/mixed" :contains "inner"', False),
        ('body :content "multipart" :contains "--i"', False), ('body :content "multipart" :contains "--o"', False),
        ('body :content "multipart" :contains "Hallo"', False), ('body :text :contains "Vorrede"', False),
        ('body :content "message/rfc822" :is "From: c@d.example\r\nSubject: innen\r\n"', True), ('body :text :contains "X HTML"', True),
    ],
)  # fmt: skip
def test_each_content_of_a_nested_message_is_a_text_of_its_own(test: str, is_so: bool) -> None:
    assert holds(test, NESTED) is is_so


def test_a_message_without_a_body_has_none() -> None:
    assert not holds('body :raw :contains ""', b"Subject: nur Kopf\r\n")
    assert not holds('body :raw :matches "*"', b"Subject: nur Kopf")
    assert holds('body :raw :is ""', b"Subject: leer\r\n\r\n")
    assert holds('body :raw :is ""', b"Subject: leer\n\n")


@pytest.mark.parametrize("given", ['Anna Muster <a@b.example>', '\\"Muster, Anna\\" <a@b.example>', " a @ b.example ", "Anna<a@b.example>"])
def test_an_address_may_have_a_name(given: str) -> None:
    assert run(f'redirect "{given}";').redirects == (Redirect("a@b.example", keeps=True),)
    assert sievecheck.compiled(f'redirect "{given}";').redirects == ((1, "a@b.example"),)


@pytest.mark.parametrize(
    ("test", "is_so"),
    [
        ('hasflag :is "f" ["B", "A"]', True), ('hasflag :is "f" "b A"', True), ('hasflag :contains "f" "x unk"', True),
        ('hasflag :contains "f" "x y"', False), ('hasflag :count "ge" :comparator "i;ascii-numeric" "f" "3"', True),
    ],
)  # fmt: skip
def test_a_text_may_name_several_flags(test: str, is_so: bool) -> None:
    outcome = run(f'setflag "f" "A B Junk"; if {test} {{ discard; }}')
    assert (outcome.files == ()) is is_so


def test_duplicates_are_marked_at_the_end_only() -> None:
    world = World()
    (mark,) = run("if duplicate { discard; }").marks
    world.seen = frozenset([mark.id])
    assert run("if duplicate { discard; }", world=world).files == ()
    assert run("if duplicate { discard; }", world=world).marks == (), "without :last the first one counts"
    assert len(run("if duplicate :last { discard; }", world=world).marks) == 1
    assert run('if duplicate :handle "x" { discard; }', world=world).files == KEPT
    assert run("if anyof(duplicate, duplicate) { discard; }").files == KEPT, "RFC 7352 3: the same question has the same answer"
    assert len(run("if anyof(duplicate, duplicate, duplicate :last) { discard; }").marks) == 1
    assert run('if duplicate { discard; } reject "x"; keep;').marks == ()


def test_the_moment_is_that_of_the_city() -> None:
    world = World()
    world.now = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert holds('currentdate "iso8601" "2026-03-29T01:30:00+00:00"', world=world)
