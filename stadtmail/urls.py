"""Every page of the portal, twice: German without a prefix, English under /en/ (no cookie is needed to choose)."""

from stadtmail.doors.web.urls import urlpatterns

__all__ = ["urlpatterns"]
