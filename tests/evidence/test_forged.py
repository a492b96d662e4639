"""Every way to forge a receipt, a log or a proof that somebody thought of: the verifier notices each."""

import base64
import copy
import json

from stadtmail.privacy.evidence import leaves, log


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
