"""The sentences in both languages, as they lie beside this module: texts with names in { } where the policy's values belong."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
_BREAKS = re.compile(r"[ \n]+")


@cache
def sentences(lang: str) -> dict[str, Any]:
    """Sections, clauses and phrases of the notice."""
    return _read(f"{lang}.toml")


@cache
def papers(lang: str) -> dict[str, Any]:
    """Words of register, annex and imprint."""
    return _read(f"papers.{lang}.toml")


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = _one_line(tomllib.loads((FOLDER / name).read_text("utf-8")))
    return found


def _one_line(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _one_line(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_one_line(item) for item in value]
    return _BREAKS.sub(" ", value).strip() if isinstance(value, str) else value
