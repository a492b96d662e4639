"""Notes of log-ins (peers' item 35): nothing unless wanted, sealed in one's own mailbox, once a day, gone by the clock and by one click."""

from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest

from stadtmail.mail import jobs, queries, views
from stadtmail.mail.actions import entering, foldering, loginnotes
from stadtmail.mail.actions.loginnotes import WEB, Came
from stadtmail.mail.models import Folder, Message
from stadtmail.people.actions import app_passwords
from stadtmail.privacy import holds
from tests.mail.conftest import every_byte


def notes(o) -> list[tuple[str, bool]]:
    """(subject, seen) of each note, oldest first."""
    number = loginnotes.number(o)
    return [(row.subject, row.seen) for row in reversed(queries.page(o, number))] if number else []


def come(ahaus, anna, now, *, service: str = "imap", password: str = "", name: str = "anna@ahaus.net") -> None:
    porch = entering.Porch(service, "192.0.2.7", now=lambda: now)
    porch.enter(name, password).connection.end()


@pytest.fixture
def phone(ahaus, box, now):
    return app_passwords.make(box.mailbox.contract, tenant=ahaus, label="Zitronentelefon", scopes=["imap", "submission"], now=now)


def test_c26_nothing_is_noted_unless_wanted(ahaus, anna, box, phone, now) -> None:
    before = set(Message.objects.values_list("id", flat=True))
    come(ahaus, anna, now, password=phone.password)
    loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=now)
    assert not loginnotes.is_on(box)
    assert set(Message.objects.values_list("id", flat=True)) == before


def test_a_program_is_noted_once_a_day_and_the_first_time_is_told(ahaus, anna, box, phone, now) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    for hours in (0, 1, 2):
        come(ahaus, anna, now + timedelta(hours=hours), password=phone.password)
    come(ahaus, anna, now, service="submission", password=phone.password)
    assert notes(box) == [("Anmeldung: Zitronentelefon", False)]
    next_day = now + timedelta(days=1)
    for hours in (0, 1):
        come(ahaus, anna, next_day + timedelta(hours=hours), password=phone.password)
    assert notes(box) == [("Anmeldung: Zitronentelefon", False), ("Anmeldung: Zitronentelefon", True)]
    with pytest.raises(entering.WrongCredentials):
        come(ahaus, anna, next_day, password="falsch")
    loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=next_day)
    assert notes(box)[2:] == [("Anmeldung im Portal", True)]


def test_c25_a_note_says_when_and_by_which_way_and_nothing_of_a_machine(ahaus, anna, box, phone, now) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    come(ahaus, anna, now, password=phone.password)
    view = queries.message(box, loginnotes.number(box), 1)
    assert "Zitronentelefon" in view.text
    assert "192.0.2" not in view.text + view.head.decode()
    assert view.found == "own"
    assert "Anmeldungen" not in [one.name for one in views.states(box) if one.use != loginnotes.USE]


def test_they_go_after_thirty_days_and_nothing_else_does(ahaus, box, now) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    for day in (0, 5):
        loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=now + timedelta(days=day))
    due = datetime(2026, 12, 24, 23, 0, tzinfo=UTC)  # 00:00 of the 25th in the city: as test_emptying says
    assert jobs.empty_due_folders(due - timedelta(minutes=1)) == 0
    assert jobs.empty_due_folders(due) == 1
    assert len(notes(box)) == 1
    folder = foldering.create(box, "Anmeldungen 2026", now=now)
    assert Folder.objects.get(id=folder).use == ""


def test_a_hold_on_the_mailbox_keeps_them(ahaus, box, now, monkeypatch) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=now)
    monkeypatch.setattr(holds, "standing", lambda units, *, now: {unit: ["a hold"] for unit in units})
    assert jobs.empty_due_folders(now + timedelta(days=40)) == 0
    monkeypatch.undo()
    assert jobs.empty_due_folders(now + timedelta(days=40)) == 1


def test_c62e_turned_off_all_notes_are_gone_at_once_and_nothing_more_is_noted(ahaus, anna, box, phone, now) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=now)
    before = Message.objects.count()
    loginnotes.turn_off(box, now=now)
    loginnotes.turn_off(box, now=now)
    assert (Message.objects.count(), loginnotes.is_on(box)) == (before - 1, False)
    come(ahaus, anna, now, password=phone.password)
    assert Message.objects.count() == before - 1


def test_a_mail_program_turns_it_off_by_deleting_the_folder(ahaus, box, now) -> None:
    loginnotes.turn_on(box, lang="en", now=now)
    loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=now)
    foldering.delete(box, "Log-ins", now=now)
    loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=now)
    assert not loginnotes.is_on(box)
    assert not [one for one in queries.page(box, 1) if "Log-in" in one.subject]


def test_a_name_that_is_taken_is_in_nobodys_way(ahaus, box, now) -> None:
    foldering.create(box, "Anmeldungen", now=now)
    loginnotes.turn_on(box, lang="de", now=now)
    loginnotes.turn_on(box, lang="de", now=now)
    assert [one.name for one in views.states(box) if one.use == loginnotes.USE] == ["Anmeldungen 2"]
    foldering.rename(box, "Anmeldungen 2", "Wer war da", now=now)
    loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=now)
    assert len(notes(box)) == 1


def test_turned_off_while_a_log_in_is_being_noted_nothing_lands_in_the_inbox(ahaus, box, now, monkeypatch) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    before = Message.objects.count()
    written = loginnotes.letter.letter

    def meanwhile(*given, **named):
        loginnotes.turn_off(box, now=now)
        return written(*given, **named)

    monkeypatch.setattr(loginnotes.letter, "letter", meanwhile)
    loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=now)
    assert Message.objects.count() == before


def test_a_full_mailbox_keeps_nobody_out(ahaus, anna, box, phone, now) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    type(box.mailbox).objects.filter(id=box.mailbox.id).update(quota_bytes=1)
    come(ahaus, anna, now, password=phone.password)
    assert notes(box) == []


def test_a_phone_that_opens_four_connections_at_once_is_noted_once(ahaus, anna, box, phone, now) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    threads = [Thread(target=come, args=(ahaus, anna, now), kwargs={"password": phone.password}) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(notes(box)) == 1


def test_law5_another_citys_contract_of_the_same_id_notes_nothing(ahaus, musterstadt, box, now) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    loginnotes.note(musterstadt, box.mailbox.contract_id, Came(WEB), now=now)
    assert notes(box) == []


def test_c41_no_word_of_a_note_lies_anywhere_in_clear(ahaus, anna, box, phone, now) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    come(ahaus, anna, now, password=phone.password)
    canaries = [b"Zitronentelefon", b"noch kein Mailprogramm angemeldet", b"192.0.2.7"]
    assert [name for name, data in every_byte() if any(one in data for one in canaries)] == []


def test_a_sealed_mailbox_is_noted_into_without_being_opened(ahaus, anna, box, seal, now) -> None:
    loginnotes.turn_on(box, lang="de", now=now)
    seal()
    before = Message.objects.count()
    loginnotes.note(ahaus, box.mailbox.contract_id, Came(WEB), now=now)
    assert Message.objects.count() == before + 1
    assert Message.objects.filter(folder__use=loginnotes.USE).count() == 1
