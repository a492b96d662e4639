"""Change any one value of a receipt, a log or a proof: the verifier must notice, or the value must not matter to the verdict."""

import copy
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "verifier"))
import stadtmail_verify as verify

# what nobody relies on: the receipt names the city and its keys, and it is signed
UNHEEDED = {("domain",), ("public_keys", 0)}
TODAY = datetime(2028, 6, 1, tzinfo=UTC)


def values(paper: Any, path: tuple = ()) -> list[tuple]:
    """Path of every single value in a paper."""
    if isinstance(paper, dict):
        return [found for name, value in paper.items() for found in values(value, (*path, name))]
    if isinstance(paper, list):
        return [found for at, value in enumerate(paper) for found in values(value, (*path, at))]
    return [path]


def changed(value: Any, random: Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + random.choice([-1, 1])
    if not value:
        return "x"
    at = random.randrange(len(value))
    return value[:at] + random.choice([c for c in "0123456789abcdef" if c != value[at]]) + value[at + 1 :]


def verdict(tmp_path, *papers: dict) -> int:
    paths = []
    for number, paper in enumerate(papers):
        paths.append(str(tmp_path / f"{number}.json"))
        Path(paths[-1]).write_text(json.dumps(paper))
    return verify.run(paths, "en", None, TODAY)[0]


def test_no_single_value_can_be_changed_unnoticed(papers, tmp_path) -> None:
    receipt, whole, proof = papers
    random = Random(2026)
    assert verdict(tmp_path, receipt, whole) == verdict(tmp_path, receipt, proof) == 0
    for paper in (whole, proof, receipt):
        for path in values(paper):
            forged = copy.deepcopy(paper)
            inner = forged
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = changed(inner[path[-1]], random)
            papers_now = (forged, whole) if paper is receipt else (receipt, forged)
            expected = {0} if path in UNHEEDED and paper is not receipt else {2}
            assert verdict(tmp_path, *papers_now) in expected, (path, inner[path[-1]])


def test_no_part_can_be_left_out_unnoticed(papers, tmp_path) -> None:
    receipt, whole, proof = papers
    for paper in (whole, proof, receipt):
        for path in {found[:length] for found in values(paper) for length in range(1, len(found) + 1)}:
            forged = copy.deepcopy(paper)
            inner = forged
            for step in path[:-1]:
                inner = inner[step]
            del inner[path[-1]]
            papers_now = (forged, whole) if paper is receipt else (receipt, forged)
            older = path[0] == "heads" and len(path) == 2 and path[1] < len(whole["heads"]) - 1
            left_out = path[0] == "erasures" and len(path) == 2
            unheeded = paper is not receipt and path[0] in ("domain", "public_keys")
            expected = {0} if older or unheeded else {1} if left_out else {2}
            assert verdict(tmp_path, *papers_now) in expected, path
