"""The second factor: a secret that lies nowhere in clear, spare codes that work once, and its end with the contract (C-2.8, C-4.1)."""

import sqlite3
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connections

from stadtmail.kit import store
from stadtmail.people import queries, second_factor, totp, verified
from stadtmail.people.actions import accesses, contracts, credentials, maillogin, passkeys, second_factors
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.people.actions.second_factors import WrongCode
from stadtmail.people.models import Authenticator, Credential, SpareCode
from stadtmail.people.webauthn import Place
from stadtmail.privacy import erasure, holdings, recovery, sweep
from stadtmail.privacy.models import Unit
from tests import backups
from tests.instance import POSTGRES
from tests.people.authenticator import Device
from tests.people.people import PASSWORD, clerk, order
from tests.people.traces import files_with

pytestmark = pytest.mark.postgres
ADDRESS = "anna.k@ahaus.net"
HERE = Place("ahaus.localhost", "http://ahaus.localhost", "AHAUS.NET")
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)  # as the fixture


@pytest.fixture(autouse=True)
def _no_memory_of_others():
    verified.forget()


@pytest.fixture
def anna(ahaus, now):
    return order(ahaus, now)


@pytest.fixture
def owner(ahaus, anna):
    return second_factor.of_contract(ahaus, anna)


def turn_on(owner, now):
    secret = totp.new_secret()
    return secret, second_factors.turn_on_app(owner, secret=secret, code=totp.code(secret, now), now=now)


def spares(owner, code: str) -> bool:
    try:
        second_factors.use_spare_code(owner, code, now=NOW)
    except WrongCode:
        return False
    return True


