"""The notice word for word as it was shown. A policy is compiled by this program, and the next one may say it in other sentences.

So the text itself is kept in the evidence store, in each language: when a policy is published, and at each start that words it
differently (a wording). Nothing of it is ever changed.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from django.utils.safestring import SafeString

from stadtmail.kit.errors import NotFound
from stadtmail.kit.store import writing
from stadtmail.privacy.models import NoticeText
from stadtmail.privacy.notice.clauses import Clause, Section, notice
from stadtmail.privacy.policy.model import LANGUAGES, Policy
from stadtmail.tenants.models import Tenant


class NoSuchWording(NotFound):
    """This version was never shown in these words."""


@dataclass(frozen=True)
class Shown:
    """A notice as it was read. `since`: from when on in these words; `wordings`: the moments of all wordings of its version."""

    service: str
    version: int
    effective_from: date
    sections: list[Section]
    since: datetime | None = None
    wordings: tuple[datetime, ...] = ()


def keep(tenant: Tenant, policy: Policy, *, now: datetime) -> bool:
    """Keep the notice as this program words it, if it was not the last to be kept. Was it new?"""
    texts = {lang: _written(policy, lang) for lang in LANGUAGES}
    digest = sha256(b"\0".join(texts[lang] for lang in sorted(texts))).hexdigest()
    with writing("evidence"):
        last = NoticeText.objects.filter(tenant=tenant.pk, version=policy.version).order_by("-wording").first()
        if last is not None and last.digest == digest:
            return False
        number = last.wording + 1 if last else 1
        NoticeText.objects.bulk_create(
            [
                NoticeText(tenant=tenant.pk, version=policy.version, wording=number, lang=lang, digest=digest, text=text, since=now)
                for lang, text in texts.items()
            ]
        )
    return True


def shown(tenant: Tenant, version: int, lang: str, *, wording: int | None = None) -> Shown:
    """A version in the words in which it was shown last, or in an earlier wording. Raises NoSuchWording."""
    rows = NoticeText.objects.filter(tenant=tenant.pk, version=version, lang=lang).order_by("wording")
    moments = tuple(rows.values_list("since", flat=True))
    row = rows.last() if wording is None else rows.filter(wording=wording).first()
    if row is None:
        raise NoSuchWording
    said = json.loads(bytes(row.text))
    sections = [Section(one["number"], SafeString(one["title"]), tuple(map(_clause, one["clauses"]))) for one in said["sections"]]
    return Shown(said["service"], version, date.fromisoformat(said["effective_from"]), sections, row.since, moments)


def texts(tenant: Tenant) -> list[bytes]:
    """Every wording of every version, as it is kept: what a scan may find in the evidence store."""
    return [bytes(text) for text in NoticeText.objects.filter(tenant=tenant.pk).values_list("text", flat=True)]


def _written(policy: Policy, lang: str) -> bytes:
    sections = [{"number": one.number, "title": str(one.title), "clauses": list(map(_read, one.clauses))} for one in notice(policy, lang)]
    said = {"service": policy.service, "effective_from": policy.effective_from.date().isoformat(), "sections": sections}
    return json.dumps(said, sort_keys=True, ensure_ascii=False).encode()


def _read(clause: Clause) -> dict[str, Any]:
    note = None if clause.note is None else str(clause.note)
    return {"id": clause.id, "title": str(clause.title), "text": str(clause.text), "note": note, "built": clause.built}


def _clause(said: dict[str, Any]) -> Clause:
    note = None if said["note"] is None else SafeString(said["note"])
    return Clause(id=said["id"], title=SafeString(said["title"]), text=SafeString(said["text"]), note=note, built=said["built"])
