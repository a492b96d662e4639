"""The standing test resident: its life proves what it claims, nothing of it stays whatever crashes, and it sees what is wrong."""

import tempfile
from datetime import timedelta

import pytest

from stadtmail.doors.console import canaries, walk
from stadtmail.kit import config
from stadtmail.mail import queries as mail
from stadtmail.mail.actions import accounts, delivery, probe
from stadtmail.people import queries as people
from stadtmail.people.orders import problems
from stadtmail.privacy import erasure, policy, proofs, scan, sweep
from stadtmail.privacy.evidence import leaves
from stadtmail.privacy.models import Leaf, Unit
from stadtmail.vault.models import Key

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.postgres]


class Crash(BaseException):
    """The process dies."""


def rows() -> tuple[int, int]:
    return Unit.objects.count(), Key.objects.filter(kind="unit").count()


def broken(found) -> set[str]:
    return {clause for clause, measured in found.items() if not measured.kept}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))  # other tests' folders lie beside ours
    yield
    (config.load().data / "residue.log").unlink(missing_ok=True)


def test_a_life_keeps_every_clause_and_leaves_nothing(musterstadt, now, monkeypatch) -> None:
    made: list[canaries.Canaries] = []
    real = canaries.Canaries
    monkeypatch.setattr(walk.canaries, "Canaries", lambda rules: made.append(real(rules)) or made[-1])
    before = rows()
    found = walk.run(musterstadt, now)
    assert set(found) == walk.CLAUSES
    assert broken(found) == set()
    assert not any(measured.real for measured in found.values())
    assert rows() == before
    assert people.address_state(musterstadt, canaries.LOCALPART) == people.FREE
    assert not scan.run(made[0].tokens, now=now).hits
    written = [leaves.read(bytes(data)) for data in Leaf.objects.filter(tenant=musterstadt.id).values_list("data", flat=True)]
    erased = [leaf for leaf in written if leaf["type"] == "erasure"]
    assert {leaf["category"] for leaf in erased} >= {"BD", "BD-ID", "BD-CRED", "BD-OPT", "BD-PAY", "CONS", "COLL", "INH", "TOMB"}
    assert not any(leaf["late"] for leaf in erased)


def test_nobody_can_order_its_address(ahaus, now) -> None:
    rules = policy.current(ahaus)
    found = problems(canaries.Canaries(rules).form, policy=rules, now=now)
    assert [(problem.field, problem.code) for problem in found] == [("localpart", "bad_localpart")]


def rarely(*values):
    """All but the last in the long tests alone: each walks a whole life twice."""
    return [pytest.param(value, marks=pytest.mark.long) for value in values[:-1]] + [values[-1]]


@pytest.mark.parametrize("where", rarely("_receive", "_read", "_look", "_correct", "_withdraw", "_is_closed", "_is_proven", "_is_gone"))
def test_what_a_crash_leaves_the_next_walk_clears(ahaus, now, monkeypatch, where) -> None:
    def die(*_: object) -> None:
        raise Crash

    before = rows()
    with monkeypatch.context() as patch:
        patch.setattr(walk.Life, where, die)
        patch.setattr(walk, "clear", lambda tenant, now: 0)
        with pytest.raises(Crash):
            walk.run(ahaus, now)
    assert broken(walk.run(ahaus, now + timedelta(minutes=1))) == set()
    assert rows() == before


@pytest.mark.parametrize("fatal", rarely(*range(1, 11)))
def test_a_crash_between_two_erasures_is_cleared_too(ahaus, now, monkeypatch, fatal) -> None:
    calls = []

    def dies(*arguments, **named):
        calls.append(1)
        if len(calls) == fatal:
            raise Crash
        return erasure_erase(*arguments, **named)

    erasure_erase, before = erasure.erase, rows()
    with monkeypatch.context() as patch:
        patch.setattr(walk.erasure, "erase", dies)
        with pytest.raises(Crash):
            walk.run(ahaus, now)
    walk.clear(ahaus, now)
    sweep.run(now)
    assert rows() == before


