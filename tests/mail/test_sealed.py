"""Sealed mailboxes: what opens them, what does not, and what is left after each step. Attacks first."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from stadtmail.mail import queries, sealing, wraps
from stadtmail.mail.actions import filing, importing, indexing, moving, sealed, storing, telling
from stadtmail.mail.models import Folder, Mailbox, MailboxKey, Message, Wrap
from stadtmail.people import queries as people
from stadtmail.people.actions import app_passwords, contracts, credentials
from stadtmail.people.models import AppPassword, Credential
from stadtmail.privacy import erasure, holds, scan, units
from stadtmail.privacy.models import Unit
from stadtmail.privacy.scan import opened as scanned
from stadtmail.vault import copies, keys
from stadtmail.vault.seal import Unreadable
from tests.mail.conftest import every_byte, opened

PASSWORD, NEW = "ein langer Satz 7", "ein anderer Satz 8"
CANARY = b"Kanarienruf-4711-im-Postfach"
MAIL = b"Subject: " + CANARY + b"\r\n\r\n" + CANARY + b"\r\n"
pytestmark = pytest.mark.postgres


def box_of(tenant, account) -> Mailbox:
    return queries.mailbox_of(tenant, account.contract)


def subjects(tenant, account, halves=None) -> list[str]:
    o = queries.opened(box_of(tenant, account), holder=account.contract, halves=halves)
    rows = queries.page(o, 1, count=500)
    assert all(len(b"".join(queries.raw(o, 1, row.uid))) == row.size_bytes for row in rows)
    return [row.subject for row in rows]


def by_password(tenant, account, password: str) -> dict:
    return wraps.opened(box_of(tenant, account).id, wraps.of_password(password))


def nobody_opens(tenant, account) -> None:
    """With everything that this instance has and nobody's secret: no way leads to a message."""
    box = box_of(tenant, account)
    with pytest.raises(queries.Locked):
        queries.opened(box, holder=account.contract)
    for way in (lambda: queries.page(queries.Opened(box), 1), lambda: indexing.places(queries.Opened(box))):
        with pytest.raises(units.Gone):
            way()
    with pytest.raises(units.Gone):
        list(queries.every_raw(queries.Opened(box)))


def test_all_living_keys_open_no_sealed_message(ahaus, anna, ben, seal, deliver, now) -> None:
    deliver(MAIL, "anna@ahaus.net", "ben@ahaus.net")
    seal()
    deliver(MAIL.replace(b"4711", b"4712"), "anna@ahaus.net")
    indexing.run(now)
    keys.drop_copies()
    nobody_opens(ahaus, anna)
    hers, his = (box_of(ahaus, one).unit_id for one in (anna, ben))
    found = {unit.id for unit, _, plain in scanned.pieces() if CANARY[:12] in plain}
    assert his in found  # the search finds what living keys open
    assert hers not in found
    assert not [name for name, data in every_byte() if CANARY[:12] in data]
    report = scan.run([CANARY.decode()], now=now)
    assert all(str(hers) not in hit.place for hit in report.hits)
    assert report.closed == {"sealed mailboxes": 1}


def test_no_opened_half_lies_in_any_store_or_copy_of_keys(ahaus, anna, seal, now) -> None:
    half = next(iter(seal().halves.values()))
    assert not [name for name, data in every_byte() if half in data or half.hex().encode() in data]
    assert half not in [kept for kept, _ in copies.units._kept.values()]
    private = MailboxKey.objects.get(mailbox=box_of(ahaus, anna))
    assert private.private is None
    for wrap in Wrap.objects.select_related("pair__unit"):
        inner = units.unseal(wrap.pair.unit, f"wrap {wrap.holder} ", wrap.wrapped)  # as far as the instance's keys lead
        assert half not in inner


