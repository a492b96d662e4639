"""Django's registration of the room."""

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    """The room "privacy"."""

    name = "stadtmail.privacy"
    label = "privacy"
