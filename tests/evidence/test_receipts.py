"""Receipt and log of the real program, judged by the verifier as a citizen runs it; then every way to forge them."""

import base64
import copy
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


@pytest.fixture
def verdict(tmp_path):
    """Run the verifier on papers, in a Python without site-packages and without our environment: (exit code, output)."""

    def run(*papers, language: str = "en", key: str = "") -> tuple[int, str]:
        paths = []
        for number, paper in enumerate(papers):
            paths.append(tmp_path / f"{number}.json")
            paths[-1].write_text(json.dumps(paper))
        more = ["--key", key] if key else []
        command = [sys.executable, "-I", "-S", str(VERIFIER), *map(str, paths), "--lang", language, *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={})
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout

    return run


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


# -- forging: each change is noticed ---------------------------------------------------------------------------------


def dropped_leaf(receipt, whole) -> None:
    del whole["leaves"][0]


def dropped_leaf_and_its_head(receipt, whole) -> None:
    whole["leaves"].pop()
    whole["commitments"].pop(str(len(whole["leaves"])), None)


def reordered_leaves(receipt, whole) -> None:
    whole["leaves"][0], whole["leaves"][1] = whole["leaves"][1], whole["leaves"][0]


def reordered_leaves_with_their_commitments(receipt, whole) -> None:
    reordered_leaves(receipt, whole)
    marks = whole["commitments"]
    marks["0"], marks["1"] = marks["1"], marks["0"]


def changed_count(receipt, whole) -> None:
    whole["leaves"][1] = whole["leaves"][1].replace('"count":5', '"count":6')


def changed_date(receipt, whole) -> None:
    leaf = json.loads(whole["leaves"][1])
    whole["leaves"][1] = leaves.canonical({**leaf, "done": leaf["due"]}).decode()


def forked_head(receipt, whole) -> None:
    whole["heads"][-1]["root"] = "ab" * 32


def wrong_signature(receipt, whole) -> None:
    signature = bytearray.fromhex(whole["heads"][-1]["signature"])
    signature[40] ^= 1
    whole["heads"][-1]["signature"] = signature.hex()


def another_time_of_signing(receipt, whole) -> None:
    whole["heads"][-1]["signed_at"] = "2026-11-23T10:01Z"


def mark_of_the_test_taken_off(receipt, whole) -> None:
    whole["heads"][-1]["test"] = False


def truncated_log(receipt, whole) -> None:
    whole["heads"] = [head for head in whole["heads"] if head["size"] == 3][:1] or whole["heads"]
    whole["leaves"] = whole["leaves"][:2]


def emptied_log(receipt, whole) -> None:
    whole["heads"], whole["leaves"], whole["commitments"] = [], [], {}


def foreign_commitment(receipt, whole) -> None:
    whole["commitments"]["1"] = base64.b64encode(b"\1" * 160).decode()


def commitment_too_many(receipt, whole) -> None:
    whole["commitments"]["2"] = base64.b64encode(base64.b64decode(whole["commitments"]["2"]) + bytes(32)).decode()


def commitments_without_leaf(receipt, whole) -> None:
    whole["commitments"]["99"] = base64.b64encode(bytes(32)).decode()


def edited_receipt_date(receipt, whole) -> None:
    receipt["units"][0]["due"] = "2026-11-24T00:00Z"


def edited_receipt_unit(receipt, whole) -> None:
    receipt["units"][0]["k"] = "00" * 32


def shortened_receipt(receipt, whole) -> None:
    receipt["units"].pop()


def receipt_with_another_key(receipt, whole) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    receipt["public_keys"] = [key.public_key().public_bytes_raw().hex()]
    receipt["head"] = None
    del receipt["signature"]
    receipt["signature"] = key.sign(leaves.canonical(receipt)).hex()


