"""The proof for residents: each clause with its figure, and what somebody needs to verify a receipt on their own machine."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from stadtmail.doors.web import figures, headers
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors, instance
from stadtmail.privacy import notice, proofs
from stadtmail.privacy.evidence import log, public
from stadtmail.privacy.policy.clauses import CLAUSES

VERIFIER = Path(__file__).resolve().parents[3] / "verifier"


@dataclass(frozen=True)
class Row:
    """One clause as the table shows it."""

    id: str
    title: str
    state: str
    state_text: str
    measured: tuple[str, ...]
    at: datetime | None
    leaf: int | None
    real: bool


def proof(request: PortalRequest) -> HttpResponse:
    """GET /datenschutz/nachweis."""
    titles = {clause.id: clause.title[request.language] for clause in CLAUSES}
    rows = [_row(state, titles) for state in proofs.states(request.city, request.now)]
    sections = notice.notice(request.policy, request.language)
    parts = [
        {"title": f"{number}. {section.title}", "rows": [row for row in rows if row.id[2] == str(number)]}
        for number, section in enumerate(sections, 1)
    ]
    context = {
        "parts": parts,
        "counts": Counter(row.state for row in rows),
        "last": max((row.at for row in rows if row.at), default=None),
        "test": instance.current().is_test,
        "erasures": public.erasures(request.city),
        "section": "proof",
    }
    return render(request, "web/proof.html", context)


def log_json(request: PortalRequest) -> HttpResponse:
    """GET /datenschutz/nachweis/log.json: the whole tree of the city, as the verifier reads it."""
    response = HttpResponse(json.dumps(log.export(request.city)))
    headers.download(response, "log.json", kind="application/json")
    return response


def verifier(request: PortalRequest) -> HttpResponse:  # noqa: ARG001
    """GET /datenschutz/nachweis/pruefprogramm: the verifier, one file that needs only Python."""
    files = sorted(VERIFIER.glob("*.py"))
    if not files:
        raise errors.NotFound
    response = HttpResponse(files[0].read_bytes())
    headers.download(response, files[0].name, kind="text/x-python; charset=utf-8")
    return response


def _row(state: Any, titles: dict[str, str]) -> Row:
    texts = {
        "kept": _("gehalten"),
        "broken": _("nicht gehalten"),
        "not_yet_built": _("noch nicht gebaut"),
        "informational": _("Hinweis"),
    }
    values = dict(state.figures)
    deciding = {state.figure: values.pop(state.figure, state.value)} if state.figure else {}
    said = tuple(f"{figures.words(name)}: {'–' if value is None else value}" for name, value in {**deciding, **values}.items())
    return Row(state.id, titles[state.id], state.state, texts[state.state], said, state.at, state.leaf, state.real)