def test_a_residue_breaks_the_promise_to_erase(ahaus, now, monkeypatch) -> None:
    def spill(self, contract) -> None:
        (config.load().data / "residue.log").write_text(f"debug: {self.planted.core}")

    monkeypatch.setattr(walk.Life, "_is_closed", spill)
    assert broken(walk.run(ahaus, now)) == {"C-4.1", "C-6.2a", "C-6.2b"}


def test_an_open_mailbox_after_the_end_breaks_c28(ahaus, now, monkeypatch) -> None:
    real, known = delivery.recipient, {}

    def never_closes(address, *, now):
        known.setdefault(address, None)
        known[address] = known[address] or real(address, now=now)
        return known[address]

    monkeypatch.setattr(walk.delivery, "recipient", never_closes)
    assert "C-2.8" in broken(walk.run(ahaus, now))


def opens_for_any_role(box, *, role):
    return mail.Opened(box)


def test_whoever_else_reads_breaks_c47(ahaus, now, monkeypatch) -> None:
    monkeypatch.setattr(walk.mail, "opened_role", opens_for_any_role)
    assert broken(walk.run(ahaus, now)) == {"C-4.7"}


def test_a_value_that_the_overview_forgets_breaks_c61(ahaus, now, monkeypatch) -> None:
    whole = walk.overview

    def without_details(*arguments, **named):
        seen = whole(*arguments, **named)
        seen.sections[:] = [section for section in seen.sections if section.category != "BD-OPT"]
        return seen

    monkeypatch.setattr(walk, "overview", without_details)
    assert broken(walk.run(ahaus, now)) == {"C-6.1"}


def test_an_erasure_that_is_too_late_is_not_proven(ahaus, now, monkeypatch) -> None:
    erase = erasure.erase
    late = lambda ids, *, tenant, now, cause: erase(ids, tenant=tenant, now=now + timedelta(days=2), cause=cause)  # noqa: E731
    monkeypatch.setattr(walk.erasure, "erase", late)
    assert broken(walk.run(ahaus, now)) == {"C-4.1", "C-6.2a"}


def test_it_walks_again_when_its_figures_are_six_hours_old(ahaus, now, monkeypatch) -> None:
    walked = []
    monkeypatch.setattr(proofs, "_measures", [])
    monkeypatch.setattr(proofs, "_walks", [proofs.Walk(walk.FIGURE, walk.CLAUSES, lambda *_: walked.append(1) or walk.run(*_))])
    leaves.admit(walk.FIGURE)
    for hours, expected in ((0, 1), (5, 1), (7, 2)):
        proofs.run(ahaus, now + timedelta(hours=hours))
        assert len(walked) == expected


def test_the_probe_reaches_the_officer_and_is_taken_out_again(ahaus, now, monkeypatch) -> None:
    accounts.open_roles(ahaus, now=now)
    box = mail.role_mailbox(ahaus, "officer")
    assert probe.probe(ahaus, now=now) == 0
    assert mail.used(box)[0] == 0
    with monkeypatch.context() as patch:  # what a crash left goes with the next probe
        patch.setattr(probe, "_take_out", lambda *_: None)
        probe.probe(ahaus, now=now)
    assert mail.used(box)[0] > 0
    probe.probe(ahaus, now=now)
    assert mail.used(box)[0] == 0
    assert mail.page(mail.opened_role(box, role="officer"), probe.PLACE) == []
    monkeypatch.setattr(probe.queries, "opened_role", opens_for_any_role)
    assert probe.probe(ahaus, now=now) == len(probe.OTHERS)


def test_a_mail_of_somebody_else_is_not_taken_for_a_probe(ahaus, now) -> None:
    accounts.open_roles(ahaus, now=now)
    address = policy.current(ahaus).parties.dpo.email
    assert probe._deliver(address, "Auskunft nach Art. 15", now)
    assert probe.probe(ahaus, now=now) == 0
    box = mail.opened_role(mail.role_mailbox(ahaus, "officer"), role="officer")
    assert [row.subject for row in mail.page(box, probe.PLACE)] == ["Auskunft nach Art. 15"]
