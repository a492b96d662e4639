"""Django's registration of the door (templates, static files, translations)."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The web door."""

    name = "stadtmail.doors.web"
    label = "web"
