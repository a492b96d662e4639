"""Django's registration of the door (templates, static files, translations), and of what it measures."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The web door."""

    name = "stadtmail.doors.web"
    label = "web"

    def ready(self) -> None:
        """Declare what is measured here."""
        from stadtmail.doors.web import proofs

        proofs.declare()
