"""Sealed mailboxes in use: switched both ways, found in, recovered, begun anew, and after a restore."""

import pytest

from stadtmail.kit import store
from stadtmail.mail import drafts, jobs, queries, trusted, views, wraps
from stadtmail.mail.actions import (
    changing,
    deliverykeys,
    drafting,
    filing,
    foldering,
    handling,
    indexing,
    moving,
    planning,
    removing,
    sealed,
    telling,
    trusting,
)
from stadtmail.mail.folders import DELETED
from stadtmail.mail.index import files
from stadtmail.mail.models import Folder, Mailbox, MailboxKey, Message, Route, Wrap
from stadtmail.people import queries as people
from stadtmail.people.actions import app_passwords, credentials
from stadtmail.people.models import Credential
from stadtmail.privacy import proofs as states
from stadtmail.privacy import recovery, units
from stadtmail.privacy.models import Unit
from stadtmail.vault import keys
from tests.mail.conftest import opened
from tests.mail.planned import NOW, wait
from tests.mail.test_sealed import MAIL, NEW, PASSWORD, box_of, by_password, subjects

pytestmark = pytest.mark.postgres


def test_sealed_and_back_keeps_every_message_folder_and_keyword(ahaus, anna, contract, seal, deliver, now) -> None:
    deliver(MAIL, "anna@ahaus.net")
    o = opened(ahaus, anna)
    made = foldering.create(o, "Reisen/Ålesund", now=now)
    bit = changing.keyword_bits(o, ["$label1"], now=now)
    filing.append(o, made, [filing.New(MAIL, bit, now), filing.New(MAIL + b"x" * 100_000, 0, now)], now=now)
    before = {raw for *_, pieces in queries.every_raw(o) for raw in [b"".join(pieces)]}
    halves = seal().halves
    o = queries.opened(box_of(ahaus, anna), holder=anna.contract, halves=halves)
    assert {b"".join(pieces) for *_, pieces in queries.every_raw(o)} == before
    assert "Reisen/Ålesund" in [row.name for row in queries.folders(o)]
    assert list(queries.keywords(o).values()) == ["$label1"]
    assert MailboxKey.objects.filter(mailbox=o.mailbox).count() == 1
    sealed.unseal_mailbox(contract, tenant=ahaus, password=PASSWORD, now=now)
    assert {b"".join(pieces) for *_, pieces in queries.every_raw(opened(ahaus, anna))} == before
    assert not Wrap.objects.exists()
    assert seal().halves.keys() != halves.keys()  # another pair each time


def test_sealing_closes_the_ways_that_nobody_can_wrap_for(ahaus, anna, contract, seal, now) -> None:
    credentials.set_mail_login(contract, tenant=ahaus, on=True, password=PASSWORD)
    reads = app_passwords.make(contract, tenant=ahaus, label="liest", scopes=["imap"], now=now)
    sends = app_passwords.make(contract, tenant=ahaus, label="beides", scopes=["imap", "submission"], now=now)
    seal()
    left = {row.id: row.scopes for row in people.app_passwords(ahaus, contract)}
    assert list(left) == [sends.id]
    assert tuple(left[sends.id]) == ("submission",)
    assert not Unit.objects.filter(id=reads.id).exists()
    stored = Credential.objects.get(contract=contract)
    assert (stored.mail_login, stored.scram) == (False, None)
    with pytest.raises(sealed.CannotSeal):  # a tab that was opened before
        sealed.open_mail_login(contract, tenant=ahaus, password=PASSWORD)
    stored.refresh_from_db()
    assert (stored.mail_login, stored.scram) == (False, None)


def test_the_recovery_code_opens_wraps_anew_and_is_used_up(ahaus, anna, contract, seal, now) -> None:
    made = seal()
    with pytest.raises(credentials.WrongCredentials):  # the code of before the sealing
        sealed.recover(ahaus, "anna@ahaus.net", code=anna.recovery_code, new=NEW, now=now)
    done = sealed.recover(ahaus, "anna@ahaus.net", code=made.recovery_code, new=NEW, now=now)
    box = box_of(ahaus, anna).id
    assert by_password(ahaus, anna, NEW) == made.halves
    assert by_password(ahaus, anna, PASSWORD) == {}
    assert wraps.opened(box, wraps.of_recovery(made.recovery_code)) == {}
    code = sealed.new_recovery_code(contract, tenant=ahaus, password=NEW, now=now)
    assert wraps.opened(box, wraps.of_recovery(done.recovery_code)) == {}
    assert wraps.opened(box, wraps.of_recovery(code)) == made.halves
    assert sealed.recover(ahaus, "anna@ahaus.net", code=code, new=PASSWORD, now=now)