def test_what_the_service_could_open_is_gone_with_its_key(ahaus, anna, seal, deliver, now) -> None:
    """A copy of the store from before the sealing opens nothing: the key of its wrap is destroyed, and so is every row of it."""
    deliver(MAIL, "anna@ahaus.net")
    before = MailboxKey.objects.select_related("unit").get(mailbox=box_of(ahaus, anna))
    held = sealing.Private(units.unseal(before.unit, "private", before.private))  # what a service may have kept of old
    done = seal()
    assert not keys.exists([before.unit.key])
    assert not Unit.objects.filter(id=before.unit_id).exists()
    assert done.old_unreadable_at == now.replace(hour=0) + timedelta(days=8)
    keys.drop_copies()
    with pytest.raises(units.Gone):
        units.unseal(before.unit, "private", before.private)
    for row in Message.objects.all():  # and the old pair opens no row that is there now
        with pytest.raises(Unreadable):
            sealing.record(held, bytes(row.record_key), tenant=ahaus.id, mailbox=before.mailbox_id, role="", message=row.id)


def test_wrong_secrets_open_nothing(ahaus, anna, ben, seal, now) -> None:
    made = seal()
    box = box_of(ahaus, anna).id
    assert by_password(ahaus, anna, PASSWORD) == made.halves
    assert by_password(ahaus, anna, "falsch") == {}
    assert wraps.opened(box, wraps.of_recovery("AAAA-BBBB")) == {}
    assert wraps.opened(box, wraps.of_recovery(made.recovery_code.lower().replace("-", " "))) == made.halves
    assert wraps.opened(box, wraps.of_password(made.recovery_code)) == {}
    assert wraps.opened(box_of(ahaus, ben).id, wraps.of_password(PASSWORD)) == {}
    stored = Credential.objects.get(contract=anna.contract)
    verifier = units.text(stored.unit, "password", stored.password)
    assert wraps.opened(box, wraps.of_password(verifier)) == {}  # the check value is no key
    with pytest.raises(credentials.WrongCredentials):
        sealed.unseal_mailbox(people.contract(ahaus, anna.contract), tenant=ahaus, password="falsch", now=now)


def test_a_wrap_that_is_moved_opens_nothing(ahaus, musterstadt, anna, ben, contract, seal, now) -> None:
    """Whoever writes into the store cannot lend a wrap to another mailbox, holder or city."""
    seal()
    sealed.seal_mailbox(people.contract(ahaus, ben.contract), tenant=ahaus, password=PASSWORD, now=now)
    hers, his = (MailboxKey.objects.get(mailbox=box_of(ahaus, one)) for one in (anna, ben))
    Wrap.objects.filter(pair=his).delete()
    Wrap.objects.filter(pair=hers, holder="password").update(pair=his)
    assert by_password(ahaus, ben, PASSWORD) == {}
    assert by_password(ahaus, anna, PASSWORD) == {}
    with pytest.raises(queries.NoSuchMailbox):
        queries.mailbox_of(musterstadt, anna.contract)
    with pytest.raises(credentials.WrongCredentials):
        sealed.unseal_mailbox(contract, tenant=musterstadt, password=PASSWORD, now=now)
    with pytest.raises(credentials.WrongCredentials):
        sealed.seal_mailbox(contract, tenant=musterstadt, password=PASSWORD, now=now)


def test_another_holder_does_not_read_with_her_halves(ahaus, anna, ben, seal) -> None:
    halves = seal().halves
    with pytest.raises(queries.NotTheHolder):
        queries.opened(box_of(ahaus, anna), holder=ben.contract, halves=halves)
    assert subjects(ahaus, ben, halves)  # his own is a standard one: her halves are of no use there


