"""Django's registration of the room; its own tables, the vault's and the cities' are declared here."""

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    """The room "privacy"."""

    name = "stadtmail.privacy"
    label = "privacy"

    def ready(self) -> None:
        """Declare what lies in the tables, and what is measured."""
        from stadtmail.privacy import measures, privacy

        privacy.register()
        measures.declare()
