"""Reading what was sent: forms in UTF-8 and nothing else, and whoever sends slowly holds one of few places (places.py)."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from stadtmail.doors.web import origin
from stadtmail.doors.web.places import Place

FORM = "application/x-www-form-urlencoded"  # a part of another kind would be ignored instead of refused (C-2.1)


def read(request: HttpRequest) -> None:
    """Read the form, so that nothing later waits for its sender. Raises places.NoPlace, BadRequest for what is no form in UTF-8."""
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type != FORM or charset.lower() != "utf-8":
        raise BadRequest
    with Place(origin.network(request)):
        request.body  # noqa: B018 - reading is the point; Django keeps it
