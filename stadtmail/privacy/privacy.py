"""What privacy, the vault and the cities hold themselves: random ids, dates and proofs, nothing about anybody."""

from stadtmail.kit.holdings import Holding
from stadtmail.privacy import holdings
from stadtmail.vault.privacy import HOLDINGS as VAULT

ID, CITY, STATE = "random id", "the city", "a closed word"
NEWS = "what a city says to everybody; names nobody, and a mail address is refused"
DUE = "a date of the rule, hanging on a random id"
PROOF = "proof without personal data: closed vocabulary, random ids"


def _harmless(table: str, **columns: str) -> Holding:
    return Holding(table=table, personal={}, harmless=columns)


def register() -> None:
    """Declare the tables of tenants, vault and privacy."""
    holdings.register(
        *VAULT,
        _harmless("tenants.Tenant", id=ID, slug=CITY, domain=CITY, is_open="mark of the city"),
        _harmless("tenants.Host", name="host name of the city", tenant=CITY, bare="which city answers without a name"),
        _harmless(
            "tenants.News", id="a number", tenant=CITY, begins_at=NEWS, ends_at=NEWS,
            title_de=NEWS, title_en=NEWS, text_de=NEWS, text_en=NEWS,
        ),
        _harmless(
            "privacy.Unit", id=ID, tenant=CITY, subject="random id of a person, named nowhere else in clear", category=STATE,
            anchor_kind=STATE, anchor=ID, key=ID, commitment="random bytes, sealed", state=STATE, policy="version", keep_until=DUE,
            due_at=DUE, known_at=DUE, synthetic="mark of the standing test resident", erasure=ID,
        ),
        _harmless(
            "privacy.Event", id=ID, tenant=CITY, anchor_kind=STATE, anchor=ID, name=STATE, at=DUE, recorded_at=DUE, revoked_at=DUE,
        ),
        _harmless(
            "privacy.Hold", id=ID, tenant=CITY, type=STATE, reason="code of a closed list", placed_by="role and random id",
            approved_by="role and random id", placed_at=DUE, review_at=DUE, ends_at=DUE, released_at=DUE,
        ),
        _harmless("privacy.HoldItem", id="row number", hold=ID, unit=ID),
        _harmless("privacy.Outbox", id=ID, tenant=CITY, leaf=PROOF, commitments=PROOF, made_at=DUE),
        _harmless(
            "privacy.LedgerEntry", erasure=ID, tenant=CITY, category=STATE, rule_due=DUE, rule_known=DUE, units="random ids",
            keys="random ids", commitments=PROOF, cause=STATE, late="number", step="number", intent_at=DUE, keys_gone_at=DUE,
            done_at=DUE, test="mark", synthetic="mark of the standing test resident",
        ),
        _harmless("privacy.Leaf", id="row number", tenant=CITY, index="number", data=PROOF, outbox=ID),
        _harmless("privacy.Node", id="row number", tenant=CITY, level="number", index="number", digest="hash of hashes"),
        _harmless("privacy.Head", id="row number", tenant=CITY, size="number", root=PROOF, signed_at=DUE, signature=PROOF, test="mark"),
        _harmless("privacy.Commitment", id="row number", tenant=CITY, leaf="number", position="number", digest=PROOF),
        _harmless("privacy.PublicKey", id="row number", tenant=CITY, key="public key of the city", since=DUE),
        _harmless("privacy.Generation", id="row number", number="steps of this instance"),
        _harmless("privacy.Lived", id="row number", number="steps of this instance"),
        _harmless("privacy.Watermark", name=STATE, at="a moment of the machine", paused="mark"),
        _harmless(
            "privacy.Proof", id="row number", tenant=CITY, clause=STATE, figure=STATE, value="number", kept="mark", real="mark",
            at=DUE, leaf="number",
        ),
        _harmless("privacy.NoticeVersion", id="row number", tenant=CITY, version="number", digest="hash of the policy",
                  source="the city's published policy", since=DUE),
        _harmless("privacy.NoticeText", id="row number", tenant=CITY, version="number", wording="number", lang=STATE,
                  digest="hash of the notice", text="the city's published notice", since=DUE),
    )  # fmt: skip
