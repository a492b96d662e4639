"""Django's registration of the room."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """The room "people"."""

    name = "stadtmail.people"
    label = "people"

    def ready(self) -> None:
        """Declare what lies in the tables."""
        from stadtmail.people import privacy

        privacy.register()
