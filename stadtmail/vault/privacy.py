"""What the vault holds: keys and machines, which are nobody's data. The room privacy registers this (it stands above)."""

from stadtmail.kit.holdings import Holding

HOLDINGS = [
    Holding(
        table="vault.Key",
        personal={},
        harmless={
            "id": "random id",
            "tenant": "the city",
            "kind": "what the key is for, a closed word",
            "epoch": "number of the day's key that wraps it",
            "wrapped": "random bytes, wrapped",
            "made_at": "to the hour; finds keys whose row never came",
        },
    ),
    Holding(
        table="vault.Machine",
        personal={},
        harmless={"id": "digest of a machine's running kernel and file, no person's", "until": "when its copies have ended at the latest"},
    ),
]
