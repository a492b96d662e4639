"""Shared folders in the room: rights that stand at a moment, every end of either side, and not a byte left of it."""

import threading
import time

import pytest
from django.db import connections

from stadtmail.kit import store
from stadtmail.mail import given, guests, listing, queries, shares, views
from stadtmail.mail.actions import accounts, aliases, changing, crossing, filing, foldering, sealed, sharing
from stadtmail.mail.folders import SEEN
from stadtmail.mail.models import Mailbox, MailboxKey
from stadtmail.mail.shares import Share
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts, restriction
from stadtmail.people.models import Contract
from stadtmail.privacy import erasure, scan, units
from stadtmail.privacy.models import Unit
from stadtmail.rights import overview
from tests.mail import shared
from tests.mail.conftest import every_byte, form, opened
from tests.mail.shared import MAIL, PASSWORD, subjects

pytestmark = pytest.mark.postgres
a, b, folder, share = shared.a, shared.b, shared.folder, shared.share


def test_what_is_shared_is_read_and_nothing_else(a, b, folder, share, deliver, now) -> None:
    deliver(b"Subject: Geheim\r\n\r\n", "anna@ahaus.net")
    share()
    (one,) = given.given(b)
    assert (one.address, one.name, one.rights, one.taken) == ("anna@ahaus.net", "Verein", "lr", False)
    assert one.state.name == "Andere Personen/anna@ahaus.net/Verein"
    assert subjects(one) == ["Vereinskanarie"]
    inbox = views.named(a, "INBOX").id
    guest = one.opened()
    for peek in (lambda: views.mails(guest, inbox, [1, 2]), lambda: listing.rows(guest, inbox, [1, 2])):
        with pytest.raises(guests.NotShared):
            peek()
    with pytest.raises(queries.NoSuchMessage):
        queries.message(guest, 1, 1)
    assert views.states(guest) == []
    assert queries.folders(guest) == []
    with pytest.raises(views.NoSuchFolder):
        views.named(guest, "INBOX")
    assert given.given(guest) == []  # a guest's right leads nowhere else


@pytest.mark.parametrize("needs", ["s", "w", "t", "e", "i", "a", "x"])
def test_a_right_that_was_not_given_writes_nothing(a, b, folder, share, now, needs) -> None:
    share(shares.READ)
    (one,) = given.given(b)
    guest = one.opened(needs)
    for change in (
        lambda: changing.store_flags(guest, folder, [1], how=changing.ADD, flags=SEEN, now=now),
        lambda: changing.expunge(guest, folder, now=now),
        lambda: filing.append(guest, folder, [filing.New(MAIL, 0, now)], now=now),
        lambda: changing.move(guest, folder, [1], to=folder, now=now),
    ):
        with pytest.raises((guests.NotShared, views.NoSuchFolder)):
            change()
    assert views.changes(folder, since=0) == [(1, 0, 2)]


def test_taken_back_it_is_gone_in_the_middle_of_a_read_and_of_a_write(a, b, folder, share, now) -> None:
    row = share(shares.MANAGE)
    (one,) = given.given(b)
    guest = one.opened("rswite")
    assert subjects(one) == ["Vereinskanarie"]
    sharing.withdraw_one(a, row.id, now=now)
    for change in (
        lambda: views.mails(guest, folder, [1]),
        lambda: changing.store_flags(guest, folder, [1], how=changing.ADD, flags=SEEN, now=now),
        lambda: changing.expunge(guest, folder, now=now),
        lambda: filing.append(guest, folder, [filing.New(MAIL, 0, now)], now=now),
        lambda: crossing.move(guest, folder, [1], into=b, to=views.named(b, "INBOX").id, flags=lambda old: old, now=now),
    ):
        with pytest.raises(guests.NotShared):
            change()
    assert guest.guest.rights() == ""
    assert given.given(b) == []
    assert not Share.objects.exists()


