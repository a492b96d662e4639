"""The octets of a connection for filters: each answer is sent at once (RFC 5804)."""

from stadtmail.kit.octets import Gone, Interrupted, Lines, TimedOut, TooLong

__all__ = ["Gone", "Interrupted", "Stream", "TimedOut", "TooLong"]


class Stream(Lines):
    """One connection's octets in and out."""

    __slots__ = ()

    def write(self, data: bytes) -> None:
        """Say something."""
        self._out += data
        self.flush()
