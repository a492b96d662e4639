"""No leaf can carry a person: each field is tried with names, addresses, IPs and free text, in every field, in every type."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtmail.privacy import erasure, policy, proofs
from stadtmail.privacy.evidence import leaves

CITY = "3f2b8c1e-5a77-4a0e-9f63-0c1d2e3f4a5b"
HASH = "ab" * 32
GOOD: dict[str, dict[str, object]] = {
    "erasure": {
        "category": "BD", "cause": "due", "count": 3, "done": "2027-05-24T22:00Z", "root": HASH,
        "readable_in_backups_until": "2027-06-01", "due": "2027-05-24T22:00Z", "late": 0, "known": "2027-05-25T08:10Z",
        "synthetic": True,
    },
    "hold_placed": {"hold": "legal_hold", "count": 1},
    "hold_released": {"hold": "legal_hold", "count": 1},
    "policy_published": {"policy": 1, "digest": HASH, "at": "2026-11-23T10:00Z"},
    "proof": {"clause": "C-4.1", "figure": "overdue_units", "value": 0, "kept": True, "real": False, "at": "2026-11-23T10:00Z"},
    "start": {"digest": HASH, "declared": 10, "columns": 10, "at": "2026-11-23T10:00Z"},
    "fork": {"size": 4, "root": HASH, "at": "2026-11-23T10:00Z"},
    "restored": {"count": 3, "at": "2026-11-23T10:00Z"},
}  # fmt: skip
PERSONAL = [
    "anna@ahaus.net", "Anna Kanariengelb", "anna_kanariengelb", "annakanariengelb", "KANARIENGELB", "ANNA", "192.0.2.7", "192-0-2-7",
    "2001:db8::7", "20010db8000000000000000000000007", "C000020007", "1980-02-29", "1980-02-29T10:00Z", "0255-11-17", "48683 Ahaus",
    "2026-11-23T10:00:00Z", "2026-13-23T10:00Z", "2026-11-23T24:00Z", "6f1f6a1e", b"anna", 3232235777, 0x01000000, -1, 3.5, None,
    ["anna"], {"name": "anna"}, "", " due", "due\n", "BD\n", HASH.upper(), HASH + "00", "true", "1",
]  # fmt: skip


def leaf(kind: str, **changes: object) -> bytes:
    return leaves.write({"type": kind, "city": CITY, "test": True, **GOOD[kind], **changes})


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_in_the_vocabulary_is_written_canonically(kind) -> None:
    data = leaf(kind)
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()
    assert leaves.read(data)["v"] == 1


def test_every_type_is_tried_here() -> None:
    assert set(GOOD) == set(leaves.TYPES)
    for kind, (required, optional) in leaves.TYPES.items():
        assert set(GOOD[kind]) == required | optional


@pytest.mark.parametrize("planted", PERSONAL, ids=repr)
def test_no_field_takes_an_address_a_name_or_an_ip(planted) -> None:
    for kind, fields in GOOD.items():
        for name in [*fields, "city", "test", "type", "v"]:
            with pytest.raises(leaves.NotInVocabulary) as refused:
                leaf(kind, **{name: planted})
            assert "anna" not in str(refused.value).lower()


@pytest.mark.parametrize("name", ["name", "address", "ip", "subject", "note", "text", "seq"])
def test_no_other_field_is_taken(name) -> None:
    for kind in GOOD:
        with pytest.raises(leaves.NotInVocabulary):
            leaf(kind, **{name: 1})


def test_a_field_of_another_type_is_not_taken_and_none_may_be_missing() -> None:
    with pytest.raises(leaves.NotInVocabulary):
        leaf("hold_placed", category="BD")
    for kind, (required, _) in leaves.TYPES.items():
        for name in required:
            fields = {key: value for key, value in GOOD[kind].items() if key != name}
            with pytest.raises(leaves.NotInVocabulary):
                leaves.write({"type": kind, "city": CITY, "test": True, **fields})


@given(st.text())
def test_no_free_text_gets_in(text) -> None:
    for name in ("category", "cause", "done", "root", "due", "city", "readable_in_backups_until"):
        if text == GOOD["erasure"].get(name):
            continue
        with pytest.raises(leaves.NotInVocabulary):
            leaf("erasure", **{name: text}) if text not in leaves.CATEGORIES | leaves.CAUSES else _refuse()


def _refuse() -> None:
    raise leaves.NotInVocabulary


def test_the_engine_and_every_policy_stay_inside_the_vocabulary() -> None:
    """Otherwise an erasure would stop at its own leaf."""
    assert erasure.CAUSES <= leaves.CAUSES
    folder = Path(__file__).resolve().parents[2] / "policies"
    for path in folder.glob("*.toml"):
        rules = policy.load(path.stem)
        assert set(rules.categories) <= leaves.CATEGORIES
        assert {hold for holds in rules.holds.values() for hold in holds} <= leaves.HOLDS


def test_every_registered_figure_is_in_the_vocabulary() -> None:
    for measure in proofs._measures:
        leaf("proof", clause=measure.clause, figure=measure.figure)
