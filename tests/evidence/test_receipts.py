"""Receipt and log of the real program, judged by the verifier as a citizen runs it."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from stadtmail.kit import store
from stadtmail.privacy import erasure, events, holds, measures, recovery, sweep, units
from stadtmail.privacy.evidence import leaves, log, public, receipts
from stadtmail.privacy.models import Leaf, Unit

VERIFIER = Path(__file__).resolve().parents[2] / "verifier" / "stadtmail_verify.py"


def test_a_receipt_is_proven_by_the_whole_log_and_by_its_own_short_proof(papers, verdict) -> None:
    receipt, whole, proof = papers
    for paper in (whole, proof):
        code, text = verdict(receipt, paper)
        assert code == 0, text
        assert text.count("PROVEN") == 5
        assert "TEST" in text
    assert "BEWIESEN" in verdict(receipt, whole, language="de")[1]
    assert verdict(receipt, whole, proof)[0] == 0
    assert verdict(whole)[0] == 0


def test_nothing_of_the_person_is_in_receipt_log_or_proof(papers) -> None:
    assert b"KANARIE" not in json.dumps(papers).encode()


def test_what_is_not_due_yet_is_not_proven_yet(ahaus, make, end, erase, now, verdict) -> None:
    rows = end(make(ahaus, 2), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    assert verdict(receipt)[0] == 1
    assert verdict(receipt, log.export(ahaus))[0] == 1  # the log is still empty
    erase(make(ahaus, 1), now, cause="deleted")
    code, text = verdict(receipt, log.export(ahaus))
    assert (code, text.count("NOT YET")) == (1, 2)
    erase(rows[:1], rows[0].due_at)
    code, text = verdict(receipt, log.export(ahaus), public.proof_for(ahaus, receipts.commitments(receipt)))
    assert (code, text.count("PROVEN"), text.count("NOT YET")) == (1, 1, 1)
    erase(make(ahaus, 1), now + timedelta(days=400), cause="deleted")
    assert "MISSING" in verdict(receipt, log.export(ahaus))[1]


@pytest.mark.parametrize(("minutes", "code"), [(0, 0), (15, 0), (16, 1)])
def test_c41_erased_after_the_promised_time_is_not_proven(ahaus, make, end, erase, now, verdict, minutes, code) -> None:
    rows = end(make(ahaus, 1), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    erase(rows, rows[0].due_at + timedelta(minutes=minutes))
    found, text = verdict(receipt, log.export(ahaus))
    assert found == code
    assert ("LATE" in text) == (code == 1)


def test_a_keyed_hash_has_no_commitment_and_the_receipt_says_so(ahaus, make, end, erase, now, verdict) -> None:
    rows = end(make(ahaus, 1), now)
    keyless = units.prepare(ahaus, [units.Wanted("TOMB", "contract", rows[0].anchor, keyless=True)], now=now)
    with store.writing():
        units.save(keyless)
    receipt = receipts.receipt(ahaus, [*rows, *Unit.objects.filter(id=keyless[0].id)], now=now)
    erase(rows, rows[0].due_at)
    code, text = verdict(receipt, log.export(ahaus))
    assert code == 0
    assert "NOTE       TOMB" in text


# -- dates that were put right, and lateness that stays one ------------------------------------------------------------


def test_c41_an_end_that_is_put_back_makes_nothing_late_and_the_leaf_says_since_when(ahaus, make, end, erase, now, verdict) -> None:
    rows = end(make(ahaus, 1), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    later = now + timedelta(days=100)
    rows = moved(rows, to=now - timedelta(days=400), known=later)
    erase(rows, later + timedelta(minutes=5))
    (leaf,) = erasures_of(ahaus)
    assert (leaf["late"], leaf["known"]) == (0, leaves.minute(later))
    code, text = verdict(receipt, log.export(ahaus))
    assert code == 0, text
    assert f"known to the city only since {later:%Y-%m-%d %H:%M}" in text


def test_c41_after_an_end_was_put_back_the_usual_lateness_counts_from_then(ahaus, make, end, erase, now, verdict) -> None:
    rows = end(make(ahaus, 1), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    rows = moved(rows, to=now - timedelta(days=400), known=now + timedelta(days=100))
    erase(rows, now + timedelta(days=100, minutes=16))
    assert erasures_of(ahaus)[0]["late"] == 1
    code, text = verdict(receipt, log.export(ahaus))
    assert (code, "LATE" in text) == (1, True)


@pytest.mark.parametrize("back", [timedelta(days=1), timedelta(days=400), timedelta(days=-1)])
def test_c41_what_is_late_already_is_not_made_punctual_by_a_correction(ahaus, make, end, erase, now, verdict, back) -> None:
    """A correction, backwards or forwards, after the promised date has passed."""
    rows = end(make(ahaus, 1), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    slept = rows[0].due_at + timedelta(days=30)
    rows = moved(rows, to=now - back, known=slept)
    assert measures.overdue(ahaus, slept) == 1
    erase(rows, slept)
    assert erasures_of(ahaus)[0]["late"] == 1
    assert verdict(receipt, log.export(ahaus))[0] == 1


def test_c41_an_end_in_the_past_is_known_from_the_receipt_on(ahaus, make, erase, now, verdict) -> None:
    rows = moved(make(ahaus, 1), to=now - timedelta(days=400), known=now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    erase(rows, now + timedelta(minutes=3))
    code, text = verdict(receipt, log.export(ahaus))
    assert (code, text.count("known to the city only since")) == (0, 1)


def test_c41_a_city_cannot_say_that_it_learned_later_what_its_own_receipt_told(ahaus, make, end, erase, now, verdict, monkeypatch) -> None:
    rows = end(make(ahaus, 1), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    asleep = rows[0].due_at + timedelta(days=3)
    monkeypatch.setattr(erasure.holds, "freed", lambda ids, *, now: {})
    real = erasure._kin
    monkeypatch.setattr(erasure, "_kin", lambda row, cause, freed: real(row, cause, freed)._replace(bound=asleep))
    monkeypatch.setattr(erasure, "_is_late", lambda *_: False)
    erase(rows, asleep)
    assert erasures_of(ahaus)[0]["late"] == 0
    code, text = verdict(receipt, log.export(ahaus))
    assert (code, "LATE" in text) == (1, True)


def test_c41_a_date_that_was_moved_forward_is_told_and_not_called_late(ahaus, make, end, erase, now, verdict) -> None:
    rows = end(make(ahaus, 1), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    rows = moved(rows, to=now + timedelta(days=60), known=now + timedelta(days=10))
    erase(rows, rows[0].due_at)
    code, text = verdict(receipt, log.export(ahaus))
    assert (code, "MOVED" in text, "LATE" in text) == (1, True, False)


def test_c41_prove_sees_lateness_that_the_engine_does_not_confess(ahaus, make, end, erase, now, monkeypatch) -> None:
    rows = end(make(ahaus, 2), now)
    monkeypatch.setattr(erasure, "_is_late", lambda *_: False)
    late = rows[0].due_at + timedelta(minutes=16)
    erase(rows, late)
    assert measures._late(ahaus, late).value == 2


def held_until(tenant, rows, *, placed, ends):
    made = {"type": "objection", "reason": "invoice_objection", "by": "desk:1", "review_at": placed + timedelta(days=30)}
    return holds.place(tenant=tenant, units=[row.id for row in rows], now=placed, ends_at=ends, **made)


@pytest.mark.parametrize(("minutes", "late"), [(14, 0), (16, 1)])
def test_c43b_what_a_hold_kept_goes_when_it_ends_and_is_late_only_from_then_on(ahaus, make, end, now, verdict, minutes, late) -> None:
    rows = end(make(ahaus, 1), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    ends = rows[0].due_at + timedelta(days=90)
    held_until(ahaus, rows, placed=now, ends=ends)
    at = ends + timedelta(minutes=minutes)
    assert measures.overdue(ahaus, at) == late
    sweep.run(at)
    (leaf,) = erasures_of(ahaus)
    assert (leaf["cause"], leaf["late"], leaf["known"]) == ("released", late, leaves.minute(ends))
    assert measures._late(ahaus, at).value == late
    code, text = verdict(receipt, log.export(ahaus))
    assert (code, "LATE" in text, "when a hold ended" in text) == (late, bool(late), not late)


def test_c43b_a_crash_between_release_and_erasure_makes_nothing_late(ahaus, make, end, now, monkeypatch) -> None:
    rows = end(make(ahaus, 1), now)
    placed = held_until(ahaus, rows, placed=now, ends=None)
    released = rows[0].due_at + timedelta(days=90)
    with monkeypatch.context() as patched:
        patched.setattr(erasure, "erase", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            holds.release(placed.id, tenant=ahaus, now=released)
    assert sweep.run(released + timedelta(minutes=9)).late == 0
    assert erasures_of(ahaus)[0]["cause"] == "released"


def moved(rows, *, to, known):
    """The end of their contract is put right at the moment `known`."""
    with store.writing():
        for anchor in {row.anchor for row in rows}:
            events.record(tenant=rows[0].tenant, anchor_kind="contract", anchor=anchor, name="contract_end", at=to, now=known)
    return list(Unit.objects.filter(id__in=[row.id for row in rows]).select_related("tenant"))


def erasures_of(tenant) -> list[dict]:
    found = [leaves.read(bytes(data)) for data in Leaf.objects.filter(tenant=tenant.id).order_by("index").values_list("data", flat=True)]
    return [leaf for leaf in found if leaf["type"] == "erasure"]


# -- nobody's erasures -------------------------------------------------------------------------------------------------


def test_a_test_residents_erasure_says_so_wherever_it_is_read(ahaus, make, end, erase, now, verdict) -> None:
    with units.synthetic():
        nobodys = make(ahaus, 1)
    rows = end([*nobodys], now)
    real = end(make(ahaus, 1), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    with pytest.raises(AssertionError):
        receipts.receipt(ahaus, [*rows, *real], now=now)
    erase([*rows, *real], rows[0].due_at)
    assert [leaf.get("synthetic") for leaf in erasures_of(ahaus)] in ([True, None], [None, True])  # never in one leaf with a real one
    code, text = verdict(receipt, log.export(ahaus))
    assert code == 0, text
    assert "TEST RESIDENT" in text
    assert "1 real, 1 of the standing test resident" in text
    assert public.erasures(ahaus) == public.Erasures(all=2, synthetic=1)


def test_c41_a_real_receipt_is_not_proven_by_a_test_residents_leaf(ahaus, make, end, erase, now, verdict) -> None:
    """Nor the other way round: the mark cannot be used to hide anybody."""
    rows = end(make(ahaus, 1), now)
    receipt = receipts.receipt(ahaus, rows, now=now)
    Unit.objects.filter(id=rows[0].id).update(synthetic=True)
    erase(rows, rows[0].due_at)
    code, text = verdict(receipt, log.export(ahaus))
    assert (code, "do not belong together" in text) == (2, True)


def test_the_mark_survives_a_crash_after_the_claim(ahaus, make, now) -> None:
    with units.synthetic():
        (row,) = make(ahaus, 1)
    Unit.objects.filter(id=row.id).update(state="erasing", erasure=uuid4())
    recovery.recover(now)
    log.move(now)
    assert erasures_of(ahaus)[0]["synthetic"] is True


def test_c41_a_test_residents_punctuality_is_no_figure_of_real_cases(ahaus, make, end, erase, now) -> None:
    with units.synthetic():
        rows = end(make(ahaus, 1), now)
    erase(rows, rows[0].due_at)
    assert measures._late(ahaus, rows[0].due_at) is None


def test_the_key_can_be_pinned(papers, verdict) -> None:
    receipt, whole, _ = papers
    assert verdict(receipt, whole, key=receipt["public_keys"][-1])[0] == 0
    assert verdict(receipt, whole, key="ab" * 32)[0] == 2


def test_what_a_file_says_never_reaches_the_terminal_raw(papers, verdict, ahaus) -> None:
    receipt, _, _ = papers
    receipt["domain"] = "x\x1b[2Jy"
    del receipt["signature"]
    receipt["signature"] = log.signer(ahaus).sign(leaves.canonical(receipt)).hex()
    assert "\x1b" not in verdict(receipt)[1]


def test_an_unreadable_file_is_no_forgery(tmp_path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    for files in ([str(bad)], [str(tmp_path / "none.json")], []):
        done = subprocess.run([sys.executable, "-I", "-S", str(VERIFIER), *files], capture_output=True, check=False)
        assert done.returncode == 3
