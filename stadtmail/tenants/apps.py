"""Django's registration of the room."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """The room "tenants"."""

    name = "stadtmail.tenants"
    label = "tenants"
