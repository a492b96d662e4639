"""Mistakes in a Sieve script: found before anything runs, with their line, and each has its words."""

import pytest

from stadtmail.wire import sievecheck, sievelex
from stadtmail.wire.sievelex import Wrong

WRONG = [
    ("keep", 1, "semicolon_missing"),
    ("\n\nfoo;", 3, "unknown_command"),
    ("if true keep;", 1, "block_missing"),
    ("true;", 1, "test_as_command"),
    ("if keep { }", 1, "command_as_test"),
    ("if foo { }", 1, "unknown_test"),
    ("else { }", 1, "else_without_if"),
    ("keep; elsif true { }", 1, "else_without_if"),
    ('keep;\nrequire "copy";', 2, "late_require"),
    ('require "x-foo";', 1, "unknown_extension"),
    ('if true { require "copy"; }', 1, "late_require"),
    ('fileinto "x";', 1, "require_missing"),
    ('"x";', 1, "command_expected"),
    ("if not { }", 1, "one_test_here"),
    ("if true, false { }", 1, "block_missing"),
    ("if (true, false) { }", 1, "one_test_here"),
    ("keep true;", 1, "no_test_here"),
    ("stop { }", 1, "no_block_here"),
    ("if true { keep; ", 1, "brace_missing"),
    ("/* open", 1, "open_comment"),
    ('keep; "open', 1, "open_string"),
    ("redirect text:\nx\n", 1, "open_string"),
    ("keep; §", 1, "strange_sign"),
    ("keep; }", 1, "command_expected"),
    ("if anyof(true { }", 1, "parenthesis_missing"),
    ("redirect [];", 1, "string_expected"),
    ('redirect ["a" "b"];', 1, "bracket_missing"),
    ('redirect ["a@b.example"];', 1, "string_expected"),
    ("redirect 5;", 1, "string_expected"),
    ('if size :over "5" { }', 1, "number_expected"),
    ("if size 5 { }", 1, "over_or_under"),
    ("if size :over :under 5 { }", 1, "tag_twice"),
    ("if size :over 99999999999G { }", 1, "big_number"),
    ("if exists 5 { }", 1, "strings_expected"),
    ('if header :is :contains "a" "b" { }', 1, "tag_twice"),
    ('if header "a" :is "b" { }', 1, "late_tag"),
    ('if header :foo "a" "b" { }', 1, "unknown_tag"),
    ('if header "a" { }', 1, "arguments_missing"),
    ('if header "a" "b" "c" { }', 1, "too_many_arguments"),
    ('if header :comparator "i;foo" "a" "b" { }', 1, "unknown_comparator"),
    ('if header :comparator "a" "b" { }', 1, "arguments_missing"),
    ('if header :comparator "i;ascii-numeric" "a" "b" { }', 1, "require_missing"),
    ('if header :count "gt" "a" "b" { }', 1, "require_missing"),
    ('require "comparator-i;ascii-numeric"; if header :contains :comparator "i;ascii-numeric" "a" "b" { }', 1, "numbers_have_no_parts"),
    ('require "relational"; if header :count "xx" "a" "b" { }', 1, "unknown_relation"),
    ('if header :comparator :is "a" "b" { }', 1, "tag_value_missing"),
    ('if address "subject" "b" { }', 1, "no_address_header"),
    ('require "envelope"; if envelope "auth" "x" { }', 1, "unknown_envelope"),
    ('redirect "nobody";', 1, "bad_address"),
    ('redirect "a@b.example\r\nBcc: x@y.example";', 1, "bad_address"),
    ('require "index"; if header :last "a" "b" { }', 1, "last_without_index"),
    ('require "index"; if header :index 0 "a" "b" { }', 1, "bad_number"),
    ('require "date"; if date "date" "foo" "1" { }', 1, "unknown_date_part"),
    ('require "date"; if date :zone "CET" "date" "year" "1" { }', 1, "bad_zone"),
    ('require "date"; if currentdate :originalzone "year" "1" { }', 1, "unknown_tag"),
    ('require "variables"; set "${x}" "1";', 1, "bad_variable"),
    ('require "variables"; set "a.b" "1";', 1, "bad_variable"),
    ('require "variables"; set "x" "${a.b}";', 1, "unknown_namespace"),
    ('require "imap4flags"; addflag "v" "x";', 1, "require_missing"),
    ('require "fileinto"; fileinto "";', 1, "bad_folder"),
    ('require "vacation"; vacation :seconds 5 "x";', 1, "require_missing"),
    ('require "vacation-seconds"; vacation :days 1 :seconds 5 "x";', 1, "tag_twice"),
    ('require "vacation"; vacation :subject "a\nb" "x";', 1, "bad_subject"),
    ('require "vacation"; vacation :from "nobody" "x";', 1, "bad_address"),
    ('require "encoded-character"; redirect "${unicode:D800}";', 1, "bad_character"),
    ('require "encoded-character"; redirect "${hex:ff}";', 1, "bad_character"),
    ('require "encoded-character"; redirect "${unicode:110000}";', 1, "bad_character"),
    ("if " + "not " * 40 + "true { }", 1, "too_deep"),
    ("if true {" * 40 + "}" * 40, 1, "too_deep"),
    ("keep;" * 6000, 1, "too_long"),
    ('require "duplicate"; if duplicate :header "a" :uniqueid "b" { }', 1, "tag_twice"),
    ("\n\n\nif header :matches", 4, "block_missing"),
]


@pytest.mark.parametrize(("script", "line", "kind"), WRONG)
def test_mistakes_are_found_before_anything_runs(script: str, line: int, kind: str) -> None:
    with pytest.raises(Wrong) as wrong:
        sievecheck.compiled(script)
    assert (wrong.value.kind, wrong.value.line) == (kind, line)


def test_every_mistake_has_words() -> None:
    from stadtmail.mail.filterwords import _WORDS, Problem

    for _, _, kind in WRONG:
        assert kind in _WORDS
    for kind in _WORDS:
        for lang in ("de", "en"):
            words = Problem(3, kind, "x").words(lang)
            assert words.endswith((".", "x", "CODE", ";", "]")) or "CODE" in words


def test_strings_of_all_kinds() -> None:
    text = "redirect text: # comment\r\n..dot\r\nline\r\n.\r\n;"
    (word, string, end, _) = sievelex.tokens(text)
    assert (word.value, string.value, end.value) == ("redirect", ".dot\r\nline\r\n", ";")
    assert [token.value for token in sievelex.tokens('"a\\"b\\\\c\\d" 10K 2m')][:3] == ['a"b\\cd', 10240, 2097152]
    assert [one.text for one in sievelex.comments("keep; # eins\n/* zwei */ # drei")] == ["eins", "drei"]
    for bad in (b"\xff", b"a\0b", b"x" * (sievelex.MOST_TEXT + 1)):
        with pytest.raises(Wrong):
            sievelex.decoded(bad)
