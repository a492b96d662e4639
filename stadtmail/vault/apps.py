"""Django's registration of the room."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """The room "vault"."""

    name = "stadtmail.vault"
    label = "vault"