def test_of_taking_away_and_writing_one_comes_first(a, b, folder, share, now) -> None:
    """Once it is taken away nothing more is written, however many were just writing."""
    row = share(shares.MANAGE)
    (one,) = given.given(b)
    begun, refused = threading.Barrier(3), []

    def write() -> None:
        try:
            begun.wait(20)
            for _ in range(1000):
                filing.append(one.opened("i"), folder, [filing.New(MAIL, 0, now)], now=now)
        except guests.NotShared:
            refused.append(True)
        finally:
            connections.close_all()

    writing = [threading.Thread(target=write) for _ in range(2)]
    for thread in writing:
        thread.start()
    begun.wait(20)
    time.sleep(0.2)
    sharing.withdraw_one(a, row.id, now=now)
    there = views.position(folder)
    for thread in writing:
        thread.join(60)
    assert refused == [True, True]
    assert views.position(folder) == there


def test_whom_nothing_can_be_shared_with_cannot_be_told_apart(ahaus, musterstadt, a, ben, folder, now) -> None:
    accounts.open_account(form(localpart="clara"), tenant=musterstadt, now=now)
    gone = accounts.open_account(form(localpart="dora"), tenant=ahaus, now=now)
    contracts.cancel(people.contract(ahaus, gone.contract), ends_at=now, now=now)
    aliases.add(people.contract(ahaus, ben.contract), "benno", tenant=ahaus, now=now)
    accounts.open_roles(ahaus, now=now)
    names = ["niemand@ahaus.net", "clara@musterstadt.example", "clara@ahaus.net", "dora@ahaus.net", "benno@ahaus.net", "anna@ahaus.net",
             "postmaster@ahaus.net", "ben", "@ahaus.net", "", "ben@musterstadt.example"]  # fmt: skip
    for name in names:
        with pytest.raises(sharing.CannotShare):
            sharing.share(a, folder, name, lambda _: "lr", now=now)
    for _ in range(sharing.MOST_WRONG):
        with pytest.raises((sharing.CannotShare, sharing.TooManyNames)):
            sharing.share(a, folder, "niemand@ahaus.net", lambda _: "lr", now=now)
    with pytest.raises(sharing.TooManyNames):
        sharing.share(a, folder, "ben@ahaus.net", lambda _: "lr", now=now)
    assert not Share.objects.exists()


def test_law5_another_citys_mailbox_finds_nothing(ahaus, musterstadt, b, share, now) -> None:
    row = share()
    clara = opened(musterstadt, accounts.open_account(form(localpart="ben"), tenant=musterstadt, now=now))
    assert given.given(clara) == []
    unit = b.mailbox.unit_id
    assert guests.rows(musterstadt.id, guests.mark(ahaus.id, unit)) == []  # its mark, asked of another city
    with pytest.raises(views.NoSuchFolder):
        sharing.take(clara, row.id, on=True, now=now)
    sharing.leave(clara, row.id, now=now)
    sharing.withdraw_one(clara, row.id, now=now)
    sharing.withdraw_one(b, row.id, now=now)  # nor does whom it is shared with take it back as its holder does
    assert Share.objects.filter(id=row.id, taken=False).exists()


def test_only_whom_it_is_shared_with_takes_hides_and_gives_it_back(ahaus, a, b, share, now) -> None:
    row = share()
    carla = opened(ahaus, accounts.open_account(form(localpart="carla"), tenant=ahaus, now=now))
    for other in (a, carla):
        with pytest.raises(views.NoSuchFolder):
            sharing.take(other, row.id, on=True, now=now)
        sharing.leave(other, row.id, now=now)
    assert given.given(carla) == []
    sharing.take(b, row.id, on=True, now=now)
    assert [one.taken for one in given.given(b)] == [True]
    sharing.take(b, row.id, on=False, now=now)
    assert [one.taken for one in given.given(b)] == [False]
    sharing.leave(b, row.id, now=now)
    assert not Share.objects.exists()
    assert given.lent(a) == []


