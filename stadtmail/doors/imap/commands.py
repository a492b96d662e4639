"""The table of commands: what does each, in which state it may come, and whether EXPUNGE may be told with its answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from stadtmail.doors.imap import changing, fetching, foldering, idling, listing, quota, searching, selecting, sharing, signing, sorting
from stadtmail.doors.imap.signing import BEGIN_TLS, BYE, capabilities, change_to_tls
from stadtmail.wire.imap import Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

__all__ = ["BEGIN_TLS", "BYE", "TABLE", "capabilities", "change_to_tls"]
Run = Callable[["Session", Cursor], Awaitable[bytes]]


@dataclass(frozen=True)
class Command:
    """One command. `state`: any | quiet (any, and nothing is told with it) | stranger | known | selected."""

    run: Run
    state: str
    may_expunge: bool = True


TABLE: dict[str, Command] = {
    "CAPABILITY": Command(signing.capability, "any"),
    "NOOP": Command(signing.noop, "any"),
    "LOGOUT": Command(signing.logout, "quiet"),
    "ID": Command(signing.identify, "any"),
    "STARTTLS": Command(signing.starttls, "stranger"),
    "LOGIN": Command(signing.login, "stranger"),
    "AUTHENTICATE": Command(signing.authenticate, "stranger"),
    "ENABLE": Command(signing.enable, "known"),
    "NAMESPACE": Command(listing.namespace, "known"),
    "LIST": Command(listing.listed, "known"),
    "LSUB": Command(listing.subscribed, "known"),
    "STATUS": Command(listing.status, "known"),
    "GETQUOTA": Command(quota.of_root, "known"),
    "GETQUOTAROOT": Command(quota.root, "known"),
    "GETACL": Command(sharing.getacl, "known"),
    "SETACL": Command(sharing.setacl, "known"),
    "DELETEACL": Command(sharing.deleteacl, "known"),
    "LISTRIGHTS": Command(sharing.listrights, "known"),
    "MYRIGHTS": Command(sharing.myrights, "known"),
    "CREATE": Command(foldering.create, "known"),
    "DELETE": Command(foldering.delete, "known"),
    "RENAME": Command(foldering.rename, "known"),
    "SUBSCRIBE": Command(partial(foldering.subscribe, on=True), "known"),
    "UNSUBSCRIBE": Command(partial(foldering.subscribe, on=False), "known"),
    "APPEND": Command(changing.append, "known"),
    "SELECT": Command(partial(selecting.select, read_only=False), "known"),
    "EXAMINE": Command(partial(selecting.select, read_only=True), "known"),
    "IDLE": Command(idling.idle, "known"),
    "CLOSE": Command(selecting.close, "selected"),
    "UNSELECT": Command(selecting.unselect, "selected"),
    "CHECK": Command(signing.noop, "selected"),
    "EXPUNGE": Command(partial(changing.expunge, uid=False), "selected"),
    "UID EXPUNGE": Command(partial(changing.expunge, uid=True), "selected"),
    "FETCH": Command(partial(fetching.fetch, uid=False), "selected", may_expunge=False),
    "UID FETCH": Command(partial(fetching.fetch, uid=True), "selected"),
    "STORE": Command(partial(changing.store, uid=False), "selected", may_expunge=False),
    "UID STORE": Command(partial(changing.store, uid=True), "selected"),
    "SEARCH": Command(partial(searching.search, uid=False), "selected", may_expunge=False),
    "UID SEARCH": Command(partial(searching.search, uid=True), "selected"),
    "SORT": Command(partial(sorting.sort, uid=False), "selected", may_expunge=False),
    "UID SORT": Command(partial(sorting.sort, uid=True), "selected"),
    "THREAD": Command(partial(sorting.thread, uid=False), "selected", may_expunge=False),
    "UID THREAD": Command(partial(sorting.thread, uid=True), "selected"),
    "COPY": Command(partial(changing.copy, uid=False), "selected"),
    "UID COPY": Command(partial(changing.copy, uid=True), "selected"),
    "MOVE": Command(partial(changing.move, uid=False), "selected"),
    "UID MOVE": Command(partial(changing.move, uid=True), "selected"),
}
