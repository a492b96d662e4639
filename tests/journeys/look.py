"""What the outside cannot see, from a process of its own beside the instance: python -m tests.journeys.look WHAT, JSON out.

scan            residue scan for the tokens on standard input, one a line
neighbour ADDR  digests of a resident's opened data and of their sealed bytes
due             every unit with its date
all             the present moment, every unit with its date, and a residue scan for the tokens on standard input if there are any
alias ADDR NAME a further address of a resident's
volatile-folder where the volatile store of the instance lies
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def scan(tokens: str = "") -> dict[str, Any]:
    """Hits with their explanation; `bytes` shows that something was read."""
    from stadtmail.kit import clock
    from stadtmail.privacy.scan import run

    report = run((tokens or sys.stdin.read()).split("\n"), now=clock.now())
    return {"hits": [hit.as_dict() for hit in report.hits], "bytes": report.bytes_lying + report.bytes_opened}


def neighbour(address: str) -> dict[str, str]:
    """SHA-256 of everything that belongs to a resident: once opened, once as it lies."""
    from stadtmail.mail import queries as mail
    from stadtmail.people import queries as people
    from stadtmail.tenants import queries as tenants

    localpart, _, domain = address.partition("@")
    city = tenants.city_of_domain(domain)
    contract = people.address(city, localpart).contract
    box = mail.opened(mail.mailbox_of(city, contract.id), holder=contract.id)
    opened, sealed = hashlib.sha256(), hashlib.sha256()
    opened.update(repr(sorted(vars(people.holder(city, contract)).items())).encode())
    for folder, uid, flags, chunks in mail.every_raw(box):
        opened.update(f"{folder} {uid} {flags} ".encode() + b"".join(chunks))
    for piece in _lying(contract):
        sealed.update(piece)
    return {"opened": opened.hexdigest(), "sealed": sealed.hexdigest()}


def due() -> list[list[str]]:
    """Id, category and due date of every unit."""
    from stadtmail.privacy.models import Unit

    return [[str(unit.id), unit.category, str(unit.due_at)] for unit in Unit.objects.order_by("due_at")]


def everything() -> dict[str, Any]:
    """What a journey asks at each of its dates, by one process instead of three."""
    from stadtmail.kit import clock

    at, tokens = clock.now().isoformat(), sys.stdin.read()
    return {"moment": at, "due": due(), "scan": scan(tokens) if tokens else None}


def alias(address: str, localpart: str) -> str:
    """Take a further address, as a page will."""
    from stadtmail.kit import clock
    from stadtmail.mail.actions import aliases
    from stadtmail.people import queries as people
    from stadtmail.tenants import queries as tenants

    city = tenants.city_of_domain(address.rpartition("@")[2])
    return aliases.add(people.address(city, address.rpartition("@")[0]).contract, localpart, tenant=city, now=clock.now())


def _lying(contract: Any) -> Iterator[bytes]:
    """Rows of the person's units, of the mailbox, and the blobs, as they lie."""
    from django.apps import apps

    from stadtmail.mail.models import Body, Folder, Mailbox, MailboxKey, Message
    from stadtmail.privacy.models import Unit
    from stadtmail.vault import blobs

    ids = list(Unit.objects.filter(subject=contract.person_id).values_list("id", flat=True))
    yield from _rows(Unit.objects.filter(id__in=ids))
    for model in apps.get_models():
        if model not in (Mailbox, MailboxKey) and any(field.name == "unit" for field in model._meta.concrete_fields):
            yield from _rows(model._default_manager.filter(unit__in=ids))
    box = Mailbox.objects.filter(contract=contract)
    messages = Message.objects.filter(folder__mailbox__in=box)
    for rows in (box, MailboxKey.objects.filter(mailbox__in=box), Folder.objects.filter(mailbox__in=box), messages):
        yield from _rows(rows)
    yield from _rows(Body.objects.filter(message__in=messages))
    for blob in sorted(messages.exclude(blob=None).values_list("blob", flat=True)):
        yield blobs.path_of(blob).read_bytes()


def _rows(rows: Any) -> Iterator[bytes]:
    for row in rows.order_by("pk").values_list():
        yield repr([bytes(value) if isinstance(value, memoryview) else value for value in row]).encode()


def main(what: str, *more: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "stadtmail.settings"
    import django

    django.setup()
    from stadtmail.usage import folder

    known = {"scan": scan, "neighbour": neighbour, "due": due, "all": everything, "alias": alias}
    known["volatile-folder"] = lambda: str(folder.current())
    print(json.dumps(known[what](*more)))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(*sys.argv[1:])
