"""The URL table."""

urlpatterns: list[object] = []