def test_after_a_password_change_the_old_one_opens_nothing(ahaus, anna, contract, seal, now) -> None:
    halves = seal().halves
    brought = sealed.set_password(contract, tenant=ahaus, old=PASSWORD, new=NEW, now=now)
    assert wraps.unpacked(brought) == halves
    assert by_password(ahaus, anna, PASSWORD) == {}
    assert by_password(ahaus, anna, NEW) == halves
    assert Wrap.objects.filter(holder="password").count() == 1
    with pytest.raises(credentials.WrongCredentials):
        sealed.set_password(contract, tenant=ahaus, old=PASSWORD, new=NEW, now=now)
    with pytest.raises(credentials.BadPassword):
        sealed.set_password(contract, tenant=ahaus, old=NEW, new="kurz", now=now)
    assert by_password(ahaus, anna, NEW) == halves


def test_a_revoked_app_password_has_no_wrap_and_its_bytes_open_nothing(ahaus, anna, contract, seal, now) -> None:
    halves = seal().halves
    made = sealed.make_app_password(contract, tenant=ahaus, label="Laptop", scopes=["imap"], halves=halves, now=now)
    box, secret = box_of(ahaus, anna).id, wraps.of_app(made.password, app=made.id)
    assert wraps.opened(box, secret) == halves
    copy = {wrap.pk: bytes(wrap.wrapped) for wrap in Wrap.objects.filter(reference=made.id)}
    unit = Unit.objects.get(id=made.id)
    assert len(copy) == 2
    assert app_passwords.revoke(contract, made.id, tenant=ahaus, now=now)
    assert not Wrap.objects.filter(reference=made.id).exists()
    assert wraps.opened(box, secret) == {}
    assert not keys.exists([unit.key])  # the layer in between: a copy of the row opens with nothing that is left
    assert by_password(ahaus, anna, PASSWORD) == halves


def test_two_tabs_seal_and_one_wins(ahaus, anna, contract, seal, now) -> None:
    second = []

    def other(step: int) -> None:
        if step == 1 and not second:
            second.append(sealed.seal_mailbox(contract, tenant=ahaus, password=PASSWORD, now=now))

    with pytest.raises(sealed.CannotSeal):
        seal(step=other)
    assert by_password(ahaus, anna, PASSWORD) == second[0].halves
    assert credentials.recover(ahaus, "anna@ahaus.net", code=second[0].recovery_code, new=NEW, now=now)
    with pytest.raises(sealed.CannotSeal):
        seal(NEW)


def test_a_password_that_changes_in_another_tab_stops_the_sealing(ahaus, anna, contract, seal, now) -> None:
    def other(step: int) -> None:
        if step == 1:
            credentials.set_password(contract, tenant=ahaus, old=PASSWORD, new=NEW, now=now)

    with pytest.raises(credentials.PasswordChanged):
        seal(step=other)
    assert not queries.is_sealed(box_of(ahaus, anna))
    assert subjects(ahaus, anna)


def test_an_app_password_of_another_tab_does_not_miss_the_sealing(ahaus, anna, contract, seal, now, monkeypatch) -> None:
    real = app_passwords.scram.client_key

    def slow(*given):
        seal()
        return real(*given)

    monkeypatch.setattr(app_passwords.scram, "client_key", slow)
    with pytest.raises(sealed.KeysChanged):
        sealed.make_app_password(contract, tenant=ahaus, label="x", scopes=["imap"], halves={}, now=now)
    assert not AppPassword.objects.exists()


def test_mail_that_arrives_while_it_is_sealed_is_lost_by_nobody(ahaus, anna, contract, seal, writer, deliver, now) -> None:
    """Sealed to the old pair before the switch, committed after it: its sender comes again (4xx), and nothing was stored."""
    from stadtmail.mail.actions import delivery

    old = [delivery.recipient("anna@ahaus.net", now=now)]
    halves = seal(step=lambda number: deliver(MAIL, "anna@ahaus.net") if number == 2 else None).halves
    (answer,) = writer.submit(MAIL, old, received=b"", now=now).result(timeout=30)
    assert isinstance(answer, storing.PairChanged)
    deliver(MAIL, "anna@ahaus.net")
    assert len(subjects(ahaus, anna, halves)) == 3  # welcome, during, after
    box = box_of(ahaus, anna)
    sent = Folder.objects.get(mailbox=box, role="sent")
    filing.append(queries.Opened(box), sent.id, [filing.New(MAIL, 1, now)], now=now)  # a copy of what is sent needs no key
    o = queries.opened(box, holder=anna.contract, halves=halves)
    assert b"".join(queries.raw(o, sent.number, 1)) == MAIL


