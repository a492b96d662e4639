"""The notice is the program: every clause once, no figure and no party of its own, nothing promised that does not run."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from string import Formatter

import pytest

from stadtmail.privacy import policy as policies
from stadtmail.privacy.holds import TOLD_BEFORE
from stadtmail.privacy.notice import annex, imprint, notice, register, words
from stadtmail.privacy.notice.texts import papers, sentences
from stadtmail.privacy.periods import LATENESS, LATENESS_YEAR_END, Period
from stadtmail.privacy.policy import published
from stadtmail.privacy.policy.authorities import AUTHORITIES, LAENDER
from stadtmail.privacy.policy.clauses import BY_ID, CLAUSES
from stadtmail.privacy.policy.lint import DECISIONS
from stadtmail.privacy.policy.model import SubProcessor, Words
from tests.privacy.papers import PAPERS, Unlike, clause, plain, said, text
from tests.privacy.policy_files import changed, policy, without

LANGUAGES = ("de", "en")
CITIES = ("ahaus.net", "musterstadt.example")
BOTH = [(slug, lang) for slug in CITIES for lang in LANGUAGES]


# --- every clause, in both languages ---


@pytest.mark.parametrize(("slug", "lang"), BOTH)
def test_each_clause_stands_once_in_its_section(slug, lang):
    sections = notice(policies.load(slug), lang)
    assert [section.number for section in sections] == [1, 2, 3, 4, 5, 6]
    assert [c.id for section in sections for c in section.clauses] == [row.id for row in CLAUSES]
    assert all(c.id[2] == str(section.number) for section in sections for c in section.clauses)
    assert len(CLAUSES) == 62
    assert all(len(c.text) > 40 and c.title for section in sections for c in section.clauses)


def test_the_sections_are_called_as_in_the_notice():
    titles = ["Vorbemerkung", "Personenbezogene Daten", "Cookies", "Löschen von Daten", "Analysedienste", "Auskunft und Widerspruch"]
    assert [section.title for section in notice(policy(), "de")] == titles


def test_both_languages_say_the_same_things_with_the_same_values():
    def names(template: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(template) if name is not None}

    def shape(value):
        if isinstance(value, dict):
            return {key: shape(item) for key, item in value.items()}
        if isinstance(value, list):
            return [shape(item) for item in value]
        return {name.removesuffix(".dative") for name in names(value)}

    assert shape(sentences("de")) == shape(sentences("en"))
    assert shape(papers("de")) == shape(papers("en"))


def test_what_is_missing_says_what_comes_later_and_what_is_built_does_not():
    for row in CLAUSES:
        assert bool(sentences("de")["clause"][row.id].get("later")) == (not row.built), row.id
    shown = [c for section in notice(policy(), "de") for c in section.clauses]
    assert all(c.note for c in shown if not c.built)
    assert all(c.built == BY_ID[c.id].built for c in shown)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", DECISIONS)
def test_each_decision_of_the_city_is_part_of_the_notice(code, lang):
    compiled = policy()
    decided = compiled.decisions[code]
    shown = [c for section in notice(compiled, lang) for c in section.clauses if c.note and f"{code} (" in c.note]
    assert shown, code
    where = plain(" ".join(c.text + (c.note or "") for c in shown))
    assert decided.text[lang] in where
    assert decided.decider in where
    assert words.day(decided.date, lang) in where


# --- no second source ---


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("slug", CITIES)
def test_every_word_and_day_comes_from_the_policy(slug, lang):
    old = policies.load(slug)
    unlike = Unlike()
    new = unlike.of(old)
    shown = text(new, lang)
    other = "en" if lang == "de" else "de"
    quoted = {path: word for path, word in unlike.words.items() if not path.endswith(f".{other}")}
    missing = [path for path, word in quoted.items() if word not in shown and not path.startswith(_unused(old))]
    assert missing == []
    assert [path for path, day in unlike.days.items() if words.day(day, lang) not in shown] == []
    parties = old.parties
    mentioned = [
        old.service, *parties.controller.lines, *parties.operator.party.lines, parties.operator.contract.id, parties.dpo.marking,
        parties.controller.represented_by[lang], parties.operator.party.represented_by[lang],
        *(place.name[lang] for place in parties.operator.places), *(d.decider for d in old.decisions.values()),
        *(d.text[lang] for d in old.decisions.values()), *(t.name[lang] for t in old.tariffs.values()),
        *(a.name[lang] for a in parties.authorities), *(a.street for a in parties.authorities), *(b.law[lang] for b in old.bases.values()),
        words.day(parties.operator.contract.signed, lang), words.day(parties.operator.contract.ends, lang),
    ]  # fmt: skip
    assert [word for word in mentioned if re.search(rf"\b{re.escape(word)}(?!\w)", shown)] == []


def _unused(policy) -> tuple[str, ...]:
    """Paths of what this file declares and nothing refers to, and what is no word: the city's colour."""
    used = {code for p in policy.purposes.values() for code in p.basis} | {c.basis for c in policy.cookies}
    return (".colour", *(f".bases.{code}." for code in policy.bases if code not in used))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("slug", CITIES)
