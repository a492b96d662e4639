"""Everything about one contract as one signed ZIP (Art. 15 and 20 GDPR, C-6.1, C-6.2d), streamed to its holder only.

daten.json has every record with its rule, date, holds, source and accesses; messages come as EML. manifest.json lists every
file with its SHA-256 and is signed with the city's key. Nothing of it touches a disk here.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stadtmail.kit import errors, instance
from stadtmail.people import queries as people
from stadtmail.people.models import Contract
from stadtmail.privacy import policy
from stadtmail.privacy.evidence import leaves, log
from stadtmail.rights import archive_words
from stadtmail.rights.overview import MESSAGE, Section, overview, records, shown
from stadtmail.rights.streamed_zip import Entry, StreamedZip
from stadtmail.tenants.models import Tenant
from stadtmail.wire import mbox

FORMAT = "stadtmail archive 1"
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*\x7f]')


def archive(tenant: Tenant, contract_id: UUID, *, now: datetime, with_mbox: bool = False) -> Iterator[bytes]:
    """The ZIP, piece by piece; with each folder once more as an mbox. Raises people.queries.NoSuchContract before the first piece."""
    contract = people.contract(tenant, contract_id)
    return _pieces(tenant, contract, now, with_mbox=with_mbox)


def _pieces(tenant: Tenant, contract: Contract, now: datetime, *, with_mbox: bool) -> Iterator[bytes]:
    rules, lang = policy.current(tenant), _language(tenant, contract)
    made = StreamedZip(made_at=now.astimezone(rules.tz))
    name, text = archive_words.readme(rules, lang)
    yield from made.add(name, [text.encode()])
    data = _data(tenant, contract, lang, now)
    yield from made.add("daten.json", [_written(data)])
    for script, text in _scripts(data):
        yield from made.add(f"filter/{_folder(script)}.sieve", [text.encode()])
    listed: list[dict[str, Any]] = []
    for record in _messages(tenant, contract, now):
        try:
            chunks = _begun(record[MESSAGE]())
        except errors.NotFound:  # erased while the download runs
            continue
        yield from made.add(f"mail/{_folder(str(record['folder']))}/{record['uid']}.eml", chunks)
        listed.append({"file": made.entries[-1].name, **{key: value for key, value in record.items() if key != MESSAGE}})
    yield from made.add("nachrichten.json", [_written({"messages": listed})])
    if with_mbox:
        for folder, records_of in _by_folder(_messages(tenant, contract, now)).items():
            yield from made.add(f"mbox/{_folder(folder)}.mbox", _mbox(records_of, now))
    key = log.signer(tenant)
    yield from made.add("public_key.pem", [key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)])
    manifest = _manifest(tenant, contract, made.entries, now)
    yield from made.add("manifest.json", [manifest])
    yield from made.add("manifest.sig", [key.sign(manifest)])
    yield from made.finish()


def _data(tenant: Tenant, contract: Contract, lang: str, now: datetime) -> Mapping[str, Any]:
    seen, rules = overview(tenant, contract.id, lang=lang, now=now), policy.current(tenant)
    return {
        "format": FORMAT,
        "city": rules.parties.controller.name,
        "service": rules.service,
        "made_at": now.isoformat(),
        "contract": _contract(contract),
        "categories": [_category(section) for section in seen.sections],
        "accesses": seen.accesses,
        "recipients": [{"name": one.name[lang], "purpose": one.purpose, "fields": list(one.fields)} for one in rules.recipients],
        "authorities": [{"name": one.name[lang], "street": one.street, "town": f"{one.postcode} {one.town}", "phone": one.phone,
                         "web": one.web} for one in rules.parties.authorities],
        "words": archive_words.labels(lang),
    }  # fmt: skip


def _contract(contract: Contract) -> Mapping[str, Any]:
    return {
        "id": str(contract.id), "tariff": contract.tariff, "state": contract.state,
        "ends_at": contract.ends_at.isoformat() if contract.ends_at else None, "notice_version": contract.notice_version,
        "notice_sha256": contract.notice_digest, "terms_version": contract.terms_version,
    }  # fmt: skip


def _category(section: Section) -> Mapping[str, Any]:
    return {
        "code": section.category, "name": section.name, "content": section.content, "purpose": section.purpose,
        "basis": section.basis, "rule": section.rule_words, "erased_by": section.until.isoformat() if section.until else None,
        "holds": section.holds, "records": section.records,
    }  # fmt: skip


def _messages(tenant: Tenant, contract: Contract, now: datetime) -> Iterator[Mapping[str, Any]]:
    return (record for _, record in records(shown(people.units_of(tenant, contract), now=now)) if MESSAGE in record)


def _scripts(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and text of every filter."""
    for category in data["categories"]:
        yield from ((str(one["script"]), str(one["sieve"])) for one in category["records"] if "sieve" in one)


def _by_folder(found: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    folders: dict[str, list[Mapping[str, Any]]] = {}
    for record in found:
        folders.setdefault(str(record["folder"]), []).append(record)
    return folders


def _mbox(found: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[bytes]:
    """The messages of a folder as one file; what was erased meanwhile is left out."""
    for record in found:
        try:
            chunks, received = _begun(record[MESSAGE]()), datetime.fromisoformat(record["received"])
        except errors.NotFound:
            continue
        yield from mbox.entry(chunks, flags=record["flags"], received=min(received, now))


def _manifest(tenant: Tenant, contract: Contract, entries: Iterable[Entry], now: datetime) -> bytes:
    return _written(
        {
            "format": FORMAT,
            "city": str(tenant.id),
            "domain": tenant.domain,
            "contract": str(contract.id),
            "made_at": leaves.minute(now),
            "test": instance.current().is_test,
            "public_key": log.public_key(tenant).hex(),
            "files": [{"name": one.name, "bytes": one.size_bytes, "sha256": one.sha256} for one in entries],
        }
    )


def _begun(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same pieces, the first one read already: what cannot be opened is left out before its entry has begun."""
    pieces = iter(chunks)
    first = next(pieces, b"")

    def again() -> Iterator[bytes]:
        yield first
        yield from pieces

    return again()


def _folder(name: str) -> str:
    """A folder's name as a path of its own: no way up, no device, no surprise."""
    clean = unicodedata.normalize("NFC", _UNSAFE.sub("_", name)).strip(" .")[:60]
    return clean or "ordner"


def _language(tenant: Tenant, contract: Contract) -> str:
    try:
        return people.holder(tenant, contract).language
    except errors.NotFound:
        return "de"


def _written(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
