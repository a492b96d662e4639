"""A restriction stands until it is lifted; once its review is due, a figure and a loud line say so (C-6.2c)."""

from datetime import timedelta

from stadtmail.kit import config
from stadtmail.people.actions import restriction
from stadtmail.privacy import measures
from stadtmail.privacy.models import Hold
from tests.people.people import order


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