def test_a_password_that_somebody_else_set_opens_nothing_until_the_code_comes(ahaus, anna, contract, seal, deliver, now) -> None:
    """The desk set a password: the mailbox stays locked and takes mail. The code opens it; without the code it begins anew, empty."""
    made = seal()
    credentials.set_password(contract, tenant=ahaus, old=PASSWORD, new=NEW, now=now)  # past the mail room: nobody wrapped
    assert sealed.bring(ahaus, contract.id, NEW) == {}
    deliver(MAIL, "anna@ahaus.net")
    with pytest.raises(sealed.WrongSecret):
        sealed.open_again(contract, tenant=ahaus, password=NEW, code="AAAA", now=now)
    again = sealed.open_again(contract, tenant=ahaus, password=NEW, code=made.recovery_code, now=now)
    assert len(subjects(ahaus, anna, again.halves)) == 2
    assert by_password(ahaus, anna, PASSWORD) == {}
    credentials.set_password(contract, tenant=ahaus, old=NEW, new=PASSWORD, now=now)
    old = box_of(ahaus, anna).unit
    sealed.begin_anew(contract, tenant=ahaus, password=PASSWORD, now=now)
    assert subjects(ahaus, anna) == []
    assert [row.role for row in queries.folders(opened(ahaus, anna))][:2] == ["inbox", "drafts"]
    assert not keys.exists([old.key])
    assert not Message.objects.exists()
    assert queries.used(box_of(ahaus, anna))[0] == 0
    deliver(MAIL, "anna@ahaus.net")
    assert len(subjects(ahaus, anna)) == 1
    with pytest.raises(sealed.CannotSeal):
        sealed.begin_anew(contract, tenant=ahaus, password=PASSWORD, now=now)


def test_waiting_mails_are_found_after_unlocking(ahaus, anna, contract, seal, deliver, now) -> None:
    from stadtmail.mail import finding

    halves = seal().halves
    for number in range(60):
        deliver(b"Subject: Nummer\r\n\r\nWort" + str(number).encode() + b"\r\n", "anna@ahaus.net")
    indexing.run(now)  # nobody is logged in: nothing can be taken in, and nothing is tried again and again
    assert indexing.run(now) == 0
    assert wraps.unpacked(sealed.bring(ahaus, contract.id, PASSWORD)) == halves
    o = queries.opened(box_of(ahaus, anna), holder=anna.contract, halves=halves)
    assert indexing.follow(o, seconds=0)
    assert [one.row.uid for one in finding.find(o, finding.Wish(text="Wort41")).rows] == [43]
    with pytest.raises(units.Gone):
        finding.find(queries.Opened(o.mailbox), finding.Wish(text="Wort41"))


def test_what_its_holder_deletes_leaves_the_index_at_once(ahaus, anna, seal, deliver, now) -> None:
    """And what empties by itself while the mailbox is locked leaves it at the next unlocking; nobody else can open the index."""
    halves = seal().halves
    deliver(MAIL, "anna@ahaus.net")
    deliver(MAIL, "anna@ahaus.net")
    o = queries.opened(box_of(ahaus, anna), holder=anna.contract, halves=halves)
    assert indexing.follow(o, seconds=5)
    (place,) = indexing.places(o)

    def known() -> int:
        return files.ask(place, lambda index: index.db.execute("SELECT count(*) FROM doc").fetchone()[0])

    inbox = Folder.objects.get(mailbox=o.mailbox, role="inbox").id
    assert known() == 3
    changing.store_flags(o, inbox, [2], how=changing.ADD, flags=DELETED, now=now)
    changing.expunge(o, inbox, now=now)
    assert known() == 2
    with store.writing():
        removing.delete_ids(list(Message.objects.filter(uid=3).values_list("id", flat=True)), mailbox=o.mailbox.id)
        removing.remember(inbox, [3], modseq=99)
        Folder.objects.filter(id=inbox).update(modseq=99)
    assert known() == 2
    assert indexing.follow(o, seconds=5)
    assert known() == 1


