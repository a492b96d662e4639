"""What is compiled beside the notice: register with deletion concept, annex to the contract, imprint."""

from dataclasses import replace

import pytest

from stadtmail.privacy import policy as policies
from stadtmail.privacy.notice import annex, imprint, register, words
from stadtmail.privacy.notice.contacts import MEASURES
from stadtmail.privacy.notice.register import START_TYPES
from stadtmail.privacy.notice.texts import papers, sentences
from stadtmail.privacy.policy.clauses import BY_ID
from stadtmail.privacy.policy.lint import EVENTS
from tests.privacy.papers import clause, plain
from tests.privacy.policy_files import policy

LANGUAGES = ("de", "en")
CITIES = ("ahaus.net", "musterstadt.example")
BOTH = [(slug, lang) for slug in CITIES for lang in LANGUAGES]


@pytest.mark.parametrize(("slug", "lang"), BOTH)
def test_the_register_has_every_purpose_category_and_cookie(slug, lang):
    compiled = policies.load(slug)
    made = register(compiled, lang)
    assert [a.code for a in made.activities] == list(compiled.purposes)
    assert all(a.categories and a.basis and a.subjects and a.recipients and a.third_countries for a in made.activities)
    assert [d.code for d in made.deletions] == list(compiled.categories)
    assert [c.name for c in made.cookies] == [c.name for c in compiled.cookies]
    for row in made.deletions:
        rule = compiled.categories[row.code].rule
        assert len(row.starts) == (len(rule.starts) if rule else 0)
        assert row.rule == (words.due(rule, lang) if rule else row.rule)
        assert row.lateness
        assert row.holds


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_register_says_who_gets_mail_and_pictures_wherever_they_are(lang):
    """Art. 30(1)(d) and (e) GDPR: recipients whom users choose, and that they may be in a third country; nowhere else."""
    compiled = policies.load("ahaus.net")
    asked, never = papers(lang)["asked_third_country"], papers(lang)["no_third_country"]
    purposes = {*compiled.categories["TRANSIT"].purposes, compiled.pictures.purpose}
    assert {a.code for a in register(compiled, lang).activities if a.third_countries == asked} == purposes
    without_pictures = replace(compiled, pictures=None)
    assert {a.code for a in register(without_pictures, lang).activities if a.third_countries == asked} == set(
        compiled.categories["TRANSIT"].purposes
    )
    others = [a for a in register(compiled, lang).activities if a.code not in purposes]
    assert {a.third_countries for a in others} == {never}
    carried = {a.code: plain(a.recipients) for a in register(compiled, lang).activities}
    for code in compiled.categories["TRANSIT"].purposes:
        assert sentences(lang)["phrase"]["transit.recipient"] in carried[code]


@pytest.mark.parametrize(("slug", "lang"), BOTH)
def test_whoever_writes_to_a_mailbox_has_no_contract_and_a_basis_of_their_own(slug, lang):
    """Art. 6(1) GDPR: contents are other people's, too; said beside the contract (C-2.8) and the objection (C-6.2e)."""
    compiled = policies.load(slug)
    contents = compiled.categories["INH"]
    articles = {compiled.bases[b].article for code in contents.purposes for b in compiled.purposes[code].basis}
    assert articles == {"6-1-b", "6-1-e"}
    named = plain(compiled.bases["task"].law[lang])
    assert named in plain(clause(compiled, "C-2.8", lang).text)
    assert compiled.purposes["correspondents"].name[lang] in plain(clause(compiled, "C-6.2e", lang).text)


def test_the_deletion_concept_tells_duty_and_promise_apart():
    rows = {row.code: row for row in register(policy(), "de").deletions}
    assert rows["BD-ID"].keep.startswith("aufzubewahren bis ein Jahr nach dem Ende des Kalenderjahres")
    assert rows["BD-ID"].lateness == "24 Stunden"
    assert rows["BD"].keep == "keine"
    assert rows["BD"].lateness == "15 Minuten"
    assert rows["BD-CRED"].holds == "keine"
    assert [start.event for start in rows["BD-PAY"].starts] == ["letzter Einzug", "Vertragsende"]
    assert rows["ND"].store == "nur im Arbeitsspeicher"


def test_every_event_has_words_and_a_kind_of_start():
    assert set(START_TYPES) == EVENTS == set(words.EVENTS) == set(papers("de")["start"])
    assert set(START_TYPES.values()) == set(papers("de")["start_type"])


def test_measures_refer_to_clauses_that_run():
    assert set(MEASURES) == set(papers("de")["measure"])
    assert all(BY_ID[id_].built for ids in MEASURES.values() for id_ in ids)
    checks = [check for measure in register(policy(), "de").measures for check in measure.checks]
    assert all(check.interval == "höchstens einen Tag alt" for check in checks)


@pytest.mark.parametrize(("slug", "lang"), BOTH)
def test_the_annex_has_what_article_28_asks_for(slug, lang):
    compiled = policies.load(slug)
    made = annex(compiled, lang)
    assert compiled.parties.operator.contract.id in made.title
    assert words.day(compiled.parties.operator.contract.ends, lang) in made.duration
    assert [row.code for row in made.categories] == [c.code for c in compiled.categories.values() if c.person]
    assert made.subjects
    assert made.places
    assert made.measures
    assert made.third_countries
    assert len(made.duties) == 7  # Art. 28(3)(a) to (h), of which (c) is the measures
    assert len(made.sub_processors) == len(compiled.parties.operator.sub_processors)


@pytest.mark.parametrize(("slug", "lang"), BOTH)
def test_the_imprint_names_who_answers(slug, lang):
    compiled = policies.load(slug)
    made, controller = imprint(compiled, lang), compiled.parties.controller
    assert made.controller.name == controller.name
    assert made.controller.lines == controller.lines[1:]
    assert made.controller.represented_by == controller.represented_by[lang]
    assert controller.email in made.controller.email
    assert made.controller.phone == controller.phone
    assert controller.name in made.responsible
    assert made.operator.name == compiled.parties.operator.party.name
    assert "§" in made.law
    assert len(made.authorities) == 2
