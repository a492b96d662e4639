"""A clause is kept by young figures only; what is stale, missing or failed is broken; nothing is claimed that is not built."""

import json
from datetime import timedelta

import pytest

from stadtmail.privacy import holdings, measures, policy, proofs
from stadtmail.privacy.evidence import leaves, log
from stadtmail.privacy.models import Proof
from stadtmail.privacy.policy.clauses import CLAUSES, INFORMATIONAL
from stadtmail.privacy.proofs import Measure, Measured, Walk


@pytest.fixture
def registry(monkeypatch):
    """An empty registry: registry.measures, registry.walks."""
    monkeypatch.setattr(proofs, "_measures", [])
    monkeypatch.setattr(proofs, "_walks", [])
    return proofs


def state(found, clause: str) -> proofs.State:
    return next(one for one in found if one.id == clause)


def fixed(value: int, kept: bool = True, real: bool = True):
    return lambda tenant, now: Measured(value, kept, real)


def proofs_in(tenant) -> list[dict]:
    found = [json.loads(leaf) for leaf in log.export(tenant)["leaves"]]
    return [leaf for leaf in found if leaf["type"] == "proof"]


def test_every_clause_has_a_state_from_the_first_moment(ahaus, now) -> None:
    found = proofs.states(ahaus, now)
    assert [one.id for one in found] == [clause.id for clause in CLAUSES]
    for one, clause in zip(found, CLAUSES, strict=True):
        expected = "informational" if clause.kind == INFORMATIONAL else "broken" if clause.built else "not_yet_built"
        assert one.state == expected, one.id


def test_a_clause_is_kept_while_its_figure_is_young(registry, ahaus, now) -> None:
    registry.register(Measure("C-2.2", "rows_in_clear", fixed(0)))
    kept = state(registry.run(ahaus, now), "C-2.2")
    assert (kept.state, kept.figure, kept.value, kept.at, kept.leaf, kept.real) == ("kept", "rows_in_clear", 0, now, 0, True)
    day = timedelta(days=1)
    assert state(registry.states(ahaus, now + day - timedelta(seconds=1)), "C-2.2").state == "kept"
    assert state(registry.states(ahaus, now + day), "C-2.2").state == "broken"


def test_young_figures_are_not_measured_again_unless_something_is_broken(registry, ahaus, now, monkeypatch) -> None:
    hour = timedelta(hours=1)
    whole = [True]
    monkeypatch.setattr(proofs, "is_whole", lambda found: whole[0])
    registry.register(Measure("C-2.2", "rows_in_clear", fixed(0)))
    assert proofs.is_stale(ahaus, now, age=hour)
    proofs.run(ahaus, now)
    assert not proofs.is_stale(ahaus, now + timedelta(minutes=59), age=hour)
    assert proofs.is_stale(ahaus, now + hour, age=hour)
    assert proofs.is_stale(ahaus, now - hour, age=hour)  # a figure from the future proves nothing now
    whole[0] = False
    assert proofs.is_stale(ahaus, now + timedelta(minutes=1), age=hour)


def test_one_broken_figure_breaks_the_clause_and_is_the_one_that_is_shown(registry, ahaus, now) -> None:
    registry.register(Measure("C-2.2", "good", fixed(0)), Measure("C-2.2", "bad", fixed(3, kept=False)))
    broken = state(registry.run(ahaus, now), "C-2.2")
    assert (broken.state, broken.figure, broken.value) == ("broken", "bad", 3)
    assert not registry.is_whole(registry.states(ahaus, now))


def test_a_measure_that_raises_is_broken_and_stops_no_other(registry, ahaus, now) -> None:
    def fails(tenant, now):
        raise RuntimeError("Anna Kanariengelb")

    registry.register(Measure("C-2.2", "fails", fails), Measure("C-2.3", "works", fixed(1)))
    found = registry.run(ahaus, now)
    assert state(found, "C-2.2").state == "broken"
    assert state(found, "C-2.3").state == "kept"
    assert "Kanariengelb" not in json.dumps(log.export(ahaus))


