"""Django's registration of the room."""

from django.apps import AppConfig


class MailConfig(AppConfig):
    """The room "mail"."""

    name = "stadtmail.mail"
    label = "mail"

    def ready(self) -> None:
        """Declare what lies in the tables."""
        from stadtmail.mail import privacy

        privacy.register()
