"""`stadtmail scan TOKEN...`: is anything of these values still anywhere, in whatever form, and what explains it?

The work is done in privacy.scan. Tokens may come from standard input (`-`), so that they lie in no history; they are never
printed: the report names each by its number.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stadtmail.doors.console import start
from stadtmail.kit import clock, errors

if TYPE_CHECKING:
    from stadtmail.privacy.scan import Hit, Report

MEBIBYTE = 1024 * 1024


class BadToken(errors.NotAllowed):
    """A token is too short: it would be found everywhere."""


def add(verbs: Any) -> None:
    """Register the verb."""
    verb = verbs.add_parser("scan", help="look for values in every store; exit code 1 where nothing explains what was found")
    verb.add_argument("tokens", nargs="+", metavar="TOKEN", help="a value of at least 8 characters; - reads one a line from standard input")
    verb.add_argument("--json", action="store_true", help="one object with hits, stores and bytes")
    verb.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Scan and print. Returns 1 if there is a hit that nothing explains. Raises BadToken."""
    tokens = list(_read(chosen.tokens))
    held = start.joining()
    from stadtmail.privacy import scan

    try:
        report = scan.run(tokens, now=clock.now(), progress=_progress if sys.stderr.isatty() else None)
    except scan.TooShort as problem:
        raise BadToken(str(problem)) from None
    finally:
        held.release()
        if sys.stderr.isatty():
            print(file=sys.stderr)
    print(json.dumps(_as_dict(report), indent=2) if chosen.json else "\n".join(_lines(report)))
    return 1 if report.unexplained else 0


def _read(given: Sequence[str]) -> list[str]:
    """The tokens, each once; a line of standard input is one token."""
    found: list[str] = []
    for token in given:
        found += [line for text in sys.stdin if (line := text.strip("\r\n"))] if token == "-" else [token]  # noqa: S105 - no secret
    if not found:
        raise BadToken("there is nothing to look for")
    return list(dict.fromkeys(found))


def _progress(read: int) -> None:
    print(f"\r{read // MEBIBYTE} MiB searched", end="", file=sys.stderr, flush=True)


def _as_dict(report: "Report") -> dict[str, Any]:
    return {
        "hits": [hit.as_dict() for hit in report.hits], "unexplained": len(report.unexplained), "stores": report.stores,
        "bytes_lying": report.bytes_lying, "bytes_opened": report.bytes_opened, "closed": report.closed,
    }  # fmt: skip


def _lines(report: "Report") -> list[str]:
    lines = [_line(hit) for hit in report.hits]
    lines.append(f"searched: {', '.join(report.stores)}")
    lines.append(f"{report.bytes_lying} bytes as they lie, {report.bytes_opened} bytes that living keys open")
    lines += [f"{count} {name}: their messages open for their holders alone" for name, count in report.closed.items()]
    lines.append(f"{len(report.hits)} found, {len(report.unexplained)} unexplained")
    return lines


def _line(hit: "Hit") -> str:
    return f"token {hit.token}  {hit.way:6}  {hit.store}: {hit.place}  ({hit.form})  {hit.explained or 'UNEXPLAINED'}"
