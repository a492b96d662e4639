"""The password once more, before something that cannot be undone or that leaves the house. Throttled like a login."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from stadtmail.doors.web import login
from stadtmail.doors.web.fields import Field, Problem
from stadtmail.doors.web.request import PortalRequest
from stadtmail.people.actions import credentials

if TYPE_CHECKING:
    from stadtmail.people.models import Contract


def field(error: str = "") -> Field:
    """The input for the present password. Never filled in by us."""
    hint = _("Zu Ihrer Sicherheit fragen wir noch einmal nach Ihrem Passwort.")
    return Field("password", _("Ihr Passwort"), hint=hint, type="password", autocomplete="current-password", error=error, maxlength=200)


def problems(request: PortalRequest, contract: "Contract", password: str) -> list[Problem]:
    """Empty when it is the password. Raises login.TooManyTries."""
    login.throttle(request, "reauth", str(contract.id))
    try:
        credentials.check_password(contract, password, tenant=request.city)
    except credentials.WrongCredentials:
        return [Problem("password", _("Das Passwort stimmt nicht. Es ist nichts geschehen."))]
    return []