def test_everything_that_hangs_on_the_mailbox_goes_along(ahaus, anna, ben, contract, seal, now) -> None:
    """Signature, senders of pictures, labels, subscribed names, filters, what waits to be sent: sealed, opened again, and begun anew."""
    o = opened(ahaus, anna)
    drafting.sign(o, "Gruß aus Ahaus", now=now)
    trusting.remember(o, "news@example.org")
    bit = handling.make_label(o, "Steuer", "red", now=now)
    foldering.create(o, "Weg", now=now)
    foldering.delete(o, "Weg", keep_subscription=True, now=now)
    wait(o, "ben@ahaus.net", at=NOW)

    def stands(halves=None) -> None:
        o = queries.opened(box_of(ahaus, anna), holder=anna.contract, halves=halves)
        assert drafts.signature(o) == "Gruß aus Ahaus"
        assert trusted.senders(o) == ["news@example.org"]
        assert queries.labelled(o)[bit] == ("Steuer", "red")
        assert list(views.subscriptions(o).values()) == ["Weg"]

    old = box_of(ahaus, anna).unit_id
    done = seal()
    assert not Unit.objects.filter(id=old).exclude(state="erasing").exists()
    stands(done.halves)
    assert planning.send_due(NOW) == 1  # it has a key of its own
    assert "Geplant" in subjects(ahaus, ben)
    sealed.unseal_mailbox(contract, tenant=ahaus, password=PASSWORD, now=now)
    stands()
    seal()
    sealed.begin_anew(contract, tenant=ahaus, password=PASSWORD, now=now)
    stands()


def test_what_its_holder_is_told_lies_under_the_new_pair_whichever_comes_first(ahaus, anna, contract, seal, monkeypatch, now) -> None:
    """While a mailbox moves, or a hold keeps its old pair, it has two."""
    monkeypatch.setattr(moving, "finish", lambda *_, **__: False)
    done, pairs = seal(), MailboxKey.objects.filter(mailbox=box_of(ahaus, anna))
    while pairs.order_by("unit").values_list("current", flat=True)[0]:  # the ids are random: until the new one is not the first
        sealed.unseal_mailbox(contract, tenant=ahaus, password=PASSWORD, now=now)
        done = seal()
    assert telling.tell(contract, lambda _: b"Subject: Bescheid\r\n\r\nText\r\n", tenant=ahaus, now=now)
    assert "Bescheid" in subjects(ahaus, anna, done.halves)


def test_role_mailboxes_stay_as_they_are(ahaus, anna, seal) -> None:
    from stadtmail.mail.actions import accounts

    seal()
    assert all(pair.private for pair in MailboxKey.objects.exclude(mailbox__role=""))
    officer = queries.role_mailbox(ahaus, accounts.POSTMASTER) if Mailbox.objects.filter(role="postmaster").exists() else None
    assert officer is None or not queries.is_sealed(officer)


def test_a_wrap_that_we_kept_for_ourselves_is_measured(ahaus, anna, seal, now) -> None:
    measure = next(one for one in states._measures if one.figure == "sealed_mailboxes_that_open_here")
    assert measure.run(ahaus, now) == states.Measured(0, kept=True)
    half = next(iter(seal().halves.values()))
    assert measure.run(ahaus, now).value == 0
    pair = MailboxKey.objects.select_related("unit").get(mailbox=box_of(ahaus, anna))
    MailboxKey.objects.filter(unit=pair.unit).update(private=units.seal(pair.unit, "private", half))
    assert not measure.run(ahaus, now).kept


def test_a_restore_from_before_the_sealing_leaves_nobody_without_a_mailbox(ahaus, anna, contract, seal, deliver, now) -> None:
    """Rows of before come back, their unit's key is in the ledger: what lay under it is erased again, and the address goes on, empty."""
    deliver(MAIL, "anna@ahaus.net")
    box = box_of(ahaus, anna)
    filters = deliverykeys.ensured(opened(ahaus, anna), now=now)
    kept = {model: list(model.objects.all()) for model in (Unit, Mailbox, MailboxKey, Folder, Message)}
    seal()
    Wrap.objects.all().delete()
    for model in (Message, Folder):
        model.objects.all().delete()
    MailboxKey.objects.filter(mailbox=box).delete()
    routes = list(Route.objects.filter(mailbox=box))
    Route.objects.filter(mailbox=box).delete()
    Mailbox.objects.filter(id=box.id).delete()
    for model in (Unit, Mailbox, MailboxKey, Folder, Message):
        known = set(model.objects.values_list("pk", flat=True))
        model.objects.bulk_create([row for row in kept[model] if row.pk not in known])
    Route.objects.bulk_create(routes)
    recovery.replay(now)
    with pytest.raises(queries.NoSuchMailbox):
        box_of(ahaus, anna)
    assert jobs.mend_mailboxes(now) == 1
    assert jobs.mend_mailboxes(now) == 0
    assert subjects(ahaus, anna) == []
    assert deliverykeys.ensured(opened(ahaus, anna), now=now).pk == filters.pk
    deliver(MAIL, "anna@ahaus.net")
    assert len(subjects(ahaus, anna)) == 1
