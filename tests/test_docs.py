"""Documentation that can be wrong is tested: what it names exists, tables agree, nothing of a workplace is in it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "stadtmail"
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "verifier").glob("*.md")])
HOUSE = (ROOT / "docs/house.md").read_text()
WORKPLACE = ("/work/", "/home/", "/root/", "pypi.org", "npmjs.org", "registry.", "TODO", "FIXME")


def section(number: int) -> str:
    return re.split(r"^## \d+\. .*$", HOUSE, flags=re.MULTILINE)[number]


def promises() -> list[tuple[str, str]]:
    """(file, name) of every line that docs/house.md section 2 points to; the name is empty where a file alone is named."""
    found = []
    for row in re.findall(r"^\| .*? \| (.*) \|$", section(2), re.MULTILINE):
        file, named = "", 0
        for word in re.findall(r"`([^`]+)`", row):
            if "/" in word:
                found += [(file, "")] if file and not named else []
                file, named = word, 0
            else:
                found.append((file, word))
                named += 1
        found += [(file, "")] if file and not named else []
    return found


def test_the_table_of_promises_is_read() -> None:
    assert len(promises()) > 20


def test_every_line_that_keeps_a_promise_exists() -> None:
    texts = {file: (CODE / file).read_text() for file, _ in promises() if (CODE / file).is_file()}
    for file, name in promises():
        assert file in texts, f"{file} does not exist"
        assert re.search(rf"^(def|class) {name}\b|^{name}\b.* = ", texts[file], re.MULTILINE), f"{file} has no {name}"


@pytest.mark.parametrize("paper", ["docs/house.md", *[str(path.relative_to(ROOT)) for path in PAPERS if path.parent.name == "decisions"]])
def test_every_file_that_is_named_exists(paper: str) -> None:
    text = (ROOT / paper).read_text()
    for word in re.findall(r"`([\w./-]+/[\w./-]+\.\w+)`", text):
        assert (CODE / word).exists() or (ROOT / word).exists() or (ROOT / "docs" / word).exists(), f"{paper} names {word}"
    for number in re.findall(r"decisions/(\d{3})", text):
        assert list((ROOT / "docs/decisions").glob(f"{number}-*.md")), f"{paper} names decision {number}"


def test_the_table_of_libraries_is_what_is_installed() -> None:
    lines = (ROOT / "requirements.in").read_text().splitlines()
    wanted = {re.match(r"[\w-]+", line)[0].lower() for line in lines if line and not line.startswith("#")}  # type: ignore[index]
    npm = set(re.findall(r'"(@[\w-]+/[\w-]+)"', (ROOT / "package.json").read_text()))
    told = {row.split()[0].lower() for row in re.findall(r"^\| (.*?) \|", section(6), re.MULTILINE)} - {"library", "checks"}
    assert {word for word in told if not word.startswith(("@", "|", "---"))} == wanted
    assert {word for word in told if word.startswith("@")} == npm


def test_decisions_are_numbered_without_gaps_and_short() -> None:
    papers = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(paper.name[:3]) for paper in papers] == list(range(1, len(papers) + 1))
    for paper in papers:
        text = paper.read_text()
        assert text.startswith(f"# {paper.name[:3]}: "), paper.name
        assert len(text.split()) < 500, f"{paper.name} is longer than a page"


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere_and_nothing_of_a_workplace_is_named(paper: Path) -> None:
    text = paper.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", text):
        link = target[0] or target[1]
        assert link.startswith("http") or (paper.parent / link).exists(), f"{paper.name} links to {link}"
    for word in WORKPLACE:
        assert word not in text, f"{paper.name} names {word}"


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs/pictures").iterdir():
        assert picture.stat().st_size < 200_000, picture.name


def test_the_readme_counts_the_sentences_of_the_notice() -> None:
    from stadtmail.privacy.policy.clauses import CLAUSES, EXECUTABLE

    built = sum(clause.kind == EXECUTABLE and clause.built for clause in CLAUSES)
    assert f"Of the {len(CLAUSES)} sentences of the notice this version carries out {built};" in (ROOT / "README.md").read_text()
