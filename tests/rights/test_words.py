"""Everything that the access file reads out is explained, in the download and on the page."""

from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from stadtmail.doors.web import data_words
from stadtmail.mail import jobs
from stadtmail.mail.actions import aliases, changing, drafting, foldering, handling
from stadtmail.people.actions import aliases as further
from stadtmail.people.actions import app_passwords
from stadtmail.people.models import Alias, Contract
from stadtmail.privacy import policy
from stadtmail.rights import archive_words, overview
from tests.mail.conftest import anna, ben, opened  # noqa: F401 - two accounts
from tests.mail.planned import NOW, wait

IN_PARTS = {"address", "contract_dates", "consent", "field", "value"}  # the page shows what is in them, or under the field's own name


def test_c61_everything_that_is_read_out_has_its_words(ahaus, anna, ben, now) -> None:  # noqa: F811
    """Labels with their colours, subscribed names of folders that are gone, the usual sender, plans, what the filter has learned."""
    o = opened(ahaus, anna)
    handling.make_label(o, "Steuer", "red", now=now)
    changing.keyword_bits(o, ["$Forwarded"], now=now)
    foldering.create(o, "Weg", now=now)
    foldering.delete(o, "Weg", keep_subscription=True, now=now)
    drafting.sign(o, "Gruß", now=now)
    wait(o, "ben@ahaus.net", at=NOW + timedelta(hours=1))
    aliases.add(Contract.objects.get(id=anna.contract), "anna.zwei", tenant=ahaus, until=None, now=now)
    further.set_default(Contract.objects.get(id=anna.contract), Alias.objects.get().pk, tenant=ahaus)
    jobs.follow_mail(now)
    seen = overview.overview(ahaus, anna.contract, lang="de", now=now)
    records = [record for part in seen.sections for record in part.records]
    assert {"keyword": "Steuer", "colour": "red"} in records
    assert {"keyword": "$Forwarded"} in records
    assert {"subscribed_name": "Weg"} in records
    assert {"further_address": "anna.zwei@ahaus.net", "usual_sender": True} in records
    keys = {key for record in records for key in record} | {"learned_spam", "learned_good"}
    assert {"planned_for", "signature"} <= keys
    for lang in ("de", "en"):
        assert keys <= set(archive_words.labels(lang))
    assert keys - IN_PARTS <= set(data_words._labels())
    lines = list(data_words.lines({"keyword": "Steuer", "colour": "red"}, policy=None, lang="de"))
    assert [one.value for one in lines] == ["Steuer", "Rot"]


PROBES = ("app", "passkey", "de", "cookie", "person", "2026-01-02", "2026-01-02T03:04")


@pytest.mark.parametrize("own", PROBES)
def test_c61_what_a_person_wrote_themselves_is_shown_as_they_wrote_it(ahaus, anna, now, own) -> None:  # noqa: F811
    """A label, a folder, a name of a device or of a filter that looks like one of our codes or days."""
    o = opened(ahaus, anna)
    handling.make_label(o, own, "red", now=now)
    foldering.create(o, own, now=now)
    drafting.sign(o, own, now=now)
    app_passwords.make(Contract.objects.get(id=anna.contract), tenant=ahaus, label=own, scopes=["imap"], now=now)
    rules = policy.current(ahaus)
    seen = overview.overview(ahaus, anna.contract, lang="de", now=now)
    shown = [data_words.section(part, policy=rules, lang="de") for part in seen.sections]
    lines = [line for section in shown for record in section.records for line in record]
    for label in ("Etikett oder Schlagwort", "Signatur", "App-Passwort"):
        assert [line.value for line in lines if line.label == label] == [own], label
    assert [line.value for line in lines if line.label == own] == ["leer"]


def test_codes_and_days_are_still_in_words() -> None:
    rules = SimpleNamespace(tz=ZoneInfo("Europe/Berlin"))
    record = {"second_factor": "app", "made_on": "2026-01-02", "language": "de", "scopes": ["imap"], "kind": "url", "source": "clerk"}
    said = [line.value for line in data_words.lines(record, policy=rules, lang="de")]
    read = "E-Mail lesen und ordnen (IMAP)"
    assert said == ["Code-App", "2. Januar 2026", "Deutsch", read, "Browser ohne Cookie", "Schreibtisch der Stadt"]


def test_every_day_and_code_that_is_read_out_has_its_key_declared(ahaus, anna, ben, now) -> None:  # noqa: F811
    """No value of a person's records that is a moment stands under a key that is taken for text."""
    seen = overview.overview(ahaus, anna.contract, lang="de", now=now)
    for record in (record for part in seen.sections for record in part.records):
        for key, value in record.items():
            for name, one in (value if isinstance(value, dict) else {key: value}).items():
                assert name in data_words.MOMENTS or data_words._at(one) is None, (name, one)
