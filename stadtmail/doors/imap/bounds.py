"""The bounds of the IMAP door: one table, so that nothing a client sends can grow without one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """All bounds, with defaults for a city; tests make them small."""

    message_bytes: int = 50 * 1024 * 1024  # APPENDLIMIT (RFC 7889): what comes in by SMTP is no larger
    appended: int = 1000  # messages in one APPEND (RFC 3502), of which there is held
    appended_bytes: int = 100 * 1024 * 1024  # so much in all,
    held_bytes: int = 1024 * 1024  # and so much in memory
    large_at_once: int = 8  # messages over 64 KiB that are appended at the same time
    line_bytes: int = 64 * 1024  # of a command, and of its small literals together
    strange_bytes: int = 36 * 1024  # the same before login: ID alone may have 30 pairs of 30 and 1,024 octets (RFC 2971 3.3)
    discarded_bytes: int = 64 * 1024 * 1024  # of a LITERAL+ that is refused: it is read and forgotten
    connections: int = 10_000  # of a process
    connections_a_network: int = 200  # of those who have not logged in yet, over all processes
    connections_a_person: int = 50  # over all processes and services
    arrivals_a_minute: int = 600  # new connections from one network
    logins_a_name: int = 30  # failed in a quarter of an hour
    logins_a_network: int = 100
    login_seconds: float = 120.0  # from connecting to being logged in
    silence_seconds: float = 1860.0  # between two commands: RFC 9051 5.4 wants 30 minutes at least
    literal_seconds: float = 120.0  # between two pieces of a literal
    reading_seconds: float = 120.0  # a client that takes nothing of what it asked for
    handshake_seconds: float = 30.0
    still_here_seconds: float = 120.0  # in IDLE, for routers that forget (mail.md: at most five minutes)
    look_seconds: float = 1.0  # how soon a delivery shows in IDLE
    beat_seconds: float = 10.0
    fetched_at_once: int = 50  # messages opened before what was made of them is sent
    trusted_networks: tuple[str, ...] = ("127.0.0.0/24", "::/56", "local")