def test_not_built_stays_not_built_and_informational_may_carry_a_figure(registry, ahaus, now) -> None:
    registry.register(Measure("C-5.1", "tracked", fixed(0)), Measure("C-6.5", "days", fixed(9, kept=False)))
    found = registry.run(ahaus, now)
    assert state(found, "C-5.1").state == "not_yet_built"
    assert (state(found, "C-6.5").state, state(found, "C-6.5").value) == ("informational", 9)


def test_the_test_resident_walks_only_where_no_real_case_is(registry, ahaus, now) -> None:
    real = [None]
    walked = []

    def walk(tenant, now):
        walked.append(now)
        return {"C-2.2": Measured(7, kept=True), "C-4.1": Measured(1, kept=True), "C-9.9": Measured(1, kept=True)}

    registry.register(Measure("C-2.2", "orders", lambda tenant, now: real[0]), Measure("C-4.1", "late", lambda tenant, now: real[0]))
    registry.register_walk(Walk("test_resident", frozenset({"C-2.2", "C-4.1"}), walk))
    found = state(registry.run(ahaus, now), "C-2.2")
    assert (found.state, found.figure, found.value, found.real) == ("kept", "test_resident", 7, False)
    assert not Proof.objects.filter(real=True).exists()
    real[0] = Measured(3, kept=True)
    found = state(registry.run(ahaus, now), "C-2.2")
    assert (found.state, found.figure, found.real) == ("kept", "orders", True)
    assert len(walked) == 1


def test_a_walk_that_fails_or_forgets_a_clause_breaks_it(registry, ahaus, now) -> None:
    def walk(tenant, now):
        return {"C-2.2": Measured(1, kept=True)}

    registry.register_walk(Walk("test_resident", frozenset({"C-2.2", "C-4.1"}), walk))
    found = registry.run(ahaus, now)
    assert state(found, "C-2.2").state == "kept"
    assert state(found, "C-4.1").state == "broken"


def test_a_missing_figure_breaks_the_clause_and_is_the_one_that_is_shown(registry, ahaus, now) -> None:
    registry.register(Measure("C-2.2", "there", fixed(1)), Measure("C-2.2", "never", lambda tenant, now: None))
    found = state(registry.run(ahaus, now), "C-2.2")
    assert (found.state, found.figure, found.value) == ("broken", "never", None)


def test_no_real_case_and_no_walk_is_broken(registry, ahaus, now) -> None:
    registry.register(Measure("C-2.2", "orders", lambda tenant, now: None))
    assert state(registry.run(ahaus, now), "C-2.2").state == "broken"


def test_a_leaf_for_each_change_and_one_a_day(registry, ahaus, now) -> None:
    value = [0]
    registry.register(Measure("C-2.2", "counted", lambda tenant, now: Measured(value[0], kept=True)))
    for hours in (0, 1, 2, 23):
        registry.run(ahaus, now + timedelta(hours=hours))
    assert len(proofs_in(ahaus)) == 1
    value[0] = 5
    assert state(registry.run(ahaus, now + timedelta(hours=23)), "C-2.2").leaf == 1
    registry.run(ahaus, now + timedelta(hours=46))
    assert [leaf["value"] for leaf in proofs_in(ahaus)] == [0, 5]
    registry.run(ahaus, now + timedelta(hours=47))
    assert [leaf["value"] for leaf in proofs_in(ahaus)] == [0, 5, 5]


def test_cities_do_not_share_figures(registry, ahaus, musterstadt, now) -> None:
    registry.register(Measure("C-2.2", "counted", fixed(1)))
    registry.run(ahaus, now)
    assert state(registry.states(musterstadt, now), "C-2.2").state == "broken"


