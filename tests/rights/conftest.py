"""A mailbox room that exists only here: two folders of messages under a unit INH of the contract."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from stadtmail.kit import errors, store
from stadtmail.kit.holdings import Holding
from stadtmail.privacy import holdings, units


class Mailbox:
    """Messages by unit; `gone` ones were erased after they had been listed."""

    def __init__(self) -> None:
        self.messages: dict[UUID, list[tuple[str, int, bytes]]] = {}
        self.gone: set[int] = set()

    def export(self, unit: UUID) -> Iterator[dict]:
        for folder, uid, raw in self.messages.get(unit, []):
            yield {"folder": folder, "uid": uid, "flags": ["seen"], "received": "2026-11-20T08:00:00+00:00", "eml": self._opener(uid, raw)}

    def _opener(self, uid: int, raw: bytes):
        def opened() -> Iterator[bytes]:
            if uid in self.gone:
                raise errors.NotFound
            for at in range(0, len(raw), 1000):
                yield raw[at : at + 1000]

        return opened

    def fill(self, contract, now, messages: list[tuple[str, int, bytes]]) -> None:
        wanted = units.Wanted("INH", "contract", contract.id, contract.person_id)
        (unit,) = units.prepare(contract.tenant, [wanted], now=now)
        with store.writing():
            units.save([unit])
        self.messages[unit.id] = messages


@pytest.fixture
def mailbox(monkeypatch) -> Mailbox:
    made = Mailbox()
    fake = Holding(table="tests.Mailbox", personal={}, harmless={}, export=made.export)
    real = holdings.of_category
    monkeypatch.setattr(holdings, "of_category", lambda code: [fake] if code == "INH" else real(code))
    return made
