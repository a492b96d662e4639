"""The standing test resident: a whole life in a second, through the same actions as everybody's, and nothing is left of it.

Where no real case has happened, this walk shows that the path works (clauses 2.6, 2.8, 4.1, 4.7, 6.1, 6.2). It never touches
a real resident: its address cannot be ordered, its values are unguessable, its figures say `real: false` and
its leaves `synthetic`. Its contract ends
years ago, by a clock of its own: each unit is erased at the moment it was due. What a crash leaves, the sweep or the next walk clears.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from stadtmail.doors.console import canaries
from stadtmail.kit import errors, log
from stadtmail.mail import queries as mail
from stadtmail.mail.actions import accounts, delivery
from stadtmail.people import queries as people
from stadtmail.people.actions import accesses, contracts, corrections, restriction
from stadtmail.privacy import erasure, policy, proofs, scan, units
from stadtmail.privacy.evidence import log as evidence
from stadtmail.privacy.evidence import public, receipts
from stadtmail.rights.archive import archive
from stadtmail.rights.overview import overview
from stadtmail.rights.receipts import receipt
from stadtmail.usage import sessions

if TYPE_CHECKING:
    from stadtmail.people.models import Contract
    from stadtmail.tenants.models import Tenant

FIGURE = "test_resident_failures"
CLAUSES = frozenset({"C-2.6", "C-2.8", "C-4.1", "C-4.7", "C-6.1", "C-6.2a", "C-6.2b", "C-6.2c", "C-6.2d", "C-6.2e"})
VERIFIER = Path(__file__).resolve().parents[3] / "verifier" / "stadtmail_verify.py"
MOST_SCANNED = 512 * 1024 * 1024  # bytes of changed files that a walk searches; all of them: `stadtmail scan`
SECONDS = 30
_declared: list[bool] = []


def declare() -> None:
    """Register the walk. Idempotent: every process that judges clauses has to know it."""
    if not _declared:
        _declared.append(True)
        proofs.register_walk(proofs.Walk(FIGURE, CLAUSES, run))


def run(tenant: "Tenant", now: datetime) -> Mapping[str, proofs.Measured]:
    """Lead the test resident through a life. For each clause how many things went wrong (0: kept)."""
    clear(tenant, now)
    life = Life(tenant, now)
    try:
        with units.synthetic():
            life.lead()
    finally:
        clear(tenant, now)
    return {clause: proofs.Measured(life.wrong[clause], life.wrong[clause] == 0, real=False) for clause in CLAUSES}


def clear(tenant: "Tenant", now: datetime) -> int:
    """Erase what is there of a test resident, by the one path. Returns how many units."""
    contract = _left(tenant)
    if contract is None:
        return 0
    if contract.state == "active" and contract.ends_at is None:
        contracts.cancel(contract, ends_at=_end(tenant, now), now=now)
    restriction.lift(contract, tenant=tenant, now=now)
    gone = _erase(tenant, contract)
    evidence.move(now)
    return gone


class Life:
    """One walk. `wrong` counts by clause what should not have been."""

    def __init__(self, tenant: "Tenant", now: datetime) -> None:
        self.tenant, self.now, self.began = tenant, now, time.time()
        self.planted = canaries.Canaries(policy.current(tenant))
        self.address = f"{canaries.LOCALPART}@{tenant.domain}"
        self.wrong: Counter[str] = Counter()

    def lead(self) -> None:
        """Order, use, receive, read, look, withdraw, end, be erased, prove it."""
        opened = accounts.open_account(self.planted.form, tenant=self.tenant, now=self.now)
        contract = people.contract(self.tenant, opened.contract)
        codes = [opened.recovery_code]
        self._receive()
        self._read(contract)
        with self._session(opened):
            self._look(contract)
        self._correct(contract)
        self._restrict(contract)
        self._withdraw(contract)
        ended = contracts.cancel(contract, ends_at=_end(self.tenant, self.now), now=self.now)
        codes += [ended.collection_code, ended.reclaim_code]
        self._is_closed(contract)
        paper = receipt(self.tenant, contract.id, now=self.now)
        _erase(self.tenant, contract)
        evidence.move(self.now)
        self._is_gone(opened)
        self._is_proven(paper)
        self._leaves_nothing(codes)

    def _expect(self, clause: str, kept: bool) -> None:
        self.wrong[clause] += not kept

    def _receive(self) -> None:
        """A small message and one that becomes a blob."""
        writer = delivery.Writer()
        writer.start()
        try:
            to = delivery.recipient(self.address, now=self.now)
            for message in self.planted.messages(self.address):
                answers = writer.submit(message, [to], received=b"", now=self.now).result(timeout=SECONDS)
                self._expect("C-6.1", answers == [None])
        finally:
            writer.stop()

    def _read(self, contract: "Contract") -> None:
        """The holder reads; whoever else asks is refused (C-4.7)."""
        box = mail.mailbox_of(self.tenant, contract.id)
        raw = b"".join(b"".join(pieces) for *_, pieces in mail.every_raw(mail.opened(box, holder=contract.id)))
        self._expect("C-4.7", all(word.encode() in raw for word in self.planted.written))
        self._expect("C-4.7", _is_refused(lambda: mail.opened(box, holder=uuid4())))
        for role in ("officer", "postmaster", "desk", ""):
            self._expect("C-4.7", _is_refused(lambda role=role: mail.opened_role(box, role=role)))

    @contextmanager
    def _session(self, opened: accounts.Opened) -> Iterator[None]:
        data = {"contract": str(opened.contract), "address": self.planted.core}
        token = sessions.begin(tenant=self.tenant.id, kind="cookie", data=data, now=self.now, person=opened.person)
        try:
            yield
            self._expect("C-6.1", len(sessions.live_of(self.tenant.id, opened.person, self.now)) == 1)
        finally:
            sessions.end(token)
        self._expect("C-2.8", sessions.find(token, tenant=self.tenant.id, now=self.now) is None)

    def _look(self, contract: "Contract") -> None:
        """Everything that was given is in the overview and in the download; the password is in neither."""
        shown = self._shown(contract)
        for word in self.planted.given:
            self._expect("C-6.1", word in shown)
        taken = b"".join(archive(self.tenant, contract.id, now=self.now))
        for word in (*self.planted.given, *self.planted.written):
            self._expect("C-6.2d", word.encode() in taken)
        self._expect("C-6.1", self.planted.form.password not in shown and self.planted.form.password.encode() not in taken)

    def _correct(self, contract: "Contract") -> None:
        """The new value stands, the old one does not, not even as bytes (the scan at the end looks for both)."""
        old, new = self.planted.form.street, self.planted.moved_to
        corrections.correct(contract, tenant=self.tenant, changes={"street": new}, now=self.now)
        shown = self._shown(contract)
        self._expect("C-6.2b", new in shown and old not in shown)

    def _restrict(self, contract: "Contract") -> None:
        """While the person's restriction stands, the desk has no use for the data but answering them; afterwards as before."""
        restriction.restrict(contract, tenant=self.tenant, reason="needed_for_claim", now=self.now)
        for purpose in accesses.ROLES["desk"] - {"dsr"}:
            self._expect("C-6.2c", _is_refused(lambda purpose=purpose: self._ask(contract, purpose)))
        self._expect("C-6.2c", not _is_refused(lambda: self._ask(contract, "dsr")))
        restriction.lift(contract, tenant=self.tenant, now=self.now)
        self._expect("C-6.2c", not _is_refused(lambda: self._ask(contract, "support_with_person")))

    def _ask(self, contract: "Contract", purpose: str) -> None:
        restriction.ask(contract, purpose, tenant=self.tenant, now=self.now)

    def _shown(self, contract: "Contract") -> str:
        seen = overview(self.tenant, contract.id, lang="de", now=self.now)
        return json.dumps([section.records for section in seen.sections], ensure_ascii=False, default=str)

    def _withdraw(self, contract: "Contract") -> None:
        """A voluntary detail goes at once (C-2.6, C-6.2e), and only this one."""
        contracts.withdraw(contract, "nickname", tenant=self.tenant, now=self.now)
        left = [row.field for row in people.voluntary(self.tenant, contract)]
        for clause in ("C-2.6", "C-6.2e"):
            self._expect(clause, left == ["contact_mail"])

    def _is_closed(self, contract: "Contract") -> None:
        """From the end on nothing runs under the contract: no mail, no address (C-2.8)."""
        self._expect("C-2.8", _is_refused(lambda: delivery.recipient(self.address, now=self.now)))
        self._expect("C-2.8", people.address(self.tenant, canaries.LOCALPART) is None)
        contract.refresh_from_db()
        self._expect("C-2.8", contract.state == "ended")

    def _is_gone(self, opened: accounts.Opened) -> None:
        for clause in ("C-4.1", "C-6.2a"):
            self._expect(clause, _is_refused(lambda: people.contract(self.tenant, opened.contract)))
            self._expect(clause, not units.of_subject(self.tenant, opened.person))
        self._expect("C-4.1", _is_refused(lambda: mail.mailbox_of(self.tenant, opened.contract)))
        self._expect("C-4.1", people.address_state(self.tenant, canaries.LOCALPART) == people.FREE)

    def _is_proven(self, paper: dict[str, Any]) -> None:
        """The program that anybody can run finds every unit of the receipt erased, at its date (C-4.1, C-6.2a)."""
        since = paper["head"]["size"] if paper["head"] else 0
        proof = public.proof_for(self.tenant, receipts.commitments(paper), since=since)
        for clause in ("C-4.1", "C-6.2a"):
            self._expect(clause, verified(paper, proof, self.now))

    def _leaves_nothing(self, codes: list[str]) -> None:
        """None of the values lies in any file that has changed since the walk began, in whatever form."""
        report = scan.run([*self.planted.tokens, *codes], now=self.now, changed_since=self.began, most=MOST_SCANNED)
        if report.hits:
            log.event("walk_found", count=len(report.hits))
        for clause in ("C-4.1", "C-6.2a", "C-6.2b"):
            self._expect(clause, not report.hits)


