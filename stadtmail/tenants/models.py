"""A city that uses this instance. Its parties, periods and texts live in its policy file, not here."""

from uuid import uuid4

from django.db import models


class Tenant(models.Model):
    """One city: the controller of everything that hangs on it. `slug` names its policy file (policies/<slug>.toml)."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    slug = models.CharField(max_length=63, unique=True)
    domain = models.CharField(max_length=253, unique=True)
    is_open = models.BooleanField(default=True)  # closed: its policy does not hold (C-1.2); its erasures go on

    def __str__(self) -> str:
        return f"tenant {self.id}"


class Host(models.Model):
    """A host name on which the city's portal answers; an unknown one gets 421. The first city also has the bare address."""

    name = models.CharField(max_length=253, primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="hosts")
    bare = models.BooleanField(default=False)  # this city also answers on the bare address (one city of the instance)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bare"], condition=models.Q(bare=True), name="one_city_on_the_bare_address"),
        ]

    def __str__(self) -> str:
        return f"host {self.pk}"


class News(models.Model):
    """What a city has to say to everybody who uses its portal, from a moment until another. It names nobody."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="news")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    title_de = models.CharField(max_length=120)
    title_en = models.CharField(max_length=120)
    text_de = models.CharField(max_length=1000)
    text_en = models.CharField(max_length=1000)

    class Meta:
        indexes = [models.Index(fields=["tenant", "ends_at"], name="news_of_a_city")]

    def __str__(self) -> str:
        return f"news {self.pk}"
