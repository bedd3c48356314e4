"""Meters: which events count, and how they are added up; what a meter said before it was redefined."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.entities import Entity, append_only
from metering.models import guards


class Definition(models.Model):
    """How events become a number. `property` is a property's name or an expression over properties."""

    class Aggregation(models.TextChoices):
        COUNT = "count", "Count of events"
        SUM = "sum", "Sum of a property"
        MAX = "max", "Highest value of a property"
        MIN = "min", "Lowest value of a property"
        UNIQUE = "unique", "Number of different values of a property"
        LATEST = "latest", "Latest value of a property"
        AVERAGE = "average", "Average of a property"
        WEIGHTED = "weighted", "Sum of a property, weighted by the time it was held"

    class Window(models.TextChoices):
        MINUTE = "minute", "Minute"
        HOUR = "hour", "Hour"
        DAY = "day", "Day"
        MONTH = "month", "Month"

    class Over(models.TextChoices):
        SUM = "sum", "Sum"
        MAX = "max", "Highest"
        MIN = "min", "Lowest"
        AVERAGE = "average", "Average"
        COUNT = "count", "Number"
        UNIQUE = "unique", "Number of different ones"

    event_type = models.CharField(max_length=120)
    aggregation = models.CharField(max_length=10, choices=Aggregation.choices)
    property = models.CharField(
        max_length=500, blank=True, help_text="what is added up: an event's property, or an expression over properties"
    )
    filters = models.JSONField(
        default=dict, blank=True, help_text='only events whose property has one of these values: {"region": ["eu"]}'
    )
    condition = models.CharField(
        max_length=500, blank=True, help_text="only events of which this is true: region = 'eu' AND NOT test"
    )
    dimensions = ArrayField(
        models.CharField(max_length=60),
        default=list,
        blank=True,
        help_text="properties by which prices and pages tell this usage apart; kept in the daily totals",
    )
    window = models.CharField(
        max_length=10, choices=Window.choices, blank=True, help_text="added up for each of these first"
    )
    window_zone = models.CharField(max_length=60, default="UTC", help_text="whose calendar the windows follow")
    per = models.CharField(max_length=60, blank=True, help_text="added up for each value of this property first")
    over = models.CharField(
        max_length=10, choices=Over.choices, blank=True, help_text="what becomes of the windows' or values' numbers"
    )
    carries_over = models.BooleanField(
        default=False, help_text="what was there when a period starts still counts in it: seats, storage"
    )

    class Meta:
        abstract = True


class Meter(Entity, Definition):
    """What usage is measured by; its definition is the present one, `versions` are those it had before."""

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    unit = models.CharField(max_length=40, default="unit", help_text="what one is called: token, call, GB")

    class Meta(Entity.Meta):
        ordering = ["key"]
        triggers = [*Entity.Meta.triggers, guards.billed_definitions_stay()]
        constraints = [
            models.CheckConstraint(
                condition=Q(aggregation="count") | ~Q(property=""), name="meters_other_than_count_name_a_property"
            ),
            models.CheckConstraint(
                condition=Q(over="", window="", per="") | (~Q(over="") & (~Q(window="") | ~Q(per=""))),
                name="meters_with_two_steps_say_both",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MeterVersion(Definition):
    """A definition a meter had: it measures the periods that start before `until`, for ever."""

    meter = models.ForeignKey(Meter, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    until = models.DateTimeField(help_text="periods that start from then on are measured by the next definition")

    class Meta:
        ordering = ["meter", "number"]
        constraints = [
            models.UniqueConstraint(fields=["meter", "number"], name="a_meters_versions_are_numbered"),
            models.UniqueConstraint(fields=["meter", "until"], name="one_version_ends_at_an_instant"),
        ]
        triggers = [*append_only("a former definition never changes"), guards.versions_are_what_was_said()]

    def __str__(self) -> str:
        return f"{self.meter} version {self.number}"
