"""A new policy: what it shortens is short at once, a hold that it bars blocks nothing and hides no other (C-4.1, law 2)."""

from datetime import timedelta

import pytest

from stadtmail.people.actions import contracts
from stadtmail.privacy import holds, sweep
from stadtmail.privacy.models import Hold, HoldItem, Unit
from stadtmail.privacy.policy import actions, published
from tests.engine.test_erasure import due_of, hold
from tests.people.people import order
from tests.privacy.policy_files import changed, with_rule

DAY = timedelta(days=1)
RULE = 'rule = { start = "contract_end", gone_by = "P3M", kind = "calendar" }'
HOLDS = 'holds = ["legal_hold", "unpaid_claim", "objection", "dsr_open", "restriction", "lea_preservation"]'
QUIET = RULE[:-2] + ', also = [{ start = "alias_end", gone_by = "P3M", kind = "calendar" }] }'
SHORTER = with_rule("BD", RULE), with_rule("TOMB", QUIET)  # the quarantine may not outlast them


@pytest.fixture
def publish(ahaus, tmp_path, monkeypatch):
    """Publishes the city's file with changes, as version 2."""
    monkeypatch.setattr(published, "FOLDER", tmp_path)

    def run(*changes, at):
        (tmp_path / "ahaus.net.toml").write_bytes(changed(("version = 1", "version = 2"), *changes))
        return actions.publish(ahaus, now=at)

    return run


def test_c41_a_shorter_period_is_short_for_what_is_stored_already(ahaus, inventory, end, now, publish) -> None:
    ids = inventory()
    end()
    assert due_of(ids) > now + 180 * DAY
    publish(*SHORTER, at=now + DAY)
    due = due_of(ids)
    assert due < now + 95 * DAY
    assert sweep.run(due).erased == 1


def test_c41_a_new_start_counts_for_what_has_happened_already(ahaus, inventory, end, now, publish) -> None:
    ids = inventory()
    end()
    Unit.objects.filter(id__in=ids).update(due_at=None, known_at=None)  # as under a rule that knew no such start
    publish(*SHORTER, at=now + DAY)
    assert due_of(ids) is not None


def test_c41_publishing_again_ends_what_a_crash_left(ahaus, inventory, end, now, publish) -> None:
    ids = inventory()
    end()
    publish(*SHORTER, at=now + DAY)
    Unit.objects.filter(id__in=ids).update(due_at=now + 300 * DAY)
    assert actions.publish(ahaus, now=now + 2 * DAY).version == 2
    assert due_of(ids) < now + 95 * DAY


def test_a_hold_that_the_policy_bars_does_not_hide_one_that_it_allows(ahaus, inventory, end, now) -> None:
    ids = inventory()
    hold(ahaus, ids, now)
    other = hold(ahaus, ids, now + timedelta(hours=1), type="unpaid_claim", reason="dunned_balance")
    Hold.objects.filter(id=other.id).update(type="tkg172")  # as if the matrix had been wider then
    end()
    swept = sweep.run(due_of(ids))
    assert (swept.erased, Unit.objects.filter(id__in=ids).count()) == (0, 1)


def test_a_barred_hold_is_dropped_also_from_what_no_clock_runs_for(ahaus, now, publish) -> None:
    contract = order(ahaus, now)
    unit = Unit.objects.get(category="BD")
    hold(ahaus, [unit.id], now)
    publish((HOLDS, HOLDS.replace('"objection", ', "")), at=now + DAY)
    assert not Hold.objects.exists()
    contracts.cancel(contract, ends_at=now + DAY, now=now + DAY)
    due = Unit.objects.get(id=unit.id).due_at
    sweep.run(due)
    assert not Unit.objects.filter(id=unit.id).exists()


def test_c41_a_hold_goes_with_the_last_unit_that_it_held(ahaus, inventory, end, now) -> None:
    first, second = inventory(), inventory()
    made = hold(ahaus, first + second, now)
    end()
    holds.release(made.id, tenant=ahaus, now=now)
    sweep.run(due_of(first))
    assert (Hold.objects.count(), HoldItem.objects.count()) == (0, 0)
