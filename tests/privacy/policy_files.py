"""Policy files to break: the real one of AHAUS.NET, with one thing changed."""

import tomllib
from typing import Any

from stadtmail.privacy.policy import compile_policy
from stadtmail.privacy.policy.model import Policy
from stadtmail.privacy.policy.published import FOLDER

SOURCE = (FOLDER / "ahaus.net.toml").read_text()


def changed(*changes: tuple[str, str]) -> bytes:
    """The file with each first text, which must be there, replaced once by the second."""
    text = SOURCE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    tomllib.loads(text)
    return text.encode()


def policy(*changes: tuple[str, str]) -> Policy:
    """The compiled policy with these changes."""
    return compile_policy(changed(*changes))


def without(table: str) -> tuple[str, str]:
    """The change that takes one [table] out of the file, up to the next table."""
    begin = SOURCE.index(f"[{table}]\n")
    end = SOURCE.find("\n[", begin)
    return SOURCE[begin : end + 1 if end > 0 else None], ""


def rule_of(code: str) -> str:
    """The line of a category's rule."""
    part = SOURCE[SOURCE.index(f"[category.{code}]") :]
    line = next(line for line in part.splitlines() if line.startswith("rule = "))
    return part[: part.index(line) + len(line)]


def with_rule(code: str, rule: str) -> tuple[str, str]:
    """The change that gives a category another rule line; "" takes it away."""
    old = rule_of(code)
    return old, old[: old.rindex("rule = ")] + rule


def codes(findings: list[Any]) -> list[tuple[str, str, str]]:
    """Findings as comparable values."""
    return [(f.code, f.severity, f.where) for f in findings]
