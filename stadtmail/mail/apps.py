"""Django's registration of the room."""

from django.apps import AppConfig


class MailConfig(AppConfig):
    """The room "mail"."""

    name = "stadtmail.mail"
    label = "mail"