def test_rights_are_replaced_and_its_holder_sees_who_has_access(a, b, folder, share, now) -> None:
    share(shares.READ)
    share(shares.MANAGE)
    assert [(one.address, one.rights) for one in given.lent(a)] == [("ben@ahaus.net", "lrswite")]
    assert sharing.share(a, folder, "BEN@ahaus.net ", lambda old: old.replace("e", ""), now=now) == "lrswit"
    assert sharing.share(a, folder, "ben@ahaus.net", lambda _: "", now=now) == ""
    assert not Share.objects.exists()


def test_a_sealed_mailbox_shares_nothing_and_sealing_ends_what_was_shared(ahaus, anna, ben, a, b, folder, share, now) -> None:
    share()
    (one,) = given.given(b)
    contract = people.contract(ahaus, anna.contract)
    halves = sealed.seal_mailbox(contract, tenant=ahaus, password=PASSWORD, now=now).halves
    assert not Share.objects.exists()
    assert given.given(b) == []
    with pytest.raises((guests.NotShared, units.Gone)):
        views.mails(one.opened(), folder, [1])
    box = queries.mailbox_of(ahaus, anna.contract)
    with pytest.raises(sharing.SealedHere):
        sharing.share(queries.opened(box, holder=anna.contract, halves=halves), folder, "ben@ahaus.net", lambda _: "lr", now=now)


def test_whoever_seals_their_own_mailbox_goes_on_reading_what_is_shared_with_them(ahaus, ben, share, now) -> None:
    share()
    halves = sealed.seal_mailbox(people.contract(ahaus, ben.contract), tenant=ahaus, password=PASSWORD, now=now).halves
    b = queries.opened(queries.mailbox_of(ahaus, ben.contract), holder=ben.contract, halves=halves)
    assert [subjects(one) for one in given.given(b)] == [["Vereinskanarie"]]


@pytest.mark.parametrize("whose", ["anna", "ben"])
def test_c28_the_end_of_either_contract_ends_it_and_a_take_back_brings_nothing_back(ahaus, anna, ben, b, folder, share, now, whose) -> None:
    share()
    (one,) = given.given(b)
    contracts.cancel(people.contract(ahaus, {"anna": anna, "ben": ben}[whose].contract), ends_at=now, now=now)
    assert not Share.objects.exists()
    with pytest.raises(guests.NotShared):
        views.mails(one.opened(), folder, [1])


@pytest.mark.parametrize("what", ["contract", "mailbox", "unit", "pair", "private half"])
def test_each_of_what_a_right_hangs_on_ends_it_alone(anna, a, b, folder, share, what) -> None:
    """The end of a contract closes, restricts and unshares in one transaction: whatever of that were missing, nobody reads on."""
    share()
    (one,) = given.given(b)
    box = Mailbox.objects.filter(contract=anna.contract)
    {
        "contract": lambda: Contract.objects.filter(id=anna.contract).update(state="ended"),
        "mailbox": lambda: box.update(state="closed"),
        "unit": lambda: Unit.objects.filter(id=a.mailbox.unit_id).update(state="restricted"),
        "pair": lambda: MailboxKey.objects.filter(mailbox__in=box).update(current=False),
        "private half": lambda: MailboxKey.objects.filter(mailbox__in=box).update(private=None),
    }[what]()
    assert given.given(b) == []
    assert one.guest.rights() == ""
    with pytest.raises(guests.NotShared):
        views.mails(one.opened(), folder, [1])


def test_c62c_while_its_holder_restricts_their_data_it_rests(ahaus, anna, b, folder, share, now) -> None:
    share()
    (one,) = given.given(b)
    contract = people.contract(ahaus, anna.contract)
    restriction.restrict(contract, tenant=ahaus, reason="needed_for_claim", now=now)
    assert given.given(b) == []
    with pytest.raises(guests.NotShared):
        views.mails(one.opened(), folder, [1])
    restriction.lift(contract, tenant=ahaus, now=now)
    assert [subjects(one) for one in given.given(b)] == [["Vereinskanarie"]]


