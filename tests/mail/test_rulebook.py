"""The form's script: whatever is typed comes back as it was, is right Sieve, and does nothing but what the rule says."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stadtmail.mail import rulebook, rulewriting
from stadtmail.mail.rulebook import RuleBook
from stadtmail.mail.rulewriting import HOWS, OTHERS, PLACES, TEXTS, Away, Condition, Passing, Rule
from stadtmail.wire import sievecheck, sieveparse

anything = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
CODE = ['"; discard; #', "\\", "\\\"", "text:\r\n.\r\n", "${hex:22}", '# rule {"id":"x"}', "*/ /*", "}\r\nstop;"]
nasty = anything | st.sampled_from(CODE)
conditions = st.builds(Condition, st.sampled_from(TEXTS), st.sampled_from(HOWS), nasty, st.just("X-A")) | st.builds(
    Condition, st.sampled_from(OTHERS), st.just("contains"), st.just("1000")
)
rules = st.builds(
    Rule, id=st.text("0123456789abcdef", min_size=4, max_size=4), name=nasty,
    conditions=st.lists(conditions, min_size=1, max_size=3).map(tuple), on=st.booleans(), any=st.booleans(),
    place=st.sampled_from(PLACES), folder=nasty.map(lambda text: f"a{text}"),
    role=st.sampled_from(["", "archive"]), seen=st.booleans(), flagged=st.booleans(), label=st.sampled_from(["", "$label1"]),
    forward=st.sampled_from(["", "a@b.example"]), stop=st.booleans(),
)  # fmt: skip
aways = st.builds(
    Away, on=st.booleans(), text=nasty, since=st.just("2026-12-01"), until=st.just("2026-12-24"), text_en=nasty, subject=st.just("Weg"),
    addresses=st.just(("c@d.example",)), known=st.sampled_from([None, (), ("e@f.example",)]),
)  # fmt: skip
passings = st.builds(Passing, st.sampled_from(["a@b.example", "g@h.example"]), st.sampled_from(["copy", "move", "rules"]))
books = st.builds(RuleBook, st.none() | aways, st.lists(passings, max_size=2).map(tuple), st.lists(rules, max_size=4).map(tuple))
PLAIN = Rule("abcd", "Verein", (Condition("from", text="verein"),), place="move", folder="Archiv")


@settings(max_examples=300, deadline=None)
@given(books)
def test_what_was_written_is_read_back_and_is_right_sieve(book: RuleBook) -> None:
    text = rulebook.written(book)
    assert rulebook.read(text) == book
    assert rulebook.read(text.replace("\r\n", "\n")) == book, "as a program on another system stores it"
    sievecheck.compiled(text)


@settings(max_examples=300, deadline=None)
@given(rules)
def test_a_rule_is_one_if_with_its_own_actions_and_nothing_behind_it(rule: Rule) -> None:
    on = replace(rule, on=True, place="move")
    head, *others = [one for one in sieveparse.parse(rulebook.written(RuleBook(rules=(on,)))) if one.name != "require"]
    assert (head.name, others) == ("if", [])
    names = [one.name for one in head.block or ()]
    wanted = ["addflag"] * (on.seen + on.flagged + bool(on.label)) + ["redirect"] * bool(on.forward) + ["fileinto"] + ["stop"] * on.stop
    assert names == wanted


@pytest.mark.parametrize(
    "change", [lambda text: text + "keep;\r\n", lambda text: text.replace("verein", "anders", 1), lambda text: text.replace("stop;", ""),
               lambda text: text.replace('"id":"abcd"', '"id":7'), lambda text: text.replace('"what"', '"which"'),
               lambda text: text.replace('"id":"abcd"', '"id":"../x"'), lambda text: text.replace('"seen":false', '"seen":0'),
               lambda text: "keep;\r\n" + text, lambda text: text.replace("# rule", "# note")],
)  # fmt: skip
def test_what_was_changed_by_hand_is_not_the_forms_any_more(change) -> None:
    text = rulebook.written(RuleBook(rules=(PLAIN,)))
    assert rulebook.read(text) is not None
    assert rulebook.read(change(text)) is None


@pytest.mark.parametrize("text", ["", "keep;", *(rulebook.HEAD + more for more in ("\r\n# rule {\r\n", "\r\n# rule []\r\n", ' "'))])
def test_what_never_was_is_not_the_forms(text) -> None:
    assert rulebook.read(text) is None


def test_no_string_of_a_script_can_hold_a_nul() -> None:
    with pytest.raises(ValueError, match=r"^$"):
        rulewriting.quoted("a\0b")
