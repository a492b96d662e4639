"""Every page of the portal, and the pages for what goes wrong outside of them."""

from stadtmail.doors.web import errors
from stadtmail.doors.web.urls import urlpatterns

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.page_not_found
handler500 = errors.server_error

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]
