"""The bounds of the ManageSieve door: one table, so that nothing a client sends can grow without one."""

from dataclasses import dataclass

from stadtmail.wire.sievelex import MOST_TEXT


@dataclass(frozen=True)
class Bounds:
    """All bounds, with defaults for a city; tests make them small."""

    script_bytes: int = MOST_TEXT
    line_bytes: int = 8 * 1024  # of a command without its script
    strange_bytes: int = 4 * 1024  # a command with all its literals before login
    discarded_bytes: int = 4 * 1024 * 1024  # of a script that is too large: it is read and forgotten
    connections: int = 2_000
    connections_a_network: int = 100
    connections_a_person: int = 10
    arrivals_a_minute: int = 300  # new connections from one network
    logins_a_name: int = 30  # failed in a quarter of an hour
    logins_a_network: int = 100
    bad_commands: int = 50
    login_seconds: float = 120.0  # from connecting to being logged in
    silence_seconds: float = 1860.0  # between two commands (RFC 5804 1.2: 30 minutes at least)
    literal_seconds: float = 60.0
    reading_seconds: float = 60.0  # a client that takes nothing of what it asked for
    handshake_seconds: float = 30.0
    beat_seconds: float = 10.0
    look_seconds: float = 1.0  # how soon a revoked password shows
    trusted_networks: tuple[str, ...] = ("127.0.0.0/24", "::/56", "local")
