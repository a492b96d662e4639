"""What a name means: a folder of one's own, or one that somebody else shares (RFC 2342 "Other Users"), and what may be done there.

A name of somebody else's that is not shared looks like one that nobody has (RFC 4314 6).
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stadtmail.doors.imap.replies import No
from stadtmail.mail import given, queries, shares, views
from stadtmail.mail.given import Given
from stadtmail.mail.views import State

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

OTHERS = f"{given.OTHERS}/"


@dataclass(frozen=True)
class Place:
    """A folder that exists for this client."""

    state: State
    given: Given | None  # None: one's own
    rights: str

    def opened(self, session: "Session", needs: str) -> queries.Opened:
        """The right to do there what these rights allow. Raises No."""
        if not set(needs) <= set(self.rights):
            raise no_permission()
        return session.box if self.given is None else self.given.opened(needs)


async def find(session: "Session", name: str, *, needs: str = "") -> Place:
    """The folder that a name means. Raises NoSuchFolder, No where these rights are missing."""
    found = await session.quick(partial(known, session, name))
    found.opened(session, needs)
    return found


async def all_of(session: "Session") -> list[Place]:
    """All folders that LIST may tell, one's own first."""
    return await session.quick(partial(_all, session))


def known(session: "Session", name: str) -> Place:
    """The same as `find` in a thread, without asking for rights. Raises NoSuchFolder."""
    if not given.is_others(name):
        return Place(views.named(session.box, name), None, shares.OWNER)
    theirs = given.named(session.box, name)
    return Place(theirs.state, theirs, theirs.rights)


def no_permission() -> No:
    """The folder is there, and this may not be done with it."""
    return No("The rights to this mailbox do not allow that", "NOPERM")


def refuse_others(name: str) -> None:
    """Raise No where a name would be one of the folders of others: only their holders make, rename and delete them."""
    if given.is_others(name):
        raise No("Only its owner can do that", "NOPERM")


def _all(session: "Session") -> list[Place]:
    own = [Place(one, None, shares.OWNER) for one in views.states(session.box)]
    return own + [Place(one.state, one, one.rights) for one in given.given(session.box) if "l" in one.rights]