def test_every_period_comes_from_the_policy(slug, lang):
    unlike = Unlike()
    new = unlike.of(policies.load(slug))
    shown = text(new, lang)
    mine = {words.period(period, lang, dative=dative) for period in unlike.periods.values() for dative in (False, True)}
    missing = [path for path, period in unlike.periods.items() if not _says(period, shown, lang)]
    assert missing == []
    # what the calendar itself promises, how early a restriction's end is told, how old a figure may be: the only other lengths of time
    fixed = [Period(seconds=int(value.total_seconds())) for value in (LATENESS, LATENESS_YEAR_END)]
    fixed += [TOLD_BEFORE, *(row.interval for row in CLAUSES)]
    mine |= {words.period(period, lang) for period in fixed} | {f"{new.order.smallest_age} Jahren"}
    assert {found for found in _lengths(shown, lang) if found not in mine} == set()


def _says(period: Period, shown: str, lang: str) -> bool:
    return any(words.period(period, lang, dative=dative) in shown for dative in (False, True))


def _lengths(shown: str, lang: str) -> set[str]:
    """Everything in a text that reads like a length of time, joined as `words.period` joins hours and minutes."""
    unit = "(?:Jahr|Monat|Woche|Tag|Stunde|Minute|Sekunde)" if lang == "de" else "(?:year|month|week|day|hour|minute|second)"
    number = r"(?:\d+|ein|eine|einem|einen|einer|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf)"
    if lang == "en":
        number = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
    one = rf"\b{number} {unit}(?:e|en|n|s)?\b"
    joint = " und " if lang == "de" else " and "
    return set(re.findall(rf"{one}(?:{joint}{one})*", shown))


def test_changing_one_period_in_the_file_changes_it_everywhere():
    before, after = policy(), policy(('use_gone = "PT15M"', 'use_gone = "PT14M"'), ('throttle = "PT10M"', 'throttle = "PT9M"'))
    assert "zehn Minuten" in clause(before, "C-2.4").text
    assert "neun Minuten" in clause(after, "C-2.4").text
    assert "neun Minuten" in clause(after, "C-4.11").text
    assert "14 Minuten" in clause(after, "C-4.2").text
    assert "spätestens nach 14 Minuten" in text(after, "de")
    assert "spätestens nach 15 Minuten" not in text(after, "de")


def test_an_old_version_stays_readable_when_the_mayor_changes(ahaus, now, tmp_path, monkeypatch):  # C-1.1
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    elected = [("die Bürgermeisterin Karola Voß", "den Bürgermeister Jan Neu"), ("Mayor Karola Voß", "Mayor Jan Neu")]
    newer = changed(("version = 1", "version = 2"), *elected)
    (tmp_path / "ahaus.net.toml").write_bytes(newer)
    policies.publish(ahaus, now)
    for lang in LANGUAGES:
        assert "Jan Neu" in text(policies.current(ahaus), lang)
        assert "Karola Voß" not in text(policies.current(ahaus), lang)
        assert "Karola Voß" in text(policies.version(ahaus, 1), lang)


# --- cities and authorities ---


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_city_shows_the_parties_of_another(lang):
    ahaus, other = (text(policies.load(slug), lang) for slug in CITIES)
    assert not re.search("ahaus|mediabeam|Voß|Meyer|Nordrhein|48683|AVV AHAUS", other, re.IGNORECASE)
    assert not re.search("musterstadt|Max Beispiel|Hannover|Rechenwerk|Niedersachsen", ahaus, re.IGNORECASE)


@pytest.mark.parametrize("land", LAENDER)
def test_a_city_in_each_land_shows_the_authority_of_its_land(land):  # C-6.4, C-6.5
    compiled = policy(('land = "NW"', f'land = "{land}"'), ('code = "NW"', f'code = "{land}"'))
    right, federal = AUTHORITIES[land], AUTHORITIES["BUND"]
    for lang in LANGUAGES:
        assert right.name[lang] in plain(clause(compiled, "C-6.4", lang).text)
        assert LAENDER[land][lang] in clause(compiled, "C-6.4", lang).text
        for authority in (right, federal):
            assert all(part in clause(compiled, "C-6.5", lang).text for part in (authority.street, authority.town, authority.phone))
        streets = {a.street for code, a in AUTHORITIES.items() if code not in (land, "BUND")}
        assert not [street for street in streets if street in text(compiled, lang)]


