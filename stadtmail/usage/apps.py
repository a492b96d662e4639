"""Django's registration of the room. It has no tables: what it holds lies in RAM (usage/privacy.py)."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """The room "usage"."""

    name = "stadtmail.usage"
    label = "usage"

    def ready(self) -> None:
        """Declare what is measured."""
        from stadtmail.usage import proofs

        proofs.declare()
