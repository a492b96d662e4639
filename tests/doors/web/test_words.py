"""English is whole: every text has a translation, none is doubtful, and each keeps its placeholders."""

import re

from babel.messages.pofile import read_po

from tools import words


def test_every_text_is_translated_and_none_is_doubtful_or_left_over() -> None:
    with words.PO.open("rb") as source:
        known = read_po(source, locale="en")
    said = {message.id for message in words.said() if message.id}
    missing = [text for text in said if not (found := known.get(text)) or not found.string or not all(found.string)]
    assert missing == []
    assert [message.id for message in known if message.id and message.fuzzy] == []
    assert [message.id for message in known if message.id and message.id not in said] == []


def test_every_translation_keeps_its_placeholders() -> None:
    with words.PO.open("rb") as source:
        for message in read_po(source, locale="en"):
            if isinstance(message.id, str) and message.id:
                assert sorted(re.findall(r"%\(\w+\)[sd]", message.id)) == sorted(re.findall(r"%\(\w+\)[sd]", str(message.string)))


def test_what_is_compiled_is_what_was_translated(browser) -> None:
    browser.get("/en/bestellen")
    assert "Order an address" in browser.text
    browser.get("/en/")
    for german in ("Anmelden", "Bestellen", "Versprochen", "Spuren", "Übersicht", "und "):
        assert german not in browser.text.replace("/bestellen", "").replace("/anmelden", ""), german


def test_every_registered_figure_has_words() -> None:
    from stadtmail.doors.web import figures
    from stadtmail.privacy import proofs

    named = {measure.figure for measure in proofs._measures} | {walk.figure for walk in proofs._walks}
    assert sorted(named - set(figures._known())) == []