def test_an_address_that_the_city_corrects_is_shown():  # C-6.5
    compiled = policy(('services = ["digital"]', 'services = ["digital"]\nstreet = "Neue Straße 9"\nphone = "0211 1"'))
    assert "Neue Straße 9, 40213 Düsseldorf, Telefon 0211 1," in plain(clause(compiled, "C-6.5").text)


# --- what runs, and what does not ---


@pytest.mark.parametrize(("slug", "lang"), BOTH)
def test_a_foreign_provider_is_named_only_to_say_that_nothing_goes_there(slug, lang):  # C-5.8 to C-5.12
    compiled = policies.load(slug)
    naming = [c for section in notice(compiled, lang) for c in section.clauses if "google" in " ".join(said(c)).lower()]
    assert [c.id for c in naming] == ["C-5.10", "C-5.12"]
    assert not any("<a" in c.text or "http" in c.text for c in naming)
    assert "recaptcha" not in text(compiled, lang).lower()
    assert "matomo" not in text(compiled, lang).lower()
    assert not any("google" in line.lower() for paper in (register, annex, imprint) for line in said(paper(compiled, lang)))


@pytest.mark.parametrize("more", [{"captcha": "recaptcha"}, {"analytics": "cookieless"}])
def test_a_notice_of_what_is_not_built_is_refused(more):
    with pytest.raises(policies.PolicyRefused, match="not_built"):
        notice(replace(policy(), **more), "de")


def test_the_way_to_a_contract_is_the_one_of_the_city():  # C-2.3
    assert "Mit dem Absenden ist der Vertrag geschlossen." in clause(policy(), "C-2.3").text
    letter = clause(policy(('mode = "at_once"', 'mode = "letter"')), "C-2.3").text
    assert "Brief mit einem Code" in letter
    assert "14 Tage nach dem Absenden der Bestellung" in letter
    assert "prüft die Stadt Ihre Bestellung" in clause(policies.load("musterstadt.example"), "C-2.3").text


def test_phone_and_bank_are_named_only_where_a_tariff_needs_them():  # C-2.2
    assert "Mehr verlangt kein Tarif." in clause(policy(), "C-2.2").text
    assert "Zahlungsdaten erheben wir nicht" in clause(policy(), "C-4.1").text
    plus = policies.load("musterstadt.example")
    assert "Der Tarif Plus braucht außerdem die Bankverbindung für die Lastschrift und die Telefonnummer." in clause(plus, "C-2.2").text
    assert "Zahlungsdaten löschen wir" in clause(plus, "C-4.1").text
    assert "2,00 €" in plain(clause(plus, "C-4.3a").text)


def test_recipients_and_helpers_are_named_when_there_are_any():  # C-2.7, C-1.2
    row = '[[recipient]]\ncode = "x"\nname = { de = "Druckerei Nagel", en = "Nagel Printers" }\ncountry = "AT"\npurpose = "order"\n'
    compiled = policy(("[captcha]", row + 'basis = "contract"\nfields = ["name", "address"]\n[captcha]'))
    assert "Druckerei Nagel, Österreich (Prüfung einer Bestellung; " in clause(compiled, "C-2.7").text
    assert "name, address)" in clause(compiled, "C-2.7").text
    activity = next(a for a in register(compiled, "en").activities if a.code == "order")
    assert "Nagel Printers, Austria" in activity.recipients
    contract = compiled.parties.operator.contract
    helper = SubProcessor("Kabel <AG>", "Weg 1, 8000 Ort", "DE", Words("Leitungen", "lines"), contract)
    helped = replace(compiled, parties=replace(compiled.parties, operator=replace(compiled.parties.operator, sub_processors=(helper,))))
    assert "Kabel &lt;AG&gt;, Weg 1, 8000 Ort, Deutschland (Leitungen;" in clause(helped, "C-1.2").text
    assert annex(helped, "de").sub_processors
    assert "Weitere Unternehmen setzt er dafür nicht ein." in clause(policy(), "C-1.2").text


