"""A canary in every field, a whole life, and then every file of the instance is read (C-2.1, C-2.2, C-4.1, C-6.2a)."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from stadtmail.kit import config, store
from stadtmail.people import fields, jobs, queries
from stadtmail.people.actions import contracts, corrections, staff, voluntary
from stadtmail.people.models import Access, Consent, Contract, Person, Voluntary
from stadtmail.privacy import holdings, policy, sweep
from stadtmail.privacy.models import ERASING, Event, Unit
from stadtmail.vault import keys
from tests.people.people import clerk, form, order
from tests.people.traces import files_with, files_with_bytes

CANARIES = {
    "name": "Kanaria-Nam Zaunkönig", "street": "Kanarienstrasse 4711", "postcode": "99187", "town": "Kanarienstadt",
    "birth_date": "1971-03-17", "localpart": "kanaria.local", "password": "Kanarienpasswort 9 xyz", "phone": "+49 2561 987654",
    "iban": "DE02120300000000202051", "account_holder": "Kanaria Kontofrau",
}  # fmt: skip
VOLUNTARY = {"nickname": "Kanaria-Nick", "contact_mail": "kanaria-andere@example.org"}
SHORT = {"postcode"}  # five digits lie in random bytes by chance


def test_the_search_finds_what_lies_in_clear(ahaus, now) -> None:
    path = Path(config.load().data) / "log" / "planted"
    path.parent.mkdir(exist_ok=True)
    for text in ("Kanaria-Planted-1", "4b616e617269612d506c616e7465642d31", "S2FuYXJpYS1QbGFudGVkLTE="):
        path.write_text(text)
        assert files_with("Kanaria-Planted-1") == ["planted"]
    path.unlink()


def test_c41_no_canary_lies_in_any_file_before_during_and_after_a_life(musterstadt, now) -> None:
    tariff = next(code for code, found in policy.current(musterstadt).tariffs.items() if {"bank", "phone"} <= found.needs)
    desk = clerk(musterstadt, now)
    contract = order(musterstadt, now, **CANARIES, tariff=tariff, voluntary=VOLUNTARY)
    neighbour = order(musterstadt, now, localpart="nachbarin")
    staff.look(contract, tenant=musterstadt, by=desk, purpose="dsr", categories=["BD", "BD-ID", "BD-PAY"], now=now)
    corrections.correct(contract, tenant=musterstadt, changes={"town": "Kanarienneustadt"}, now=now)
    _search()
    contracts.cancel(contract, ends_at=now, now=now)
    _search()
    unit_keys = [unit.key for unit in Unit.objects.filter(subject=contract.person_id) if unit.key]
    day = sweep.next_due(None, after=now)
    while day is not None:
        sweep.run(day)
        day = sweep.next_due(None, after=day)
    _search()
    assert keys.exists(unit_keys) == set()
    assert not Contract.objects.exclude(id=neighbour.id).exists()
    assert Person.objects.count() == 1
    assert queries.holder(musterstadt, neighbour).name == "Anna Kanariengelb"


def _search() -> None:
    for name, canary in {**CANARIES, **VOLUNTARY, "correction": "Kanarienneustadt"}.items():
        if name not in SHORT:
            assert files_with(canary) == [], name


def test_c21_the_form_has_no_input_that_the_catalogue_does_not_explain(ahaus) -> None:
    inputs = {name for name in vars(form()) if name not in {"voluntary", "language"}} | set(fields.VOLUNTARY)
    assert inputs == set(fields.CATALOGUE)
    known = set(policy.current(ahaus).categories)
    for field in fields.CATALOGUE.values():
        assert field.category in known
        assert field.basis in {"contract", "billing", "legal", "voluntary"}


@pytest.mark.parametrize("posted", ["iban", "phone", "ip", "user_agent", "csrfmiddlewaretoken", "__proto__", ""])
def test_c21_surplus_inputs_are_refused(posted) -> None:
    assert fields.surplus(["name", posted], frozenset()) == [posted]


def test_c22_no_bank_details_and_no_phone_where_the_tariff_needs_none(ahaus, now) -> None:
    contract = order(ahaus, now, iban=CANARIES["iban"], account_holder="X", phone=CANARIES["phone"])
    assert not contract.payments.exists()
    assert contract.inventories.get().phone is None


def test_c13_a_contract_names_its_notice_and_no_consent_is_about_the_processor(ahaus, now) -> None:
    contract = order(ahaus, now, voluntary=VOLUNTARY)
    shown = policy.version(ahaus, contract.notice_version)
    assert shown.digest == contract.notice_digest
    assert {consent.purpose for consent in queries.consents(ahaus, contract)} == set(VOLUNTARY)


def test_c26_a_withdrawn_detail_is_gone_in_every_file_and_the_other_one_stays(ahaus, now) -> None:
    contract = order(ahaus, now, voluntary=VOLUNTARY)
    row = Voluntary.objects.get(field="nickname")
    unit, sealed = row.unit, bytes(row.value)
    ours = connections["default"].vendor == "sqlite"  # a server's files are its own; there the destroyed key is what counts
    assert files_with_bytes(sealed) or not ours
    assert voluntary.withdraw(contract, "nickname", tenant=ahaus, now=now)
    assert not voluntary.withdraw(contract, "nickname", tenant=ahaus, now=now)
    assert keys.exists([unit.key]) == set()
    assert store.truncate_log("default")  # as the work role does every minute; its key is gone already
    assert files_with_bytes(sealed) == []
    assert [row.field for row in queries.voluntary(ahaus, contract)] == ["contact_mail"]
    ended = Consent.objects.get(purpose="nickname")
    assert ended.withdrawn
    assert Unit.objects.get(id=ended.unit_id).due_at > now + timedelta(days=3 * 365)


def test_c26_a_detail_that_a_crash_left_over_after_its_withdrawal_is_mended(ahaus, now, monkeypatch) -> None:
    contract = order(ahaus, now, voluntary=VOLUNTARY)
    with monkeypatch.context() as patched:
        patched.setattr(voluntary.erasure, "erase", lambda *args, **kwargs: None)
        voluntary.withdraw(contract, "nickname", tenant=ahaus, now=now)
    assert Voluntary.objects.count() == 2
    jobs.run(now)
    assert [row.field for row in queries.voluntary(ahaus, contract)] == ["contact_mail"]


def test_law5_another_city_withdraws_nothing(ahaus, musterstadt, now) -> None:
    contract = order(ahaus, now, voluntary=VOLUNTARY)
    assert not voluntary.withdraw(contract, "nickname", tenant=musterstadt, now=now)
    assert len(queries.voluntary(ahaus, contract)) == 2


def test_c11_every_table_of_people_can_erase_and_read_back_what_it_holds(ahaus, now) -> None:
    assert [line for line in holdings.check(policy.current(ahaus).categories) if "people." in line] == []
    contract = order(ahaus, now, voluntary=VOLUNTARY)
    desk = clerk(ahaus, now)
    staff.look(contract, tenant=ahaus, by=desk, purpose="dsr", categories=["BD"], now=now)
    contracts.cancel(contract, ends_at=now, now=now)
    ids = list(Unit.objects.values_list("id", flat=True))
    mine = [holding for holding in holdings.all_holdings() if holding.table.startswith("people.") and holding.purge]
    assert sum(holding.find(ids) for holding in mine) == len(ids) + 1  # one row a unit, and the address beside its credential
    with store.writing():
        Unit.objects.update(state=ERASING)
        assert sum(holding.purge(ids) for holding in mine) >= len(ids)
        assert sum(holding.purge(ids) for holding in mine) == 0
    assert sum(holding.find(ids) for holding in mine) == 0
    assert Event.objects.exists()
    assert not Access.objects.exists()
