"""Who may see a page: a resident whose contract lives, somebody at the desk, whoever reads a mailbox. Everybody else: the login.

The rooms ask again (C-4.7: "a holder, or nothing"); this is the first door, not the only one. A page gets what it may see
handed in, so that no page can forget to ask.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec
from uuid import UUID

from django.http import HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse, set_script_prefix

from stadtmail.doors.web import cookies, login
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import errors
from stadtmail.mail import queries as mail
from stadtmail.mail import wraps as keys
from stadtmail.people import queries as people
from stadtmail.people.actions import accesses
from stadtmail.usage import sessions

if TYPE_CHECKING:
    from stadtmail.people.models import Contract

P = ParamSpec("P")
Page = Callable[P, HttpResponseBase]
MAIL_ROLES = frozenset({"officer"})  # who of the staff reads a mailbox: the officer reads the officer's; the desk reads none


class NotThisRole(errors.NotAllowed):
    """Somebody of the staff asked for a page of another role."""


@dataclass(frozen=True)
class Box:
    """A mailbox that its reader may open: `opened` is the mail room's, `role` is empty for a resident's own."""

    opened: Any
    mailbox: Any
    role: str = ""


def resident(page: "Page[Concatenate[PortalRequest, Contract, P]]") -> "Page[Concatenate[PortalRequest, P]]":
    """The page needs a logged-in resident and gets the contract. A session ends with its contract (C-2.8)."""

    @wraps(page)
    def guarded(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.visit is None or "contract" not in request.visit.session.data:
            return login.to_login(request)
        contract = _living(request)
        return page(request, contract, *args, **kwargs) if contract else ended(request)

    return guarded


def desk(page: "Page[Concatenate[PortalRequest, UUID, P]]") -> "Page[Concatenate[PortalRequest, P]]":
    """The page needs somebody at the desk and gets their random id. Raises NotThisRole."""

    @wraps(page)
    def guarded(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.visit is None or request.visit.session.staff is None:
            return HttpResponseRedirect(reverse("desk_login"))
        if _role(request, request.visit.session.staff) != "desk":
            raise NotThisRole
        return page(request, request.visit.session.staff, *args, **kwargs)

    return guarded


def staff(page: "Page[Concatenate[PortalRequest, UUID, P]]") -> "Page[Concatenate[PortalRequest, P]]":
    """The page needs somebody of the staff, in whichever role, and gets their random id."""

    @wraps(page)
    def guarded(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.visit is None or request.visit.session.staff is None:
            return HttpResponseRedirect(reverse("desk_login"))
        _role(request, request.visit.session.staff)
        return page(request, request.visit.session.staff, *args, **kwargs)

    return guarded


def reader(page: Page[Concatenate[PortalRequest, Box, P]]) -> Page[Concatenate[PortalRequest, P]]:
    """The page shows mail: a resident's own, or the officer's to the officer. Raises NotThisRole for the desk (C-4.7)."""

    @wraps(page)
    def guarded(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        session = request.visit.session if request.visit else None
        if session is None or not (session.staff or "contract" in session.data):
            return login.to_login(request)
        if session.staff is not None:
            return page(request, _role_box(request, _role(request, session.staff)), *args, **kwargs)
        contract = _living(request)
        if contract is None:
            return ended(request)
        try:
            box = _own_box(request, contract)
        except mail.Locked:  # the page says why, and what helps
            return HttpResponseRedirect(reverse("sealing"))
        return page(request, box, *args, **kwargs)

    return guarded


def writer(page: "Page[Concatenate[PortalRequest, Box, P]]") -> "Page[Concatenate[PortalRequest, P]]":
    """The page writes mail: residents only. Raises NotThisRole for everybody of the staff."""

    @reader
    @wraps(page)
    def guarded(request: PortalRequest, box: Box, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if box.role:
            raise NotThisRole
        return page(request, box, *args, **kwargs)

    return guarded


def ended(request: PortalRequest) -> HttpResponseBase:
    """The contract has ended, so has the session; what is left to do is collecting."""
    was_cookie = leave(request)
    response = HttpResponseRedirect(reverse("collect"))
    if was_cookie:
        cookies.take_back(request, response)
    return response


def leave(request: PortalRequest) -> bool:
    """End the session of this request: what follows belongs to nobody, its links carry no token. True: there was a cookie."""
    was_cookie = request.visit is not None and request.visit.kind == "cookie"
    if request.visit is not None:
        sessions.end(request.visit.token)
    request.visit, request.session_prefix = None, ""
    set_script_prefix("/en/" if request.language == "en" else "/")
    return was_cookie


def _living(request: PortalRequest) -> "Contract | None":
    assert request.visit is not None
    try:
        contract = people.contract(request.city, UUID(request.visit.session.data["contract"]))
    except people.NoSuchContract:
        return None
    runs = contract.ends_at is None or contract.ends_at > request.now
    return contract if contract.state == "active" and runs else None


def _role(request: PortalRequest, staff: UUID) -> str:
    """The role that somebody of the staff has today. Raises accesses.NotStaff for somebody whose role has ended."""
    return str(accesses.staff(request.city, staff, "dsr", now=request.now).role)


def halves(request: PortalRequest) -> keys.Halves:
    """What opens the sealed mailbox of whoever is logged in; nothing for a standard one."""
    return keys.unpacked(request.visit.session.data) if request.visit else {}


def _own_box(request: PortalRequest, contract: "Contract") -> Box:
    mailbox = mail.mailbox_of(request.city, contract.id)
    return Box(mail.opened(mailbox, holder=contract.id, halves=halves(request)), mailbox)


def _role_box(request: PortalRequest, role: str) -> Box:
    if role not in MAIL_ROLES:
        raise NotThisRole
    mailbox = mail.role_mailbox(request.city, role)
    return Box(mail.opened_role(mailbox, role=role), mailbox, role)
