"""Evidence is only ever added: the database itself refuses to change or delete it, whatever code asks (SQLite triggers).

Leaves, nodes, heads, commitments, notices and public keys never change. An entry of the ledger goes forward only: its step
grows, its moments are set once, what it names stays. This stops mistakes of ours; against somebody with the file there are the
signed tree and the witness.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

# table -> the columns that make a row one of a kind: "INSERT OR REPLACE" would delete such a row without asking a trigger
ADDED: dict[str, tuple[str, ...]] = {
    "privacy_leaf": ("tenant", "index"),
    "privacy_node": ("tenant", "level", "index"),
    "privacy_head": ("tenant", "size"),
    "privacy_commitment": ("tenant", "leaf", "position"),
    "privacy_noticeversion": ("tenant", "version"),
    "privacy_noticetext": ("tenant", "version", "wording", "lang"),
    "privacy_publickey": ("tenant", "key"),
}
LEDGER = "privacy_ledgerentry"
NAMED = (
    "erasure", "tenant", "category", "rule_due", "rule_known", "units", "keys", "commitments", "cause", "late", "intent_at", "test",
    "synthetic",
)  # fmt: skip
ONCE = ("keys_gone_at", "done_at")


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers. Idempotent; on another database than SQLite an insert-only role has to hold this (docs/operate.md)."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        for name, statement in triggers().items():
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            cursor.execute(statement)


def triggers() -> dict[str, str]:
    """Name of each trigger -> its statement."""
    made: dict[str, str] = {}
    for table, columns in ADDED.items():
        one = " AND ".join(f'"{column}" = NEW."{column}"' for column in columns)
        made |= _trigger(table, "UPDATE", "1")
        made |= _trigger(table, "INSERT", f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id OR ({one}))")  # noqa: S608 - names of ours
    changed = [f'NEW."{column}" IS NOT OLD."{column}"' for column in NAMED]
    again = [f'(OLD."{column}" IS NOT NULL AND NEW."{column}" IS NOT OLD."{column}")' for column in ONCE]
    made |= _trigger(LEDGER, "UPDATE", " OR ".join([*changed, *again, "NEW.step < OLD.step"]))
    known = f"EXISTS (SELECT 1 FROM {LEDGER} WHERE erasure = NEW.erasure)"  # noqa: S608 - names of ours
    made |= _trigger(LEDGER, "INSERT", known, answer="IGNORE")
    for table in (*ADDED, LEDGER):
        made |= _trigger(table, "DELETE", "1")
    return made


def _trigger(table: str, event: str, when: str, answer: str = "ABORT, 'evidence is append-only'") -> dict[str, str]:
    name = f"{table}_no_{event.lower()}"
    return {name: f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE({answer}); END"}