def verified(paper: dict[str, Any], proof: dict[str, Any], now: datetime) -> bool:
    """Does the verifier, as it is given to residents, prove every unit of the receipt at its date, and none by a date put right?"""
    verifier = _verifier()
    try:
        code, lines = verifier.examine(*verifier.papers(json.loads(json.dumps([paper, proof])), None), now.astimezone(UTC))
    except verifier.Forged:
        return False
    return bool(code == verifier.PROVEN) and all(verdict != "corrected" for verdict, _ in lines)


def _verifier() -> ModuleType:
    spec = spec_from_file_location("stadtmail_verify", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _left(tenant: "Tenant") -> "Contract | None":
    """The test resident's contract: by its address while that is open, by the address's quarantine afterwards."""
    address = people.address(tenant, canaries.LOCALPART)
    if address is not None:
        return address.contract
    waiting = people.quarantined(tenant, canaries.LOCALPART)
    return people.contract(tenant, waiting.unit.anchor) if waiting is not None else None


def _end(tenant: "Tenant", now: datetime) -> datetime:
    """A moment so long ago that everything that hangs on a contract's end is due by now."""
    rules = policy.current(tenant)
    for years in range(1, 40):
        at = now - timedelta(days=366 * years)
        dates = [rule.due({"contract_end": at}, rules.tz) for rule in rules.rules.values()]
        if all(due is None or due <= now for due in dates):
            return at
    raise errors.Conflict


def _erase(tenant: "Tenant", contract: "Contract") -> int:
    """Erase each unit at the moment it was due; the quarantine last, by which a crashed walk is found again."""
    rows = [(row.category == "TOMB", row.due_at, row.id) for row in people.units_of(tenant, contract) if row.due_at is not None]
    return sum(erasure.erase([unit], tenant=tenant, now=due, cause="due").erased for _, due, unit in sorted(rows))


def _is_refused(act: Any) -> bool:
    try:
        act()
    except errors.StadtmailError:
        return True
    return False
