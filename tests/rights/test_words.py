"""Everything that the access file reads out is explained, in the download and on the page."""

from datetime import timedelta

from stadtmail.doors.web import data_words
from stadtmail.mail import jobs
from stadtmail.mail.actions import aliases, changing, drafting, foldering, handling
from stadtmail.people.actions import aliases as further
from stadtmail.people.models import Alias, Contract
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
