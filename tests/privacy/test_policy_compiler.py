"""The policy file compiles strictly: what is missing, unknown or of the wrong kind is found, all at once."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from stadtmail.privacy import periods
from stadtmail.privacy.policy import PolicyRefused, compile_policy
from tests.privacy.policy_files import SOURCE, changed, codes, policy, with_rule

CONTRACT_END = datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC)  # the last second of the day in Berlin


def refused(*changes: tuple[str, str]) -> list[tuple[str, str, str]]:
    with pytest.raises(PolicyRefused) as refusal:
        policy(*changes)
    return codes(refusal.value.findings)


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        ("version = 1", "version = 1\nvibes = 3", "unknown_key", "vibes"),
        ("[city]", "[city]\nmayor = 1", "unknown_key", "city.mayor"),
        ("version = 1\n", "", "missing_key", "version"),
        ('phone = ""\n', "", "missing_key", "parties.operator.phone"),
        ("version = 1", 'version = "1"', "wrong_type", "version"),
        ("version = 1", "version = true", "wrong_type", "version"),
        ("version = 1", "version = -1", "wrong_type", "version"),
        ("effective_from = 2026-11-01", "effective_from = 2026-11-01T00:00:00Z", "wrong_type", "effective_from"),
        ("effective_from = 2026-11-01", 'effective_from = "soon"', "wrong_type", "effective_from"),
        ('de = "Bestandsdaten", en = "inventory data"', 'de = "Bestandsdaten", en = " "', "empty_text", "category.BD.name"),
        ('de = "Bestandsdaten", en = "inventory data"', 'de = "Bestandsdaten"', "missing_key", "category.BD.name.en"),
        ('session_idle = "PT30M"', 'session_idle = "half an hour"', "bad_period", "limits.session_idle"),
        ('mode = "at_once"', 'mode = "by_magic"', "unknown_value", "order.mode"),
        ("needs = []", 'needs = ["shoe_size"]', "unknown_value", "tariff.basis.needs"),
        ('land = "NW"', 'land = "AT"', "unknown_value", "city.land"),
        ('time_zone = "Europe/Berlin"', 'time_zone = "Europe/Berlin"\ncolour = "rot"', "not_a_colour", "city.colour"),
        ('time_zone = "Europe/Berlin"', 'time_zone = "Europe/Ahaus"', "unknown_time_zone", "city.time_zone"),
        ('purposes = ["accountability"]', "purposes = [1]", "wrong_type", "category.ACC.purposes"),
    ],
)
def test_what_does_not_fit_is_found(old, new, code, where):
    found = refused((old, new))
    assert (code, "error", where) in found
    assert len(found) == (2 if code == "missing_key" and where.endswith(".en") else 1)


@pytest.mark.parametrize(
    "rule",
    [
        'rule = { start = "contract_end", gone_by = "P6M", kind = "exact" }',
        'rule = { start = "contract_end", gone_by = "PT1H", kind = "calendar" }',
        'rule = { start = "contract_end", gone_by = "P6M", kind = "sometimes" }',
        'rule = { start = "contract_end", gone_by = "six months", kind = "calendar" }',
    ],
)
def test_a_period_that_cannot_be_counted_does_not_compile(rule):
    assert {found[2] for found in refused(with_rule("BD", rule))} == {"category.BD.rule.gone_by"}


def test_all_findings_come_at_once():
    found = refused(("version = 1", "version = 1\nvibes = 3"), ('mode = "at_once"', 'mode = "x"'), ('session_idle = "PT30M"\n', ""))
    assert [code for code, _, _ in found] == ["missing_key", "unknown_value", "unknown_key"]


def test_no_toml_is_one_finding():
    with pytest.raises(PolicyRefused) as refusal:
        compile_policy(b"slug = ")
    assert [f.code for f in refusal.value.findings] == ["unreadable"]
    with pytest.raises(PolicyRefused):
        compile_policy(b"\xff")


def test_digest_is_sha256_of_the_file_and_one_byte_changes_it():
    assert policy().digest == sha256(SOURCE.encode()).hexdigest()
    assert policy(("# The policy of", "# A policy of")).digest != policy().digest
    assert compile_policy(changed()) is compile_policy(changed())


DUE = [
    ("BD", {"contract_end": CONTRACT_END}, "2027-05-23T22:00:00Z"),
    ("BD-ID", {"contract_end": CONTRACT_END}, "2027-12-31T23:00:00Z"),
    ("BD-CRED", {"contract_end": CONTRACT_END}, "2026-11-23T23:59:59Z"),
    ("BD-OPT", {"contract_end": CONTRACT_END}, "2026-11-23T22:59:59Z"),
    ("BD-OPT", {"withdrawal": datetime(2026, 11, 20, tzinfo=UTC), "contract_end": CONTRACT_END}, "2026-11-20T00:00:00Z"),
    ("BD-PAY", {"contract_end": CONTRACT_END}, "2028-01-23T23:00:00Z"),
    ("INH", {"contract_end": CONTRACT_END}, "2026-12-23T23:00:00Z"),
    ("COLL", {"contract_end": CONTRACT_END}, "2026-12-23T23:00:00Z"),
    ("TOMB", {"contract_end": CONTRACT_END}, "2027-05-23T22:00:00Z"),
    ("CONS", {"contract_end": CONTRACT_END}, "2029-12-31T23:00:00Z"),
    ("ORD", {"order_submitted": CONTRACT_END}, "2026-12-07T23:00:00Z"),
    ("ORD", {"order_submitted": CONTRACT_END, "order_refused": CONTRACT_END}, "2026-11-23T22:59:59Z"),
    ("ACC", {"access": CONTRACT_END}, "2027-11-23T23:00:00Z"),
    ("STAFF", {"role_end": CONTRACT_END}, "2026-11-24T22:59:59Z"),
    ("CONT", {"month_end": datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC)}, "2027-05-30T22:00:00Z"),
    ("ND", {"use_end": CONTRACT_END}, "2026-11-23T22:59:59Z"),
]


@pytest.mark.parametrize(("category", "events", "due"), DUE)
def test_rules_of_the_notice_are_due_when_it_says(category, events, due):  # C-4.1, C-4.7
    compiled = policy()
    assert compiled.rules[category].due(events, compiled.tz) == datetime.fromisoformat(due)


def test_nothing_is_due_before_its_event():
    compiled = policy()
    assert all(rule.due({}, compiled.tz) is None for rule in compiled.rules.values())
    assert all(rule.kept_until({}, compiled.tz) is None for rule in compiled.rules.values())


def test_contents_and_collection_code_are_due_together():
    rules = policy().rules
    assert rules["INH"].gone_by == rules["COLL"].gone_by


def test_quarantine_is_no_longer_than_inventory_data():  # K21
    assert policy().rules["TOMB"].gone_by == policy().rules["BD"].gone_by


def test_identity_is_kept_until_the_day_it_is_due():  # K1
    compiled = policy()
    rule, events = compiled.rules["BD-ID"], {"contract_end": CONTRACT_END}
    assert rule.kept_until(events, compiled.tz) == rule.due(events, compiled.tz)
    assert periods.gone_by(CONTRACT_END, rule, compiled.tz) == rule.due(events, compiled.tz)


def test_lateness_is_a_day_only_at_a_years_end():
    rules = policy().rules
    assert rules["BD"].lateness == timedelta(minutes=15)
    assert rules["BD-ID"].lateness == timedelta(hours=24)


def test_reserved_names_have_wildcards():
    order = policy().order
    assert all(order.is_reserved(name) for name in ["postmaster", "Admin", "admin2", "rathaus", "Stadt-Ahaus", "polizei.ahaus", "root"])
    assert not any(order.is_reserved(name) for name in ["anna", "ben", "rootlos", "sportmaster"])


def test_the_second_city_has_other_periods_authority_and_tariffs(monkeypatch):
    from stadtmail.privacy.policy import load

    ahaus, other = load("ahaus.net"), load("musterstadt.example")
    assert str(other.rules["INH"].gone_by.period) == "P14D"
    assert other.parties.authority("digital").code == "NI" != ahaus.parties.authority("digital").code
    assert other.tariffs["plus"].needs == {"phone", "bank"}
    assert not ahaus.tariffs["basis"].needs
