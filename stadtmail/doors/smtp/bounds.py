"""The bounds of the SMTP door: one table, so that nothing a client sends can grow without one. Times of waiting: RFC 5321 4.5.3.2."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """All bounds, with defaults for a city; tests make them small."""

    message_bytes: int = 50 * 1024 * 1024  # announced as SIZE: attachments of 25 MB grow by a third on their way
    memory_bytes: int = 256 * 1024  # of one message; what is longer is spooled, sealed
    large_at_once: int = 100  # of those, because each needs some MiB while it comes; the next ones wait
    line_bytes: int = 2048  # a command with its parameters
    flood_bytes: int = 1024 * 1024  # of one line that does not end
    recipients: int = 100
    errors: int = 20  # refused commands in one connection
    connections: int = 1000
    connections_a_network: int = 50
    arrivals_a_minute: int = 600  # new connections from one network
    strangers: int = 200  # unknown recipients asked for by one network: nobody lists residents here;
    memory_seconds: int = 600  # for so long they are counted, shorter where a city promises it (limit `throttle`)
    command_seconds: float = 300.0
    data_seconds: float = 180.0
    busy_seconds: float = 15.0  # in place of both while nine of ten places are taken
    session_seconds: float = 7200.0
    grace_seconds: float = 300.0  # a message may be slow for so long,
    slowest_bytes_a_second: int = 1024  # and then has to have this on average
    delivery_seconds: float = 120.0
    handshake_seconds: float = 30.0
    beat_seconds: float = 10.0
    watch_seconds: float = 1.0  # how soon a connection is cut whose password was revoked
    trusted_networks: tuple[str, ...] = ("127.0.0.0/24", "::/56", "local")  # a relay or test of our own: no limit per network
