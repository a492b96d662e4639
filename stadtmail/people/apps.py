"""Django's registration of the room."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """The room "people"."""

    name = "stadtmail.people"
    label = "people"

    def ready(self) -> None:
        """Declare what lies in the tables, and what is measured."""
        from stadtmail.people import privacy, proofs

        privacy.register()
        proofs.declare()
