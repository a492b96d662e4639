"""A new password by letter: never by one person alone, never without a trace, never at once, never past a second factor (law 4)."""

from datetime import timedelta

import pytest

from stadtmail.people import jobs, queries, second_factor, totp
from stadtmail.people.actions import accesses, contracts, credentials, resets, restriction, second_factors
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.people.models import Access, Reset
from stadtmail.privacy import sweep
from stadtmail.privacy.models import Unit
from tests.people.people import PASSWORD, clerk, order
from tests.people.traces import files_with

ADDRESS, NEW, CASE = "anna.k@ahaus.net", "kupferne Leiter im Nebel", "Az. 47 Kanarienfall, Ausweis gesehen"


@pytest.fixture
def anna(ahaus, now):
    return order(ahaus, now)


@pytest.fixture
def desk(ahaus, now):
    return clerk(ahaus, now), clerk(ahaus, now, login="d.zwei")


@pytest.fixture
def letter(ahaus, anna, desk, now):
    return issue(ahaus, anna, desk, now)


def issue(tenant, contract, desk, now, *, case: str = CASE):
    return resets.issue(contract, tenant=tenant, by=desk[0], second=desk[1], case=case, now=now)


def recovers(tenant, code: str, at, *, new: str = NEW, address: str = ADDRESS) -> bool:
    try:
        credentials.recover(tenant, address, code=code, new=new, now=at)
    except WrongCredentials:
        return False
    return True


def later(now, **more):
    return now + (timedelta(**more) if more else resets.WAITS)


def test_the_letter_goes_to_the_persons_own_address_and_its_code_opens_once_after_two_days(ahaus, letter, now) -> None:
    assert letter.lines == ("Anna Kanariengelb", "Marktstraße 1", "48683 Ahaus")
    assert not recovers(ahaus, letter.code, now)
    assert not recovers(ahaus, letter.code, later(now) - timedelta(seconds=1))
    assert credentials.sign_in(ahaus, ADDRESS, PASSWORD)  # nothing has changed so far
    assert recovers(ahaus, letter.code.lower(), later(now))
    assert credentials.sign_in(ahaus, ADDRESS, NEW)
    assert not recovers(ahaus, letter.code, later(now), new="noch etwas ganz anderes 8")
    assert not Reset.objects.exists()


def test_a_weak_password_uses_nothing_up(ahaus, letter, now) -> None:
    with pytest.raises(credentials.BadPassword):
        recovers(ahaus, letter.code, later(now), new="Sommer2026!")
    assert recovers(ahaus, letter.code, later(now))


def test_c47_nobody_does_it_alone_and_nobody_without_the_role_or_a_case(ahaus, musterstadt, anna, desk, now) -> None:
    one, two = desk
    officer, stranger = clerk(ahaus, now, role="officer", login="o"), clerk(musterstadt, now)
    with pytest.raises(resets.SamePerson):
        issue(ahaus, anna, (one, one), now)
    for pair in ((one, officer), (officer, two), (one, stranger), (stranger, two), (one, anna.person_id)):
        with pytest.raises(accesses.NotStaff):
            issue(ahaus, anna, pair, now)
    for case in ("", "  ", "ab", "x" * 81, "a\nb c"):
        with pytest.raises(resets.NoCase):
            issue(ahaus, anna, desk, now, case=case)
    with pytest.raises(resets.NotRunning):
        issue(musterstadt, anna, (stranger, clerk(musterstadt, now, login="s.zwei")), now)
    assert not Access.objects.exists()
    assert not Reset.objects.exists()


def test_c24_both_are_on_record_before_the_letter_is_made_and_its_person_reads_the_case(ahaus, anna, desk, now, monkeypatch) -> None:
    monkeypatch.setattr(resets.passwords, "new_code", lambda: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(RuntimeError):
        issue(ahaus, anna, desk, now)
    seen = queries.accesses(ahaus, anna)
    assert [(one["purpose"], one["case"], one["role"]) for one in seen] == [("login_reset", CASE, "desk")] * 2
    assert str(desk[0]) not in str(seen)
    assert not Reset.objects.exists()
    assert files_with("Kanarienfall") == []


def test_c62c_not_while_the_person_has_restricted_their_data(ahaus, anna, desk, now) -> None:
    restriction.restrict(anna, tenant=ahaus, reason="accuracy_contested", now=now)
    with pytest.raises(restriction.Restricted):
        issue(ahaus, anna, desk, now)
    assert not Reset.objects.exists()


def test_the_person_stops_it_and_a_new_letter_or_password_does(ahaus, anna, desk, letter, now) -> None:
    assert resets.stop(anna, tenant=ahaus, now=now)
    assert not resets.stop(anna, tenant=ahaus, now=now)
    assert not recovers(ahaus, letter.code, later(now))
    first, second = issue(ahaus, anna, desk, now), issue(ahaus, anna, desk, now)
    assert not recovers(ahaus, first.code, later(now))
    credentials.set_password(anna, tenant=ahaus, old=PASSWORD, new="ganz etwas anderes 5", now=now)
    assert not recovers(ahaus, second.code, later(now))
    third = issue(ahaus, anna, desk, now)
    queries.Credential.objects.update(recovery=queries.code_digest(ahaus, "ABCD"))
    assert recovers(ahaus, "ABCD", now)
    assert not recovers(ahaus, third.code, later(now))
    assert not Reset.objects.exists()
    assert Unit.objects.filter(anchor=anna.id, category="BD-CRED").count() == 1


def test_a_second_factor_stays_as_it_is(ahaus, anna, letter, now) -> None:
    owner, secret = second_factor.of_contract(ahaus, anna), totp.new_secret()
    second_factors.turn_on_app(owner, secret=secret, code=totp.code(secret, now), now=now)
    assert recovers(ahaus, letter.code, later(now))
    assert second_factor.standing(owner).app


def test_c41_it_ends_after_two_weeks_with_the_contract_and_for_others_never_begins(ahaus, anna, desk, letter, now) -> None:
    order(ahaus, now, localpart="ben.b")
    assert not recovers(ahaus, letter.code, later(now), address="ben.b@ahaus.net")
    assert not recovers(ahaus, letter.code, now + resets.LASTS)
    assert jobs.expire_resets(now + resets.LASTS - timedelta(seconds=1)) == 0
    assert jobs.expire_resets(now + resets.LASTS) == 1
    assert not Reset.objects.exists()
    again = issue(ahaus, anna, desk, now)
    contracts.cancel(anna, ends_at=now, now=now)
    assert not recovers(ahaus, again.code, later(now))
    with pytest.raises(resets.NotRunning):
        issue(ahaus, anna, desk, now)
    sweep.run(later(now, hours=1))
    assert not Reset.objects.exists()


def test_c22_the_code_lies_nowhere_and_shows_in_no_repr(letter) -> None:
    assert files_with(letter.code) == files_with(letter.code.replace("-", "")) == []
    assert letter.code not in repr(letter)
    assert "Kanariengelb" not in repr(letter)
