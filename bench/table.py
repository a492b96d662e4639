"""How results are told: one Markdown table a measurement, and the same as JSON for whoever compares two runs."""

import json
from collections.abc import Mapping, Sequence

Row = Mapping[str, object]


def markdown(title: str, rows: Sequence[Row]) -> str:
    """A heading and a table; every row has the same columns."""
    names = list(rows[0])
    lines = [f"### {title}", "", f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(_shown(row[name]) for name in names)} |" for row in rows]
    return "\n".join([*lines, ""])


def as_json(results: Mapping[str, Sequence[Row]]) -> str:
    """All results of a run."""
    return json.dumps(results, indent=1, default=str)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}" if value >= 1 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
