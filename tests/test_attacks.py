"""docs/attacks.md names real tests, and leaves out no clause that the house built so far has to keep."""

import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
ROWS = [line.split("|")[1:4] for line in (TESTS.parent / "docs" / "attacks.md").read_text().splitlines() if line.startswith("| C-")]
NAMED = sorted({name for _, _, tests in ROWS for name in re.findall(r"`([\w/]+\.py::\w+)`", tests)})
CLAUSES = [
    *(f"C-1.{number}" for number in (1, 2)),
    *(f"C-2.{number}" for number in (1, 2, 3, 4, 5, 6, 8)),
    *(f"C-3.{number}" for number in (1, 2, 3, 4, 7, 8, 9, 10, 11)),
    *(f"C-4.{number}" for number in (1, 2, 7)),
    "C-6.2c",
]
LATER = {"mail engine", "portal", "groupware", "billing", "rights", "analytics", "operation"}


def test_every_named_test_exists() -> None:
    assert len(NAMED) > 300
    missing = [name for name in NAMED if not is_there(*name.split("::"))]
    assert missing == []


def is_there(file: str, function: str) -> bool:
    return bool(re.search(rf"^(async )?def {function}\(", text(file), re.MULTILINE))


@cache
def text(file: str) -> str:
    return (TESTS / file).read_text()


def test_every_clause_is_attacked_here_and_each_attack_has_a_test_or_a_later_work() -> None:
    assert sorted({clause.strip() for clause, _, _ in ROWS}) == sorted(CLAUSES)
    for clause, attack, tests in ROWS:
        later = set(re.findall(r"\*([a-z ]+)\*", tests))
        assert later <= LATER, (clause, attack)
        assert later or "`" in tests, (clause, attack)
    assert {clause.strip() for clause, _, tests in ROWS if "`" in tests} == set(CLAUSES)
