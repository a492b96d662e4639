"""Publishing: a version is kept for ever, the same file is no new version, and a bad one opens no city."""

from datetime import UTC, datetime

import pytest

from stadtmail.privacy import policy
from stadtmail.privacy.models import NoticeVersion
from stadtmail.privacy.policy import actions, published
from stadtmail.tenants.models import Tenant
from tests.privacy.policy_files import changed, with_rule


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes the file that the city has from now on."""
    monkeypatch.setattr(published, "FOLDER", tmp_path)

    def write(*changes):
        (tmp_path / "ahaus.net.toml").write_bytes(changed(*changes))

    return write


def test_open_city_publishes_its_policy(ahaus):
    current = policy.current(ahaus)
    row = NoticeVersion.objects.get(tenant=ahaus.pk)
    assert (row.version, row.digest, bytes(row.source)) == (current.version, current.digest, current.source)


def test_the_same_file_is_no_new_version(ahaus, now):
    policy.publish(ahaus, now)
    assert NoticeVersion.objects.count() == 1


def test_a_changed_file_needs_a_higher_version(ahaus, now, file):
    shorter = with_rule("CONT", 'rule = { start = "month_end", gone_by = "P3M", kind = "calendar" }')
    file(shorter)
    with pytest.raises(policy.VersionNotRaised):
        policy.publish(ahaus, now)
    file(shorter, ("version = 1", "version = 2"))
    policy.publish(ahaus, now)
    assert str(policy.current(ahaus).rules["CONT"].gone_by.period) == "P3M"
    assert str(policy.version(ahaus, 1).rules["CONT"].gone_by.period) == "P6M"  # old notices stay readable
    assert [row.version for row in policy.versions(ahaus)] == [2, 1]


def test_an_unknown_version_is_not_found(ahaus, musterstadt):
    with pytest.raises(policy.NoSuchNotice):
        policy.version(ahaus, 7)
    with pytest.raises(policy.NoSuchNotice):
        policy.current(Tenant(slug="nowhere"))
    assert policy.version(musterstadt, 1).slug == "musterstadt.example"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("ends = 2031-12-31", "ends = 2026-11-22"), "contract_expired"),  # C-1.2
        (("effective_from = 2026-11-01", "effective_from = 2026-12-01"), "not_in_force"),
        ((('domain = "ahaus.net"', 'domain = "ahaus.example"'), ("datenschutz@ahaus.net", "datenschutz@ahaus.example")), "slug_differs"),
        (("needs = []", 'needs = ["bank"]'), "data_not_needed"),
        (("version = 1", "version = 1\nx = 1"), "unknown_key"),
    ],
)
def test_a_city_with_a_bad_policy_does_not_open(file, now, change, code):
    file(*(change if isinstance(change[0], tuple) else (change,)))
    with pytest.raises(policy.PolicyRefused) as refusal:
        actions.open_city(slug="ahaus.net", domain="ahaus.net", hosts=["ahaus.localhost"], now=now)
    assert [f.code for f in refusal.value.findings] == [code]
    assert code in str(refusal.value)
    assert not Tenant.objects.exists()
    assert not NoticeVersion.objects.exists()


def test_a_city_with_an_unlisted_destination_does_not_open(monkeypatch, now):  # C-1.2
    monkeypatch.setenv("STADTMAIL_SMARTHOST", "relay.example.org:25")
    with pytest.raises(policy.PolicyRefused, match="destination_not_listed"):
        actions.open_city(slug="ahaus.net", domain="ahaus.net", hosts=["ahaus.localhost"], now=now)
    assert not Tenant.objects.exists()


def test_an_old_version_stays_readable_when_its_contract_has_expired(ahaus):
    late = datetime(2032, 1, 1, tzinfo=UTC)
    assert [f.code for f in policy.lint("ahaus.net", now=late) if f.severity == "error"] == ["contract_expired"]
    assert policy.version(ahaus, 1).slug == "ahaus.net"