def test_no_import_into_a_sealed_mailbox(ahaus, anna, seal, now) -> None:
    o = opened(ahaus, anna)
    importing.begin_imap(o, host="imap.example", port=993, user="u", password="p", lang="de", now=now)
    with pytest.raises(sealed.ImportRuns):
        seal()
    importing.stop(o, now=now)
    seal()
    with pytest.raises(importing.MailboxSealed):
        importing.begin_imap(o, host="imap.example", port=993, user="u", password="p", lang="de", now=now)


def test_the_end_of_the_contract_erases_pair_and_wraps(ahaus, anna, contract, seal, deliver, now) -> None:
    deliver(MAIL, "anna@ahaus.net")
    halves = seal().halves
    sealed.make_app_password(contract, tenant=ahaus, label="Laptop", scopes=["imap"], halves=halves, now=now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    sealed.add_collection(contract, ended.collection_code, tenant=ahaus, halves=halves)
    place = people.place_of(ahaus, contract)
    assert wraps.unpacked(sealed.collected(ahaus, contract.id, ended.collection_code, place=place.unit_id)) == halves
    assert sealed.collected(ahaus, contract.id, "falsch", place=place.unit_id) == {}
    due = [unit.id for unit in Unit.objects.filter(anchor=contract.id) if unit.category in ("INH", "BD-CRED", "COLL")]
    erasure.erase(due, tenant=ahaus, now=now + timedelta(days=60), cause="due")
    assert not Wrap.objects.exists()
    assert not MailboxKey.objects.filter(mailbox__contract=contract).exists()
    assert not Mailbox.objects.filter(contract=contract).exists()


def test_a_held_mailbox_keeps_what_it_had_and_says_nothing(ahaus, anna, seal, deliver, now) -> None:
    """A preservation order (K14: nobody is told): the mail of before stays as it was until the hold ends, new mail is sealed."""
    deliver(MAIL, "anna@ahaus.net")
    unit = box_of(ahaus, anna).unit_id
    kind = next(iter(holds.policy.current(ahaus).hold_types["lea_preservation"].reasons))
    hold = holds.place(
        tenant=ahaus, type="lea_preservation", reason=kind, units=[unit], by="desk x", approved_by="desk y",
        review_at=now + timedelta(days=9), ends_at=now + timedelta(days=30), now=now,
    )  # fmt: skip
    done = seal()
    assert len(subjects(ahaus, anna, done.halves)) == 2
    assert Message.objects.filter(pair=unit).count() == 2
    assert holds.standing([box_of(ahaus, anna).unit_id], now=now)
    holds.release(hold.id, tenant=ahaus, now=now)
    assert moving.finish_all(now) == 1
    assert not Message.objects.filter(pair=unit).exists()
    assert len(subjects(ahaus, anna, done.halves)) == 2
    nobody_opens(ahaus, anna)


def test_what_the_city_tells_while_messages_move_arrives(ahaus, anna, contract, seal, now, monkeypatch) -> None:
    """While both pairs open it is sealed to the new one, whichever of them is read first."""
    monkeypatch.setattr(units, "uuid4", lambda: UUID(f"ffffffff-ffff-4fff-8fff-{uuid4().hex[:12]}"))
    told = []
    seal(step=lambda number: told.append(telling.tell(contract, lambda _: MAIL, tenant=ahaus, now=now)) if number == 2 else None)
    assert told == [True]