def test_json_has_what_a_program_needs(registry, ahaus, now) -> None:
    registry.register(Measure("C-2.2", "counted", fixed(1)))
    found = json.loads(json.dumps(registry.as_json(registry.run(ahaus, now))))
    assert len(found) == 62
    assert {"id", "state", "figure", "value", "at", "leaf", "real", "figures"} == set(found[0])


def test_the_own_measures_of_a_healthy_city(ahaus, now) -> None:
    found = proofs.run(ahaus, now)
    assert state(found, "C-1.1").state == ("broken" if holdings.check(policy.current(ahaus).categories) else "kept")
    assert state(found, "C-1.2").state == "kept"
    assert state(found, "C-4.2").value == 0
    assert 0 <= state(found, "C-6.5").value <= 366


def test_c11_a_table_that_nobody_declared_breaks_the_clause(ahaus, now, monkeypatch) -> None:
    monkeypatch.setattr(holdings, "_registered", {name: h for name, h in holdings._registered.items() if name != "privacy.Unit"})
    found = figures(ahaus, now)
    assert not found["inventory_coverage_percent"].kept
    assert not found["inventory_problems"].kept


def figures(tenant, now) -> dict[str, Proof]:
    proofs.run(tenant, now)
    return {row.figure: row for row in Proof.objects.filter(tenant=tenant.id)}


def test_c41_what_is_overdue_late_or_unfinished_shows(ahaus, make, end, erase, now) -> None:
    rows = end(make(ahaus, 4), now)
    due = rows[0].due_at
    assert figures(ahaus, due + timedelta(minutes=14))["overdue_units"].kept
    found = figures(ahaus, due + timedelta(minutes=16))["overdue_units"]
    assert (found.value, found.kept) == (4, False)
    erase(rows[:1], due + timedelta(minutes=10))
    found = figures(ahaus, due + timedelta(minutes=16))["late_units"]
    assert (found.value, found.kept) == (0, True)
    erase(rows[1:], due + timedelta(minutes=20))
    found = figures(ahaus, due + timedelta(minutes=21))
    assert (found["late_units"].value, found["late_units"].kept) == (3, False)
    assert found["overdue_units"].kept
    assert found["unfinished_erasures"].kept


def test_c41_an_erasure_that_hangs_shows(ahaus, make, now) -> None:
    from stadtmail.privacy import erasure

    class Killed(BaseException):
        """What kill -9 is to the code."""

    def killed(step: int) -> None:
        if step == erasure.KEYS:
            raise Killed

    with pytest.raises(Killed):
        erasure.erase([row.id for row in make(ahaus, 1)], tenant=ahaus, now=now, cause="deleted", step=killed)
    assert figures(ahaus, now + timedelta(minutes=10))["unfinished_erasures"].kept
    found = figures(ahaus, now + timedelta(minutes=16))["unfinished_erasures"]
    assert (found.value, found.kept) == (1, False)


def test_c11_each_start_leaves_a_leaf_and_each_policy_one(ahaus, musterstadt, now) -> None:
    measures.started(now)
    measures.started(now + timedelta(hours=1))
    for tenant in (ahaus, musterstadt):
        found = [json.loads(leaf) for leaf in log.export(tenant)["leaves"]]
        assert sorted(leaf["type"] for leaf in found) == ["policy_published", "start", "start"]
        start = next(leaf for leaf in found if leaf["type"] == "start")
        assert (start["declared"], start["columns"], start["digest"]) == (*holdings.coverage(), holdings.schema_digest())


def test_c12_an_expired_processing_contract_breaks_the_clause(ahaus, now) -> None:
    later = now + timedelta(days=365 * 30)
    assert not figures(ahaus, later)["processing_contract_days"].kept


def test_figures_are_code_and_never_data(registry) -> None:
    with pytest.raises(leaves.NotInVocabulary):
        registry.register(Measure("C-2.2", "anna@ahaus.net", fixed(0)))
    with pytest.raises(AssertionError):
        registry.register(Measure("C-9.9", "fine", fixed(0)))