@pytest.mark.parametrize("whose", ["anna", "ben"])
def test_c41_with_either_mailbox_every_trace_goes(ahaus, anna, ben, a, b, folder, share, now, whose) -> None:
    """Neither a row nor the keyed hash of who was erased, nor the sealed reference to them, is in any byte afterwards."""
    row = share()
    assert {hit.token for hit in scan.run(["Vereinskanarie"], now=now).hits} == {1}
    box = Mailbox.objects.get(contract=(anna if whose == "anna" else ben).contract)
    mark, partner, unit = bytes(row.grantee), bytes(row.partner), box.unit_id
    assert sharing.of_units([unit]).count() == 1
    contracts.cancel(people.contract(ahaus, box.contract_id), ends_at=now, now=now)
    erasure.erase([unit], tenant=ahaus, now=now, cause="deleted")
    assert not Unit.objects.filter(id=unit).exists()
    assert sharing.of_units([unit]).count() == 0
    assert not Share.objects.exists()
    if store.is_near():
        store.truncate_log("default")
        for name, content in every_byte():
            assert mark not in content, name
            assert partner not in content, name


def test_c41_what_a_purge_has_missed_is_found_when_it_is_read_back(ahaus, ben, share, now, monkeypatch) -> None:
    """By the ids alone: the rows of unit and mailbox are gone by then."""
    share()
    real, calls = sharing.end_of_units, []

    def end(ids) -> int:
        calls.append(Unit.objects.filter(id__in=list(ids)).exists())
        return real(ids) if len(calls) > 1 else 0

    unit = Mailbox.objects.get(contract=ben.contract).unit_id
    monkeypatch.setattr(sharing, "end_of_units", end)
    erasure.erase([unit], tenant=ahaus, now=now, cause="deleted")
    assert calls == [True, False]
    assert not Share.objects.exists()


def test_c61_both_sides_see_it_in_their_data(ahaus, anna, ben, share, now) -> None:
    share(shares.EDIT)
    said = {}
    for who in (anna, ben):
        found = overview.overview(ahaus, who.contract, lang="de", now=now)
        said[who.address] = [record for part in found.sections for record in part.records if "shared_folder" in record]
    assert said["anna@ahaus.net"] == [{"shared_folder": "Verein", "shared_with": "ben@ahaus.net", "shared_rights": "lrswi"}]
    assert said["ben@ahaus.net"] == [{"shared_folder": "Verein", "shared_by": "anna@ahaus.net", "shared_rights": "lrswi"}]


def test_no_row_says_in_clear_who_reads_with_whom(a, b, ben, share) -> None:
    row = share()
    theirs = Mailbox.objects.select_related("contract").get(id=b.mailbox.id)
    for secret in (theirs.id, theirs.unit_id, theirs.contract_id, theirs.contract.person_id):
        assert secret.bytes not in bytes(row.partner) + bytes(row.grantee)
        assert secret not in (row.id, row.folder_id, row.unit_id)


def test_a_folder_that_is_deleted_takes_its_shares_along_and_a_renamed_one_keeps_them(a, b, share, now) -> None:
    share()
    foldering.rename(a, "Verein", "Klub", now=now)
    assert [one.name for one in given.given(b)] == ["Klub"]
    foldering.delete(a, "Klub", now=now)
    assert not Share.objects.exists()
    assert given.given(b) == []


def test_nobody_makes_a_folder_that_looks_like_one_of_others(a, now) -> None:
    for name in ("Andere Personen", "andere personen/ben@ahaus.net", "Andere Personen /x"):
        with pytest.raises(foldering.BadName):
            foldering.create(a, name, now=now)


def test_keywords_of_its_holder_show_only_where_messages_have_them(a, b, folder, share, now) -> None:
    bits = changing.keyword_bits(a, ["Scheidung", "Vorstand"], now=now)
    share(shares.EDIT)
    (one,) = given.given(b)
    assert given.words(one) == {}
    vorstand = next(bit for bit, name in queries.keywords(a).items() if name == "Vorstand")
    changing.store_flags(a, folder, [1], how=changing.ADD, flags=1 << vorstand, now=now)
    assert list(given.words(one).values()) == ["Vorstand"]
    assert bits


def test_after_a_restore_nothing_is_shared(a, b, share) -> None:
    share()
    assert sharing.end_restored() == 1
    assert given.given(b) == []
