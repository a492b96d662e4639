"""Django's registration of the room."""

from django.apps import AppConfig


class MailConfig(AppConfig):
    """The room "mail"."""

    name = "stadtmail.mail"
    label = "mail"

    def ready(self) -> None:
        """Declare what lies in the tables, and what is measured."""
        from stadtmail.mail import privacy, proofs

        privacy.register()
        proofs.declare()
