"""Which table lies in which store: `store` on a model's class names it, otherwise `default`. No relation crosses stores."""

from typing import Any

from django.apps import apps
from django.db.models import Model


def store_of(model: type[Model]) -> str:
    """Name of the database in which the model's table lies."""
    return str(getattr(model, "store", "default"))


class Router:
    """Django's database router over `store_of`."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        return store_of(model)

    def db_for_write(self, model: type[Model], **_hints: Any) -> str:
        return store_of(model)

    def allow_relation(self, obj1: Model, obj2: Model, **_hints: Any) -> bool:
        return store_of(type(obj1)) == store_of(type(obj2))

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **_hints: Any) -> bool | None:
        if model_name is None:
            return None
        return store_of(apps.get_model(app_label, model_name)) == db