def test_c12_pictures_from_the_internet_are_in_the_notice_as_they_are_loaded():
    asked, never = policy(), policy(without("pictures"))
    for lang, at_wish, none in (
        ("de", "laden wir sie nur, wenn Sie es", "laden wir nie"), ("en", "we load them only if you ask", "we never load")
    ):  # fmt: skip
        assert at_wish in plain(clause(asked, "C-1.2", lang).text).replace("\n", " ")
        assert none in plain(clause(never, "C-1.2", lang).text)
        assert none not in plain(clause(asked, "C-1.2", lang).text)
    told, silent = (next(a for a in register(made, "de").activities if a.code == "content").recipients for made in (asked, never))
    assert "auf denen Bilder einer Nachricht liegen" in told
    assert "Bilder" not in silent
    assert never.pictures is None


def test_the_notice_says_whether_other_domains_hear_of_tls():  # C-4.2
    told, untold = policy(), policy(("tls_reports = true", "tls_reports = false"))
    left_out = policy(("tls_reports = true", ""))
    assert "erfährt sie von uns nach jedem Tag" in clause(told, "C-4.2").text
    for silent in (untold, left_out):
        assert "Anderen Domains melden wir nicht" in clause(silent, "C-4.2").text
        assert "erfährt sie von uns" not in clause(silent, "C-4.2").text


def test_a_narrow_wording_of_disclosure_is_possible():  # C-4.8
    narrow = policy(('wording = "law"', 'wording = "prosecution"'))
    assert "Gefahren" in clause(policy(), "C-4.8").text
    assert "Gefahren" not in clause(narrow, "C-4.8").text


def test_the_notice_says_what_the_law_wants_said():
    compiled = policy()
    shown = text(compiled, "de")
    for needed in (
        *(f"Art. {number} DSGVO" for number in (15, 16, 17, 18, 20, 21, 22, 77)),
        "Art. 7 Abs. 3 DSGVO", "außerhalb der Europäischen Union", "Art. 4 Nr. 7 DSGVO",
    ):  # fmt: skip
        assert needed in shown
    copies = clause(compiled, "C-4.1").text
    assert "bis zum Ende des Tages und danach höchstens sieben Tage lesbar" in copies
    assert "Sicherungskopien der Daten werden nach 30 Tagen gelöscht" in copies
    assert "Adresse wird gesperrt" in copies  # K21
    assert "sichern Verträge und Zugriffsrechte, nicht die Verschlüsselung allein" in clause(compiled, "C-4.7").text


# --- typography, gaps, hostile values ---


@pytest.mark.parametrize(("slug", "lang"), BOTH)
def test_no_gap_and_no_leftover(slug, lang):
    for paper in PAPERS:
        for line in said(paper(policies.load(slug), lang)):
            assert not re.search(r"[{}]|None|SafeString|TODO|XXX|  |\(\)|, ,| \.|\.\.|,\.|;\.", line), line


@pytest.mark.parametrize(("slug", "lang"), BOTH)
def test_typography(slug, lang):
    for paper in PAPERS:
        for line in said(paper(policies.load(slug), lang)):
            bare = re.sub(r"<[^>]*>", "", line)
            assert not re.search(r"[\"']|&quot;|&#x27;| - |--|\.\.\.|(?<!\w)(?:§|Art\.|Abs\.|Buchst\.) ", bare), line
            assert ("„" in bare) <= (lang == "de"), line
            assert bare.count("„") == (bare.count("“") if lang == "de" else 0), line


HOSTILE = '<script>alert({n})</script>"\'{{BD.name}}&<a href=javascript:x>'


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("slug", CITIES)
def test_hostile_values_stay_text(slug, lang):
    unlike = Unlike(HOSTILE)
    hostile = unlike.of(policies.load(slug))
    shown = text(hostile, lang)
    tags = Tags()
    tags.feed(shown)
    tags.close()
    assert {tag for tag, _ in tags.found} == {"a", "br"}
    links = [attrs for tag, attrs in tags.found if tag == "a"]
    assert all(set(attrs) <= {"href", "rel"} and attrs["href"].startswith(("mailto:", "https://")) for attrs in links)
    assert "<script" not in shown
    assert "{BD.name}" in shown  # a value is never a template


def test_hostile_addresses_are_no_links():
    compiled = policy()
    parties = compiled.parties
    bad = tuple(replace(a, web="javascript:alert(1)") for a in parties.authorities)
    worse = replace(parties, authorities=bad, dpo=replace(parties.dpo, email='x"onclick=a()@y?cc=z&b=<i>'))
    shown = text(replace(compiled, parties=worse), "de")
    tags = Tags()
    tags.feed(shown)
    links = [attrs for tag, attrs in tags.found if tag == "a"]
    assert all(set(attrs) == {"href"} and attrs["href"].startswith("mailto:") and "?" not in attrs["href"] for attrs in links)
    assert "javascript:alert(1)" in shown