@pytest.mark.parametrize(
    ("at", "code"), [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")]
)
def test_the_vectors_of_rfc_6238(at: int, code: str) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    moment = datetime.fromtimestamp(at, UTC)
    assert totp.code(secret, moment) == code
    assert totp.step(secret, f"{code[:3]} {code[3:]}", moment) == at // 30


def test_a_code_is_good_for_its_half_minute_and_one_on_either_side(now) -> None:
    secret = totp.new_secret()
    assert len(secret) == 32
    code = totp.code(secret, now)
    accepted = [away for away in range(-120, 121, 30) if totp.step(secret, code, now + timedelta(seconds=away)) is not None]
    assert accepted == [-30, 0, 30]
    for wrong in ("", "12345", "1234567", "abcdef", "１２３４５６", code[::-1] if code != code[::-1] else "000000"):
        assert totp.step(secret, wrong, now) is None
    assert not totp.is_code("１２３４５６")


def test_it_counts_only_after_a_code_of_it(owner, now) -> None:
    secret = totp.new_secret()
    for wrong in ("", "000000", totp.code(secret, now + timedelta(hours=1))):
        with pytest.raises(WrongCode):
            second_factors.turn_on_app(owner, secret=secret, code=wrong, now=now)
    assert not second_factor.is_on(owner)
    assert not Authenticator.objects.exists()
    assert not SpareCode.objects.exists()


def test_c22_neither_secret_nor_code_lies_anywhere(owner, now) -> None:
    secret, made = turn_on(owner, now)
    assert second_factors.step(owner, totp.code(secret, now), now)
    assert len(set(made.codes)) == second_factors.SPARE_CODES == 10
    assert secret not in repr(made)
    assert made.codes[0] not in repr(made)
    again = second_factors.new_spare_codes(owner, now=now)
    for canary in (secret, *made.codes[:2], *again[:2], made.codes[0].replace("-", "")):
        assert files_with(canary) == [], canary


def test_a_spare_code_works_once_and_a_new_set_voids_the_old(owner, now) -> None:
    _, made = turn_on(owner, now)
    assert second_factor.standing(owner).spare_codes == 10
    assert spares(owner, made.codes[3].lower().replace("-", " "))
    assert not spares(owner, made.codes[3])
    assert second_factor.standing(owner).spare_codes == 9
    fresh = second_factors.new_spare_codes(owner, now=now)
    assert not any(spares(owner, code) for code in made.codes)
    assert spares(owner, fresh[0])
    assert second_factor.standing(owner).spare_codes == 9
    assert not spares(owner, "")
    assert Unit.objects.filter(anchor=owner.anchor, category="BD-CRED").count() == 11  # login, app, and a code each of those that are left


def at_once(work, count: int = 2) -> list:
    """The same in threads that begin together."""
    gate, found = threading.Barrier(count), []

    def run() -> None:
        gate.wait()
        try:
            found.append(work())
        except Exception as error:
            found.append(error)
        finally:
            store.close_reader()
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    return found


def test_of_two_tabs_with_one_spare_code_one_gets_in(owner, now) -> None:
    _, made = turn_on(owner, now)
    assert sorted(at_once(lambda: spares(owner, made.codes[0]), 4)) == [False, False, False, True]


def test_of_two_tabs_that_turn_an_app_on_one_does(owner, now) -> None:
    found = at_once(lambda: turn_on(owner, now)[1])
    assert sorted(type(one).__name__ for one in found) == ["AlreadyOn", "TurnedOn"]
    assert Authenticator.objects.count() == 1
    assert second_factor.standing(owner).spare_codes == 10


def both(*ways) -> list:
    """The one in a thread and the other in another, begun together."""
    left = list(ways)

    def work():
        return left.pop()()

    return at_once(work)


@pytest.fixture
def meeting(monkeypatch):
    """Threads that come to a step of the action wait there for one another: for a second, where a lock keeps one of them out."""

    def at(place, name: str) -> None:
        gate, real = threading.Barrier(2), getattr(place, name)

        def met(*args, **more):
            with suppress(threading.BrokenBarrierError):
                gate.wait(1)
            return real(*args, **more)

        monkeypatch.setattr(place, name, met)

    return at


def test_of_two_tabs_with_an_app_and_a_passkey_every_code_that_was_shown_is_good(owner, now, meeting) -> None:
    """Both see that there is no spare code yet; one set is written, and nobody is shown another one."""
    meeting(second_factors, "_prepare_codes")
    made = both(lambda: turn_on(owner, now)[1], lambda: second_factors.turn_on(owner, lambda: None, now=now))
    shown = [code for one in made for code in one.codes]
    assert len(shown) == second_factor.standing(owner).spare_codes == 10
    assert all(spares(owner, code) for code in shown)


def test_of_two_tabs_that_take_off_one_factor_each_the_codes_go_with_the_last(owner, now, meeting) -> None:
    """Each sees the other's factor standing, and would leave the codes to it."""
    _, made = turn_on(owner, now)
    passkey(owner, now)
    (app,) = second_factor.authenticators(owner).values_list("unit", flat=True)
    (key,) = second_factor.passkeys(owner).values_list("unit", flat=True)
    meeting(erasure, "claim")
    assert both(*(partial(second_factors.turn_off, owner, now=now, only=unit) for unit in (app, key))) == [True, True]
    assert not second_factor.is_on(owner)
    assert not SpareCode.objects.exists()
    assert not spares(owner, made.codes[0])


def test_a_tab_that_takes_the_last_off_while_another_adds_one_leaves_no_factor_without_codes(owner, now, meeting) -> None:
    """Whoever has a passkey and no code is locked out when they lose it."""
    turn_on(owner, now)
    meeting(erasure, "claim")
    both(lambda: second_factors.turn_off(owner, now=now), lambda: passkey(owner, now))
    stands = second_factor.standing(owner)
    assert (len(stands.passkeys), stands.app, stands.spare_codes) in [(1, False, 10), (0, False, 0)]


def test_of_a_code_and_a_new_set_at_once_the_old_code_opens_at_most_once(owner, now) -> None:
    _, made = turn_on(owner, now)
    found = both(lambda: second_factors.new_spare_codes(owner, now=now), lambda: spares(owner, made.codes[0]))
    fresh = next(one for one in found if isinstance(one, tuple))
    assert not spares(owner, made.codes[0])
    assert second_factor.standing(owner).spare_codes == 10
    assert all(spares(owner, code) for code in fresh)


def test_a_restore_brings_no_used_code_back(ahaus, anna, owner, now) -> None:
    """Rows of before its use come back; the ledger names the code and its key is gone. Every unused one goes on."""
    _, made = turn_on(owner, now)
    clerks = second_factor.of_staff(ahaus, accesses.staff(ahaus, clerk(ahaus, now), "dsr", now=now))
    _, theirs = turn_on(clerks, now)
    kept = {model: list(model.objects.all()) for model in (Unit, SpareCode)}
    assert spares(owner, made.codes[0])
    assert spares(clerks, theirs.codes[0])
    for model in (Unit, SpareCode):
        known = set(model.objects.values_list("pk", flat=True))
        model.objects.bulk_create([row for row in kept[model] if row.pk not in known])
    assert SpareCode.objects.count() == 20
    recovery.replay(now)
    assert not spares(owner, made.codes[0])
    assert not spares(clerks, theirs.codes[0])
    assert spares(owner, made.codes[1])
    assert spares(clerks, theirs.codes[1])


@pytest.mark.skipif(bool(POSTGRES), reason="the file of SQLite is copied")
def test_a_restored_file_brings_no_used_code_back(owner, now) -> None:
    _, made = turn_on(owner, now)
    connection, copy = connections["default"], sqlite3.connect(":memory:")
    connection.ensure_connection()
    connection.connection.backup(copy)
    assert spares(owner, made.codes[0])
    copy.backup(connection.connection)
    assert SpareCode.objects.count() == 10
    assert recovery.replay(now) == 1
    assert not spares(owner, made.codes[0])
    assert spares(owner, made.codes[1])


def test_c28_a_restored_backup_brings_no_factor_back_that_was_taken_off(owner, now) -> None:
    turn_on(owner, now)
    put_back = backups.backup()
    assert second_factors.turn_off(owner, now=now)
    put_back()
    assert second_factor.is_on(owner)  # the restored rows would
    recovery.replay(now)
    assert not second_factor.is_on(owner)
    assert not SpareCode.objects.exists()


def test_killed_after_the_claim_a_code_is_used_all_the_same(owner, now, monkeypatch) -> None:
    _, made = turn_on(owner, now)
    with monkeypatch.context() as killed:
        killed.setattr(erasure, "forward", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            spares(owner, made.codes[0])
    assert not spares(owner, made.codes[0])
    assert recovery.recover(now) == 1
    assert Unit.objects.filter(anchor=owner.anchor, category="BD-CRED").count() == 11
    assert not spares(owner, made.codes[0])


def passkey(owner, now):
    """A second factor of the other kind."""
    asked = passkeys.ask_new(owner, HERE, name="anna.k@ahaus.net")
    return passkeys.add(owner, HERE, asked.state, answer=Device().make(asked.options), label="Telefon", now=now)


def test_turning_off_erases_all_of_it(owner, now) -> None:
    secret, made = turn_on(owner, now)
    assert second_factors.turn_off(owner, now=now)
    assert not second_factor.is_on(owner)
    assert not Authenticator.objects.exists()
    assert not SpareCode.objects.exists()
    assert not spares(owner, made.codes[0])
    with pytest.raises(WrongCode):
        second_factors.step(owner, totp.code(secret, now), now)
    assert Unit.objects.filter(anchor=owner.anchor, category="BD-CRED").count() == 1
    assert not second_factors.turn_off(owner, now=now)
    with pytest.raises(second_factors.NotOn):
        second_factors.new_spare_codes(owner, now=now)


def opens(tenant, password: str = PASSWORD) -> bool:
    try:
        maillogin.sign_in(tenant, ADDRESS, password)
    except WrongCredentials:
        return False
    return True


def test_the_login_password_opens_no_mail_program_beside_it(ahaus, anna, owner, now) -> None:
    credentials.set_mail_login(anna, tenant=ahaus, on=True, password=PASSWORD)
    assert opens(ahaus)
    who = maillogin.sign_in(ahaus, ADDRESS, PASSWORD)
    _, made = turn_on(owner, now)
    assert made.closed == who.via
    assert not opens(ahaus)
    assert not maillogin.stands(ahaus, who, service="imap")
    assert Credential.objects.get().scram is None
    with pytest.raises(credentials.HasSecondFactor):
        credentials.set_mail_login(anna, tenant=ahaus, on=True, password=PASSWORD)
    Credential.objects.update(mail_login=True)  # however it came about
    assert not opens(ahaus)
    assert not maillogin.stands(ahaus, who, service="imap")
    Credential.objects.update(mail_login=False)
    second_factors.turn_off(owner, now=now)
    assert not opens(ahaus)  # nobody allowed it again
    credentials.set_mail_login(anna, tenant=ahaus, on=True, password=PASSWORD)
    assert opens(ahaus)


def test_c28_c41_it_ends_with_the_contract_and_is_gone_within_the_hour(ahaus, anna, owner, now) -> None:
    secret, _ = turn_on(owner, now)
    codes = contracts.cancel(anna, ends_at=now, now=now)
    with pytest.raises(second_factors.HasEnded):
        second_factors.new_spare_codes(owner, now=now)
    assert files_with(secret) == []
    sweep.run(now + timedelta(hours=1))
    assert not Authenticator.objects.exists()
    assert not SpareCode.objects.exists()
    place = queries.collection(ahaus, queries.code_digest(ahaus, codes.collection_code))
    contracts.take_back(place, tenant=ahaus, now=now + timedelta(hours=2))
    assert credentials.sign_in(ahaus, ADDRESS, PASSWORD)
    assert not second_factor.is_on(owner)  # as with app passwords: a take-back restores none


def test_law5_nobody_of_another_city_or_contract_has_it(ahaus, musterstadt, anna, owner, now) -> None:
    secret, made = turn_on(owner, now)
    ben = second_factor.of_contract(ahaus, order(ahaus, now, localpart="ben.b"))
    elsewhere = second_factor.of_contract(musterstadt, anna)
    for other in (ben, elsewhere):
        assert not second_factor.is_on(other)
        assert not spares(other, made.codes[0])
        with pytest.raises(WrongCode):
            second_factors.step(other, totp.code(secret, now), now)
    with pytest.raises(second_factors.HasEnded):
        turn_on(elsewhere, now)
    assert spares(owner, made.codes[0])


def test_c62a_its_owner_reads_that_there_is_one_and_no_secret_of_it(owner, now) -> None:
    secret, made = turn_on(owner, now)
    exports = [holding.export for holding in holdings.of_category("BD-CRED") if holding.export]
    records = [record for unit in Unit.objects.filter(anchor=owner.anchor) for export in exports for record in export(unit.id)]
    assert {"second_factor": "app"} in records
    assert {"spare_codes": 10} in records
    assert secret not in str(records)
    assert made.codes[0] not in str(records)


def test_the_staffs_goes_with_the_account(ahaus, now) -> None:
    from stadtmail.people.actions import accesses, staff

    desk = clerk(ahaus, now)
    owner = second_factor.of_staff(ahaus, accesses.staff(ahaus, desk, "dsr", now=now))
    secret, made = turn_on(owner, now)
    assert made.closed is None
    assert files_with(secret) == []
    staff.dismiss(desk, tenant=ahaus, now=now)
    with pytest.raises(second_factors.HasEnded):
        second_factors.new_spare_codes(owner, now=now)
    sweep.run(now + timedelta(hours=24))
    assert not Authenticator.objects.exists()
    assert not Unit.objects.filter(category="STAFF").exists()
