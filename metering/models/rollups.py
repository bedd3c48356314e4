"""Daily totals, kept beside the events and exact against them at all times (see `metering.postgres.rollups`)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from metering.models.fields import ExactNumber
from metering.models.meters import Meter


class RollupSeries(models.Model):
    """One definition of a meter whose daily totals are kept. `definition` is what was rolled up, as JSON.

    `is_ready` says that every batch marked as rolled up is in them; until then questions go to the events.
    """

    meter = models.ForeignKey(Meter, models.CASCADE, related_name="series")
    definition = models.JSONField()
    digest = models.CharField(max_length=64, help_text="of the definition")
    is_ready = models.BooleanField(default=False)
    since = models.DateField(null=True, help_text="the first day it covers: events before were retired already")

    class Meta:
        verbose_name_plural = "rollup series"
        constraints = [models.UniqueConstraint(fields=["meter", "digest"], name="one_series_for_a_definition")]

    def __str__(self) -> str:
        return f"daily totals of {self.meter}"


class UsageRollup(models.Model):
    """What one customer's events of one UTC day come to, for one series and one combination of dimensions.

    `moment` is the sum of value × seconds since 1970, from which time-weighted sums follow exactly. A row stays when
    its events are void (then `events` is 0): `batch` says since when.
    """

    pk = models.CompositePrimaryKey("series", "customer_key", "day", "is_billable", "parts")
    series = models.ForeignKey(RollupSeries, models.CASCADE, db_constraint=False, db_index=False)
    customer_key = models.CharField(max_length=120)
    day = models.DateField()
    is_billable = models.BooleanField()
    parts = ArrayField(models.TextField(null=True), help_text="the values of the meter's dimensions")
    events = models.BigIntegerField(help_text="that carry what is added up")
    total = ExactNumber(null=True)
    moment = ExactNumber(null=True)
    highest = ExactNumber(null=True)
    lowest = ExactNumber(null=True)
    latest = ExactNumber(null=True)
    latest_at = models.DateTimeField(null=True)
    latest_event = models.BigIntegerField(null=True, help_text="its number, which decides between equal times")
    batch = models.BigIntegerField(help_text="the newest that changed it: at a cut-off before, the events are asked")

    def __str__(self) -> str:
        return f"{self.customer_key} on {self.day}"


class UsageRollupValue(models.Model):
    """That a value was seen on a day: what exact numbers of different values are counted from."""

    pk = models.CompositePrimaryKey("series", "customer_key", "day", "is_billable", "parts", "value")
    series = models.ForeignKey(RollupSeries, models.CASCADE, db_constraint=False, db_index=False)
    customer_key = models.CharField(max_length=120)
    day = models.DateField()
    is_billable = models.BooleanField()
    parts = ArrayField(models.TextField(null=True))
    value = models.TextField()

    def __str__(self) -> str:
        return f"{self.value} of {self.customer_key} on {self.day}"