def whole_log_signed_anew(receipt, whole) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    whole["public_keys"] = [key.public_key().public_bytes_raw().hex()]
    for head in whole["heads"]:
        named = {name: head[name] for name in ("root", "signed_at", "size", "test")}
        head["signature"] = key.sign(leaves.canonical({**named, "city": whole["city"], "type": "head"})).hex()


def not_canonical(receipt, whole) -> None:
    whole["leaves"][1] = whole["leaves"][1].replace(",", ", ", 1)


def wrong_types(receipt, whole) -> None:
    whole["heads"][-1]["size"] = True


def nothing_where_something_must_be(receipt, whole) -> None:
    whole["heads"][-1] = None


ATTACKS = [
    dropped_leaf, dropped_leaf_and_its_head, reordered_leaves, reordered_leaves_with_their_commitments, changed_count, changed_date,
    forked_head, wrong_signature, another_time_of_signing, mark_of_the_test_taken_off, truncated_log, emptied_log, foreign_commitment,
    commitment_too_many, commitments_without_leaf, edited_receipt_date, edited_receipt_unit, shortened_receipt,
    receipt_with_another_key, whole_log_signed_anew, not_canonical, wrong_types, nothing_where_something_must_be,
]  # fmt: skip


def test_every_forgery_is_noticed(papers, verdict) -> None:
    for attack in ATTACKS:
        receipt, whole, _ = copy.deepcopy(papers)
        attack(receipt, whole)
        code, text = verdict(receipt, whole)
        assert code == 2, (attack.__name__, text)
        assert "FORGED" in text


def test_every_forged_short_proof_is_noticed(papers, verdict) -> None:
    receipt, whole, proof = papers
    for change in (
        lambda p: p["erasures"][0].update(leaf=whole["leaves"][0]),
        lambda p: p["erasures"][0].update(index=2),
        lambda p: p["erasures"][0].update(position=(p["erasures"][0]["position"] + 1) % 5),
        lambda p: p["erasures"][0].update(commitment="ab" * 32),
        lambda p: p["erasures"][0]["inner"].pop(),
        lambda p: p["erasures"][0]["inner"].append("ab" * 32),
        lambda p: p["erasures"][0]["path"].reverse(),
        lambda p: p["consistency"].update(path=[]),
        lambda p: p["consistency"].update({"from": 2}),
        lambda p: p["head"].update(size=4),
        lambda p: p["head"].update(signature="00" * 64),
        lambda p: p.update(city="00000000-0000-4000-8000-000000000000"),
    ):
        changed = copy.deepcopy(proof)
        change(changed)
        code, text = verdict(receipt, changed)
        assert code == 2, text


def test_a_fork_is_noticed_even_when_the_city_itself_signs_it(ahaus, make, end, erase, now, verdict, papers) -> None:
    receipt, whole, _ = papers
    key = log.signer(ahaus)
    forked = copy.deepcopy(whole)
    first = json.loads(forked["leaves"][0])
    forked["leaves"][0] = leaves.canonical({**first, "cause": "withdrawn"}).decode()
    from stadtmail.privacy.evidence import tree

    hashes = [tree.leaf_hash(leaf.encode()) for leaf in forked["leaves"]]
    for head in forked["heads"]:
        head["root"] = tree.root_of(hashes[: head["size"]]).hex()
        named = {name: head[name] for name in ("root", "signed_at", "size", "test")}
        head["signature"] = key.sign(leaves.canonical({**named, "city": whole["city"], "type": "head"})).hex()
    assert verdict(forked)[0] == 0  # nothing is wrong with it alone
    code, text = verdict(receipt, forked)
    assert code == 2
    assert "past has been changed" in text
    assert verdict(whole, forked)[0] == 2


def test_another_citys_log_proves_nothing(papers, musterstadt, make, erase, now, verdict) -> None:
    erase(make(musterstadt, 1), now, cause="deleted")
    code, _ = verdict(papers[0], log.export(musterstadt))
    assert code == 2


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
