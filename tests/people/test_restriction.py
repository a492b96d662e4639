"""A restriction locks what is stored against use by the staff, and stands until it is lifted (Art. 18 GDPR, C-6.2c)."""

from datetime import timedelta

import pytest

from stadtmail.kit import config
from stadtmail.mail import queries as mail
from stadtmail.mail.actions import accounts, restrictions
from stadtmail.people import proofs, queries
from stadtmail.people.actions import accesses, contracts, corrections, credentials, restriction, staff
from stadtmail.people.models import Access, Identity, Inventory
from stadtmail.privacy import holds, measures, sweep
from stadtmail.privacy.models import Hold, Unit
from tests.people.people import PASSWORD, clerk, form, order

WEEKS = timedelta(days=14)


def unreviewed(ahaus, now) -> tuple[int, bool]:
    (measure,) = [one for one in measures.own() if one.figure == "holds_past_review"]
    found = measure.run(ahaus, now)
    return found.value, found.kept


def test_a_hold_past_its_review_is_counted_and_said_loudly(ahaus, musterstadt, now) -> None:
    contract = order(ahaus, now)
    restriction.restrict(contract, tenant=ahaus, reason="accuracy_contested", now=now)
    review = Hold.objects.get().review_at
    assert review >= now + timedelta(days=90)
    assert unreviewed(ahaus, review - timedelta(seconds=1)) == (0, True)
    assert unreviewed(ahaus, review) == (1, True)  # it stands all the same
    assert unreviewed(musterstadt, review) == (0, True)
    assert any('"holds_unreviewed"' in log.read_text() for log in config.load().data.rglob("*.log"))
    restriction.lift(contract, tenant=ahaus, now=review)
    assert unreviewed(ahaus, review) == (0, True)


def look(contract, tenant, by, now, purpose):
    return staff.look(contract, tenant=tenant, by=by, purpose=purpose, categories=["BD-ID"], now=now)


@pytest.mark.parametrize(
    ("reason", "closed", "left"),
    [
        ("accuracy_contested", ["support_with_person"], ["dsr", "correction"]),
        ("needed_for_claim", ["support_with_person", "correction"], ["dsr"]),
        ("objection_pending", ["support_with_person", "correction"], ["dsr"]),
    ],
)
def test_c62c_what_is_restricted_opens_for_no_purpose_that_the_law_does_not_leave(ahaus, now, reason, closed, left) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    restriction.restrict(contract, tenant=ahaus, reason=reason, now=now)
    for purpose in closed:
        with pytest.raises(restriction.Restricted):
            look(contract, ahaus, desk, now, purpose)
    assert not Access.objects.exists()  # nothing was seen, so nothing is on record
    for purpose in left:
        assert look(contract, ahaus, desk, now, purpose).records["BD-ID"]
    restriction.lift(contract, tenant=ahaus, now=now)
    assert look(contract, ahaus, desk, now, closed[0]).records["BD-ID"]


def test_c62c_every_restriction_counts_and_no_other_city_s(ahaus, musterstadt, now) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    clara = order(musterstadt, now, localpart="clara.k", name="Clara Anders")
    restriction.restrict(clara, tenant=musterstadt, reason="needed_for_claim", now=now)
    assert look(contract, ahaus, desk, now, "support_with_person").records
    units = [unit.id for unit in queries.units_of(ahaus, contract) if unit.category == "BD"]
    more = {"tenant": ahaus, "type": "restriction", "units": units, "review_at": now + WEEKS, "now": now}
    holds.place(reason="accuracy_contested", by="desk:letter", **more)  # the person wrote a letter, the desk entered it
    assert look(contract, ahaus, desk, now, "correction").records
    holds.place(reason="needed_for_claim", by="person", **more)
    with pytest.raises(restriction.Restricted):
        look(contract, ahaus, desk, now, "correction")
    assert restriction.lift(contract, tenant=ahaus, now=now) == 2  # both are the person's


def test_c62c_the_desk_corrects_nothing_that_is_needed_for_a_claim_and_the_person_goes_on_using_their_own(ahaus, now) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    restriction.restrict(contract, tenant=ahaus, reason="needed_for_claim", now=now)
    before = bytes(Identity.objects.get().name)
    with pytest.raises(restriction.Restricted):
        corrections.correct(contract, tenant=ahaus, changes={"name": "Anna Neuname"}, now=now, by=desk)
    assert bytes(Identity.objects.get().name) == before
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", PASSWORD).contract == contract
    assert corrections.correct(contract, tenant=ahaus, changes={"name": "Anna Neuname"}, now=now) == ["name"]
    assert queries.holder(ahaus, contract).name == "Anna Neuname"


