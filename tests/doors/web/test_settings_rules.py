"""Filters by a form: what somebody without a word of Sieve makes lands in the folder, and nothing typed into it becomes code."""

import re
from urllib.parse import urlencode

import pytest

from stadtmail.kit import config
from stadtmail.mail import filtering, labels, queries, rulebook, views
from stadtmail.mail.actions import changing, filters, handling, rules
from stadtmail.mail.models import Mailbox
from stadtmail.wire import sievecheck, sieveparse
from tests.doors.web import cast
from tests.doors.web.browsing import Browser, Page

PAGE = "/postfach/einstellungen/filter"
NEW = f"{PAGE}/neu"
LETTER = b"From: Bo <bo@verein.example>\r\nTo: anna.k@ahaus.net\r\nSubject: Training am Montag\r\n\r\nText\r\n"
NASTY = 'x"; discard; #\\'


def save(browser: Browser, *, status: int = 302, path: str = NEW, **values: str) -> Page:
    form = browser.get(path).form(path)
    given = {"step": "save", "what1": "from", "how1": "contains", "text1": "verein.example", "folder": "5", "place": "move", **values}
    return browser.send(form, status=status, **given)


def step(browser: Browser, word: str, number: int = 0, *, status: int = 302) -> Page:
    ids = re.findall(r'name="rule" value="(\w+)"', browser.raw(PAGE).content.decode())
    form = browser.get(PAGE).form("filter")
    return browser.send(form, status=status, step=word, rule=ids[number])


def names(o) -> list[str]:
    return [one.name for one in rules.found(o).book.rules]


def subjects(o, number: int) -> list[str]:
    return [row.subject for row in queries.page(o, number)]


def test_a_rule_by_form_puts_the_next_message_into_its_folder(settled, o, now) -> None:
    page = save(settled, name="Verein", seen="1", label="$label2")
    assert "Gespeichert" in page.text
    assert "Absender enthält „verein.example“" in page.text
    assert "in den Ordner „Archiv“ verschieben" in page.text
    cast.deliver(LETTER, "anna.k@ahaus.net", now=now)
    (row,) = queries.page(o, 5)
    assert (row.subject, row.seen) == ("Training am Montag", True)
    assert "Training am Montag" not in subjects(o, 1)
    text = filters.text_of(o, rules.NAME)
    assert sievecheck.compiled(text)
    assert [(one.name, one.is_active) for one in filters.listed(o)] == [(rules.NAME, True)]
    assert rulebook.written(rulebook.read(text)) == text


def test_a_rule_gives_the_labels_that_the_mailbox_has_under_their_own_names(settled, o, now) -> None:
    """One with an umlaut or a blank is another word between programs; what programs alone use is offered to nobody."""
    for name in ("Müllabfuhr", "Steuer 2026"):
        handling.make_label(o, name, "blue", now=now)
    changing.keyword_bits(o, ["$Forwarded"], now=now)
    html = settled.get(NEW).response.content.decode()
    offered = html.partition('id="label"')[2].partition("</select>")[0]
    assert [word in offered for word in (">Müllabfuhr<", ">Steuer 2026<", ">Dienstlich<", "Forwarded")] == [True, True, True, False]
    page = save(settled, name="Tonne", label=labels.keyword("Müllabfuhr"))
    assert "das Etikett „Müllabfuhr“ geben" in page.text
    cast.deliver(LETTER, "anna.k@ahaus.net", now=now)
    assert "Müllabfuhr" in settled.get("/postfach/5").text
    assert rulebook.written(rulebook.read(filters.text_of(o, rules.NAME))) == filters.text_of(o, rules.NAME)


@pytest.mark.parametrize(
    ("field", "value"),
    [("text1", NASTY), ("text1", "${hex:22}; discard;"), ("text1", "a\\"), ("name", '"}]\\ # rule {}'),
     ("header1", 'X"Y'), ("header1", "X: Y")],
)  # fmt: skip
def test_what_is_typed_becomes_a_string_and_never_code(settled, o, field, value) -> None:
    is_header = field == "header1"
    save(settled, status=400 if is_header else 302, **{field: value}, **({"what1": "header"} if is_header else {}))
    if is_header:
        assert names(o) == []
        return
    text = filters.text_of(o, rules.NAME)
    commands = sieveparse.parse(text)
    assert [one.name for one in commands] == ["require", "if"]
    assert [one.name for one in commands[1].block] == ["fileinto", "stop"]
    assert rules.found(o).state == rules.FORM
    if field == "text1":
        assert commands[1].tests[0].tests[0].arguments[-1].value == (value,)


@pytest.mark.parametrize("sign", ["\r\nredirect \"x@y.example\";", "\n.\n", "\0", "\u2028", "\x85"])
def test_no_line_break_and_no_control_sign_gets_into_a_rule(settled, o, sign) -> None:
    save(settled, status=400, text1=f"a{sign}b")
    save(settled, status=400, name=f"a{sign}b")
    assert filters.listed(o) == []


