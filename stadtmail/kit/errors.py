"""The five kinds of things that a room could not do; each door owns one table kind -> protocol code.

Rooms subclass these beside the action that raises them. Anything else is a bug and is answered "try later".
Texts carry no personal data: they may reach a log.
"""


class StadtmailError(Exception):
    """Base of everything that is expected to go wrong."""


class NotFound(StadtmailError):
    """The thing does not exist, or not for this reader: the two look the same from outside."""


class NotAllowed(StadtmailError):
    """The thing exists, and this reader or this moment may not do that with it."""


class Conflict(StadtmailError):
    """Someone else was first, or the state does not allow it any more."""


class OverQuota(StadtmailError):
    """A limit of size, number or rate is reached."""


class TryLater(StadtmailError):
    """Not now; the same request may succeed later."""
