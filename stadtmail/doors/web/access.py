"""Who may see a page: a resident whose contract lives, or somebody at the desk. Everybody else goes to the login."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.http.response import HttpResponseBase

from stadtmail.doors.web import login
from stadtmail.doors.web.request import PortalRequest

P = ParamSpec("P")
Page = Callable[Concatenate[PortalRequest, P], HttpResponseBase]


def resident(page: Page[P]) -> Page[P]:
    """The page needs a logged-in resident."""

    @wraps(page)
    def guarded(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.visit is None or "contract" not in request.visit.session.data:
            return login.to_login(request)
        return page(request, *args, **kwargs)

    return guarded


def staff(page: Page[P]) -> Page[P]:
    """The page needs somebody at the desk."""

    @wraps(page)
    def guarded(request: PortalRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.visit is None or request.visit.session.staff is None:
            return login.to_desk(request)
        return page(request, *args, **kwargs)

    return guarded


def contract_id(request: PortalRequest) -> UUID:
    """The contract of the logged-in resident."""
    assert request.visit is not None
    return UUID(request.visit.session.data["contract"])
