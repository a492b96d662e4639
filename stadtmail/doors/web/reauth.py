"""The password once more, before something that cannot be undone or that leaves the house; and the inputs for a new one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from stadtmail.doors.web import throttle
from stadtmail.doors.web.fields import Field, Problem
from stadtmail.doors.web.request import PortalRequest
from stadtmail.people import orders
from stadtmail.people.actions import credentials

if TYPE_CHECKING:
    from stadtmail.people.models import Contract


def field(error: str = "") -> Field:
    """The input for the present password. Never filled in by us."""
    hint = _("Zu Ihrer Sicherheit fragen wir noch einmal nach Ihrem Passwort.")
    return Field("password", _("Ihr Passwort"), hint=hint, type="password", autocomplete="current-password", error=error, maxlength=200)


def new_password(wrong: Mapping[str, str]) -> tuple[Field, Field]:
    """The inputs for a new password and its repetition, with what is wrong with them."""

    def made(name: str, label: str, hint: str = "") -> Field:
        return Field(name, label, hint=hint, type="password", autocomplete="new-password", error=wrong.get(name, ""), maxlength=200)

    hint = _("Mindestens %(count)s Zeichen. Vier zufällige Wörter sind gut zu merken.") % {"count": orders.SHORTEST_PASSWORD}
    return made("password_new", _("Neues Passwort"), hint), made("password_again", _("Neues Passwort wiederholen"))


def problems(request: PortalRequest, contract: "Contract", password: str) -> list[Problem]:
    """What is wrong with the present password: throttled like a login. Empty when it is the password. Raises throttle.TooManyTries."""
    try:
        with throttle.failures(request, "reauth", str(contract.id)):
            credentials.check_password(contract, password, tenant=request.city)
    except credentials.WrongCredentials:
        return [Problem("password", _("Das Passwort stimmt nicht. Es ist nichts geschehen."))]
    return []