def test_c62c_for_claims_and_rights_of_others_two_people_decide_first(ahaus, now) -> None:
    contract, desk, officer = order(ahaus, now), clerk(ahaus, now), clerk(ahaus, now, role="officer", login="o.fficer")
    with pytest.raises(restriction.NoClaim):
        look(contract, ahaus, desk, now, "claim")
    restriction.restrict(contract, tenant=ahaus, reason="objection_pending", now=now)
    with pytest.raises(restriction.NoClaim):
        look(contract, ahaus, desk, now, "claim")
    units = [unit.id for unit in queries.units_of(ahaus, contract) if unit.category == "BD-ID"]
    holds.place(
        tenant=ahaus, type="legal_hold", reason="pending_claim", units=units, by=f"desk:{desk}", approved_by=f"officer:{officer}",
        review_at=now + WEEKS, now=now,
    )  # fmt: skip
    assert look(contract, ahaus, desk, now, "claim").records["BD-ID"]
    assert [seen["purpose"] for seen in queries.accesses(ahaus, contract)] == ["claim"]
    with pytest.raises(restriction.Restricted):
        look(contract, ahaus, desk, now, "support_with_person")
    with pytest.raises(accesses.NotStaff):
        look(contract, ahaus, officer, now, "claim")  # no purpose of the officer


def against(tenant, now) -> tuple[int, bool] | None:
    found = proofs._against_restriction(tenant, now)
    return (found.value, found.kept) if found else None


def test_c62c_a_use_against_the_restriction_is_counted(ahaus, now, monkeypatch) -> None:
    contract, desk = order(ahaus, now), clerk(ahaus, now)
    assert against(ahaus, now) is None  # no real case: the test resident is led through one
    look(contract, ahaus, desk, now - timedelta(minutes=5), "support_with_person")
    restriction.restrict(contract, tenant=ahaus, reason="accuracy_contested", now=now)
    later = now + timedelta(minutes=1)
    look(contract, ahaus, desk, later, "correction")
    assert against(ahaus, later) == (0, True)
    monkeypatch.setattr(restriction, "ask", lambda *args, **kwargs: None)  # the mutant: the check is gone
    look(contract, ahaus, desk, later, "support_with_person")
    assert against(ahaus, later) == (1, False)


@pytest.fixture
def anna(ahaus, now):
    opened = accounts.open_account(form(), tenant=ahaus, now=now)
    return queries.contract(ahaus, opened.contract)


def texts(tenant, contract) -> list[str]:
    o = mail.opened(mail.mailbox_of(tenant, contract.id), holder=contract.id)
    return [mail.message(o, 1, row.uid).subject + (mail.message(o, 1, row.uid).text or "") for row in mail.page(o, 1)]


def test_c62c_the_city_ends_a_restriction_only_after_telling_its_person(ahaus, musterstadt, anna, now) -> None:
    hold = restriction.restrict(anna, tenant=ahaus, reason="accuracy_contested", now=now)
    with pytest.raises(holds.NoSuchHold):
        restrictions.announce(hold.id, tenant=musterstadt, now=now)
    contracts.cancel(anna, ends_at=now + timedelta(days=1), now=now)
    ends = restrictions.announce(hold.id, tenant=ahaus, now=now)
    assert ends >= now + WEEKS
    newest = texts(ahaus, anna)[0]
    assert "Ihre Einschränkung endet am 08.12.2026" in newest  # the first moment of that day in Ahaus
    assert "datenschutz@ahaus.net" in newest
    assert restrictions.announce(hold.id, tenant=ahaus, now=now + timedelta(days=1)) == ends  # told again, not put off
    sweep.run(ends - timedelta(seconds=1))
    assert restriction.standing(anna, tenant=ahaus, now=ends - timedelta(seconds=1))
    sweep.run(ends)
    assert Hold.objects.filter(type="restriction", released_at=None).count() == 0
    assert Inventory.objects.exists()  # its own date has not come: only the hold is gone


def test_c62c_who_cannot_be_told_keeps_the_restriction(ahaus, anna, now) -> None:
    hold = restriction.restrict(anna, tenant=ahaus, reason="accuracy_contested", now=now)
    contracts.cancel(anna, ends_at=now, now=now)  # the mailbox is closed
    with pytest.raises(restrictions.NotTold):
        restrictions.announce(hold.id, tenant=ahaus, now=now)
    assert Hold.objects.get(type="restriction").ends_at is None
    ends = restrictions.announce(hold.id, tenant=ahaus, now=now, by_letter=True)
    assert Hold.objects.get(type="restriction").ends_at == ends
    assert Unit.objects.filter(anchor=anna.id, category="BD").exists()