def test_each_condition_and_action_does_what_it_says(settled, o, now) -> None:
    for what, how, text, header in [
        ("to", "is", "anna.k@ahaus.net", ""), ("subject", "begins", "Training", ""), ("subject", "ends", "Montag", ""),
        ("header", "contains", "verein", "From"), ("body", "contains", "text", ""), ("smaller", "", "0,5", ""),
        ("not_attached", "", "", ""),
        ("subject", "not_contains", "Ferien", ""), ("from", "is_not", "eva@verein.example", ""),
    ]:  # fmt: skip
        save(settled, what1=what, how1=how, text1=text, header1=header)
        cast.deliver(LETTER, "anna.k@ahaus.net", now=now)
        assert len(queries.page(o, 5)) == 1, (what, how)
        archive, trash = views.named(o, "Archiv"), views.named(o, "Papierkorb")
        changing.move(o, archive.id, [row.uid for row in queries.page(o, 5)], to=trash.id, now=now)
        step(settled, "delete", status=200)
    for what, how, text in [("larger", "", "0,5"), ("attached", "", ""), ("subject", "is", "Training"), ("subject", "begins", "Tra?ning")]:
        save(settled, what1=what, how1=how, text1=text)
        cast.deliver(LETTER, "anna.k@ahaus.net", now=now)
        assert queries.page(o, 5) == [], (what, how)
        step(settled, "delete", status=200)


def test_any_and_all_and_copy_and_trash(settled, o, now) -> None:
    save(settled, any="1", what2="subject", how2="is", text2="nein", place="copy", stop="")
    save(settled, what2="subject", how2="contains", text2="training", place="trash")
    cast.deliver(LETTER, "anna.k@ahaus.net", now=now)
    assert subjects(o, 5) == ["Training am Montag"]
    assert subjects(o, 6) == ["Training am Montag"]


def test_order_on_off_delete_and_take_back(settled, o) -> None:
    for name in ("Eins", "Zwei", "Drei"):
        save(settled, name=name)
    step(settled, "up", 2)
    assert names(o) == ["Eins", "Drei", "Zwei"]
    step(settled, "down", 0)
    assert names(o) == ["Drei", "Eins", "Zwei"]
    step(settled, "off", 0)
    assert [one.on for one in rules.found(o).book.rules] == [False, True, True]
    page = step(settled, "delete", 1, status=200)
    assert names(o) == ["Drei", "Zwei"]
    undo = next(one for one in page.forms if "gone" in one.values)
    settled.send(undo, status=302, step="undo")
    assert names(o) == ["Drei", "Eins", "Zwei"]
    settled.send(undo, status=302, step="undo")
    assert names(o) == ["Drei", "Eins", "Zwei"], "twice is once"


def test_two_tabs_the_second_save_is_told_and_loses_nothing(settled, o) -> None:
    save(settled, name="Verein")
    (rule,) = rules.found(o).book.rules
    first, second = (settled.get(f"{PAGE}/{rule.id}").form(rule.id) for _ in range(2))
    given = {"step": "save", "what1": "from", "how1": "contains", "folder": "5", "place": "move", "any": ""}
    settled.send(first, status=302, text1="eins.example", **given)
    page = settled.send(second, status=409, text1="zwei.example", **given)
    assert "inzwischen an anderer Stelle geändert" in page.text
    assert "eins.example" in page.text
    assert rules.found(o).book.rules[0].conditions[0].text == "eins.example"
    again = page.form(rule.id)
    assert again.values["text1"] == "zwei.example"
    settled.send(again, status=302, step="save", what1="from", how1="contains", folder="5", place="move", any="")
    assert rules.found(o).book.rules[0].conditions[0].text == "zwei.example"
    third = settled.get(f"{PAGE}/{rule.id}").form(rule.id)
    step(settled, "delete", status=200)
    page = settled.send(third, status=409, text1="drei.example", **given)
    assert "inzwischen gelöscht" in page.text
    settled.send(page.form("neu"), status=302, **given)
    assert rules.found(o).book.rules[0].conditions[0].text == "drei.example"


def test_a_script_that_an_expert_changed_is_shown_and_never_overwritten(settled, o, now, outbox) -> None:
    save(settled, name="Verein")
    changed = filters.text_of(o, rules.NAME).replace("verein.example", "anders.example", 1) + "# von Hand\r\n"
    form = settled.get(NEW).form("neu")
    filters.put(o, rules.NAME, changed.encode(), enqueue=outbox, now=now)
    page = settled.get(PAGE)
    assert "von Hand geändert" in page.text
    assert "anders.example" in page.text
    late = settled.send(form, status=409, step="save", what1="from", how1="contains", text1="getippt", folder="5", place="move")
    assert late.form("neu").values["text1"] == "getippt"
    assert filters.text_of(o, rules.NAME) == changed
    settled.send(page.form("filter"), status=302, step="anew")
    assert filters.text_of(o, rules.OLD) == changed
    assert [one.name for one in filters.listed(o) if one.is_active] == [rules.OLD], "it runs on"
    page = save(settled)
    assert "Zurzeit läuft ein anderes Skript" in page.text
    switch = next(one for one in page.forms if one.action == PAGE and "rule" not in one.values)
    settled.send(switch, status=302, step="run")
    assert [one.name for one in filters.listed(o) if one.is_active] == [rules.NAME]


def test_other_scripts_stay_and_one_that_somebody_switched_off_stays_off(settled, o, now, outbox) -> None:
    filters.put(o, "eigenes", b"keep;", enqueue=outbox, now=now)
    filters.activate(o, "eigenes", now=now)
    save(settled)
    assert [(one.name, one.is_active) for one in filters.listed(o)] == [(rules.NAME, False), ("eigenes", True)]
    filters.activate(o, "", now=now)
    assert "ausgeschaltet" in save(settled).text
    assert Mailbox.objects.get(id=o.mailbox.id).script is None


def test_trying_out_shows_what_would_have_matched_and_keeps_nothing(settled, o, now) -> None:
    for number in range(3):
        cast.deliver(LETTER.replace(b"Montag", b"Tag %d" % number), "anna.k@ahaus.net", now=now)
    cast.deliver(b"From: x@y.example\r\nSubject: Anderes\r\n\r\nx\r\n", "anna.k@ahaus.net", now=now)
    page = save(settled, step="try", status=200, name="")
    assert "3 hätten gepasst" in page.text
    assert "Training am Tag 2" in page.text
    assert "Anderes" not in page.text
    assert filters.listed(o) == []
    assert page.form("neu").values["text1"] == "verein.example"


def test_more_rows_without_javascript(settled) -> None:
    page = save(settled, step="more", status=200)
    assert "text4" in page.form("neu").names
    assert page.form("neu").values["text1"] == "verein.example"


@pytest.mark.parametrize(
    "given", [{"text1": ""}, {"folder": ""}, {"folder": "1"}, {"folder": "99"}, {"what1": "larger", "text1": "viel"}, {"label": "nie"},
              {"forward": "bo@verein.example"}, {"what1": "body", "how1": "is"}, {"text1": "x" * 201}, {"how1": "regex"}],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_what_was_typed_stays(settled, o, given) -> None:
    page = save(settled, status=400, name="Mein Name", **given)
    assert page.form("neu").values["name"] == "Mein Name"
    assert filters.listed(o) == []


def test_c47_another_resident_and_another_city_see_and_change_nothing(settled, o, ahaus, musterstadt, now) -> None:
    save(settled, name="Geheimregel")
    (rule,) = rules.found(o).book.rules
    cast.resident(ahaus, "ben.b", now, street="Wallstraße 3", birth_date="1979-11-02")
    cast.resident(musterstadt, "clara.c", now)
    ben, clara = Browser(), Browser("musterstadt.localhost")
    ben.login("ben.b@ahaus.net", cast.PASSWORD)
    clara.login("clara.c@musterstadt.example", cast.PASSWORD)
    for browser in (ben, clara):
        assert "Geheimregel" not in browser.get(PAGE).text
        browser.raw(f"{PAGE}/{rule.id}", status=404)
        save(browser, name="Eigene")
        browser.send(browser.get(PAGE).form("filter"), status=409, step="delete", rule=rule.id)
        browser.send(settled.get(PAGE).form("filter"), status=403, step="delete", rule=rule.id)
    gone = step(settled, "delete", status=200)
    sealed = next(one for one in gone.forms if "gone" in one.values).values["gone"]
    for browser in (ben, clara):
        own = browser.get(PAGE).form("filter")
        del own.values["rule"]
        browser.send(own, status=403, step="undo", gone=sealed)
        assert "Geheimregel" not in browser.get(PAGE).text


def test_c47_no_word_of_a_rule_lies_in_clear_or_in_a_log(settled, o) -> None:
    save(settled, name="Kanariregel", text1="kanarivogel.example")
    step(settled, "delete", status=200)
    save(settled, name="Kanariregel", text1="kanarivogel.example")
    key = filtering.key_of(o.mailbox.id)
    assert key is not None
    for path in config.load().data.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert b"kanarivogel" not in raw.lower(), path
            assert b"anariregel" not in raw, path


def test_more_than_a_script_holds_is_said_and_what_was_typed_stays(settled, o) -> None:
    parts = {"what": "subject", "how": "contains", "text": "ä" * 200}
    long = {f"{part}{number}": value for number in range(1, 9) for part, value in parts.items()}
    for _ in range(40):
        form = settled.get(NEW).form(NEW)
        response = settled.client.post(NEW, urlencode({**form.values, **long, "step": "save", "place": "keep", "name": "Lang"}),
                                       content_type="application/x-www-form-urlencoded")  # fmt: skip
        if response.status_code != 302:
            break
    assert response.status_code == 400
    page = Page(response)
    assert "Mehr oder längere Regeln sind nicht möglich" in page.text
    assert page.form(NEW).values["text8"] == "ä" * 200
    assert rules.found(o).state == rules.FORM
