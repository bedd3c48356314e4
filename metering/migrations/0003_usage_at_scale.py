"""Tables of types, definitions, batches, identities, daily totals, corrections, flags, outcomes and moves."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.conf import settings
from django.db import migrations, models

import metering.models.events
import metering.models.fields
import metering.models.outcomes


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0001_initial"),
        ("metering", "0002_find_usage_by_time"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CustomerAlias",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=120, unique=True)),
                ("customer_key", models.CharField(db_index=True, max_length=120)),
            ],
            options={
                "verbose_name_plural": "customer aliases",
                "ordering": ["key"],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="EventMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("location", models.CharField(help_text="its address, without the password", max_length=300)),
                ("token", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("started_at", models.DateTimeField()),
                ("switched_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="EventMoveMonth",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(help_text="its first day")),
                ("below", models.BigIntegerField(default=0)),
                ("events", models.BigIntegerField(default=0, help_text="copied so far")),
            ],
            options={
                "ordering": ["month"],
            },
        ),
        migrations.CreateModel(
            name="EventType",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(help_text="as events name it: llm.request", max_length=120, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True)),
                (
                    "on_invalid",
                    models.CharField(
                        choices=[("quarantine", "Keep it in quarantine"), ("reject", "Refuse the request")],
                        default="quarantine",
                        max_length=10,
                    ),
                ),
                (
                    "billable_when",
                    models.CharField(
                        blank=True,
                        help_text="only events of which this is true are billable: status <> 'failed'",
                        max_length=500,
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="EventTypeVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("schema", models.JSONField(default=dict, help_text="JSON Schema (2020-12) of the properties")),
                ("units", models.JSONField(default=dict, help_text='in which unit a property is: {"duration": "ms"}')),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["type", "number"],
            },
        ),
        migrations.CreateModel(
            name="HistoricalCustomerAlias",
            fields=[
                ("id", models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ("key", models.CharField(db_index=True, max_length=120)),
                ("customer_key", models.CharField(db_index=True, max_length=120)),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
            ],
            options={
                "verbose_name": "historical customer alias",
                "verbose_name_plural": "historical customer aliases",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalEventType",
            fields=[
                ("id", models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ("key", models.CharField(db_index=True, help_text="as events name it: llm.request", max_length=120)),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True)),
                (
                    "on_invalid",
                    models.CharField(
                        choices=[("quarantine", "Keep it in quarantine"), ("reject", "Refuse the request")],
                        default="quarantine",
                        max_length=10,
                    ),
                ),
                (
                    "billable_when",
                    models.CharField(
                        blank=True,
                        help_text="only events of which this is true are billable: status <> 'failed'",
                        max_length=500,
                    ),
                ),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
            ],
            options={
                "verbose_name": "historical event type",
                "verbose_name_plural": "historical event types",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalOutcomeDefinition",
            fields=[
                ("id", models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ("key", models.SlugField(max_length=60)),
                ("name", models.CharField(max_length=120)),
                (
                    "description",
                    models.TextField(blank=True, help_text="what was agreed to be a result, in words for the customer"),
                ),
                (
                    "attribution_key",
                    models.CharField(help_text="what it is about: conversation_id, ticket", max_length=60),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("customer", "One for each subject of a customer"),
                            ("month", "One for each subject of a customer in a calendar month (UTC)"),
                            ("day", "One for each subject of a customer in a day (UTC)"),
                        ],
                        default="customer",
                        max_length=10,
                    ),
                ),
                ("settlement_hours", models.PositiveIntegerField(default=72, help_text="how long it is provisional")),
                (
                    "evidence_required",
                    models.BooleanField(default=False, help_text="without evidence it does not become final"),
                ),
                (
                    "counts_in",
                    models.CharField(
                        choices=[
                            ("final", "The period in which it became final"),
                            ("occurred", "The period in which it happened"),
                        ],
                        default="final",
                        help_text="which period its usage belongs to",
                        max_length=10,
                    ),
                ),
                (
                    "sources",
                    models.JSONField(blank=True, default=list, help_text="who may report it; anybody if empty"),
                ),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
            ],
            options={
                "verbose_name": "historical outcome definition",
                "verbose_name_plural": "historical outcome definitions",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="HistoricalUsageCorrection",
            fields=[
                ("id", models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("applied", "Applied"),
                            ("reverted", "Reverted"),
                            ("discarded", "Discarded"),
                        ],
                        default="draft",
                        max_length=20,
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("customer_key", models.CharField(max_length=120)),
                ("event_type", models.CharField(max_length=120)),
                ("start_at", models.DateTimeField()),
                ("end_at", models.DateTimeField()),
                (
                    "condition",
                    models.CharField(blank=True, help_text="only events of which this is true", max_length=500),
                ),
                (
                    "replacements",
                    models.JSONField(
                        blank=True,
                        decoder=metering.models.events.ExactDecoder,
                        default=list,
                        help_text="events counted instead",
                    ),
                ),
                ("voided", models.PositiveIntegerField(default=0, help_text="how many events it made void")),
                (
                    "applied_in",
                    models.BigIntegerField(blank=True, help_text="the batch by which it took effect", null=True),
                ),
                (
                    "reverted_in",
                    models.BigIntegerField(blank=True, help_text="the batch by which it was taken back", null=True),
                ),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
            ],
            options={
                "verbose_name": "historical usage correction",
                "verbose_name_plural": "historical usage corrections",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="MeterVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_type", models.CharField(max_length=120)),
                (
                    "aggregation",
                    models.CharField(
                        choices=[
                            ("count", "Count of events"),
                            ("sum", "Sum of a property"),
                            ("max", "Highest value of a property"),
                            ("min", "Lowest value of a property"),
                            ("unique", "Number of different values of a property"),
                            ("latest", "Latest value of a property"),
                            ("average", "Average of a property"),
                            ("weighted", "Sum of a property, weighted by the time it was held"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "property",
                    models.CharField(
                        blank=True,
                        help_text="what is added up: an event's property, or an expression over properties",
                        max_length=500,
                    ),
                ),
                (
                    "filters",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text='only events whose property has one of these values: {"region": ["eu"]}',
                    ),
                ),
                (
                    "condition",
                    models.CharField(
                        blank=True,
                        help_text="only events of which this is true: region = 'eu' AND NOT test",
                        max_length=500,
                    ),
                ),
                (
                    "dimensions",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60),
                        blank=True,
                        default=list,
                        help_text="properties by which prices and pages tell this usage apart; kept in the daily totals",
                        size=None,
                    ),
                ),
                (
                    "window",
                    models.CharField(
                        blank=True,
                        choices=[("minute", "Minute"), ("hour", "Hour"), ("day", "Day"), ("month", "Month")],
                        help_text="added up for each of these first",
                        max_length=10,
                    ),
                ),
                (
                    "window_zone",
                    models.CharField(default="UTC", help_text="whose calendar the windows follow", max_length=60),
                ),
                (
                    "per",
                    models.CharField(
                        blank=True, help_text="added up for each value of this property first", max_length=60
                    ),
                ),
                (
                    "over",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("sum", "Sum"),
                            ("max", "Highest"),
                            ("min", "Lowest"),
                            ("average", "Average"),
                            ("count", "Number"),
                            ("unique", "Number of different ones"),
                        ],
                        help_text="what becomes of the windows' or values' numbers",
                        max_length=10,
                    ),
                ),
                (
                    "carries_over",
                    models.BooleanField(
                        default=False,
                        help_text="what was there when a period starts still counts in it: seats, storage",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "until",
                    models.DateTimeField(
                        help_text="periods that start from then on are measured by the next definition"
                    ),
                ),
            ],
            options={
                "ordering": ["meter", "number"],
            },
        ),
        migrations.CreateModel(
            name="Outcome",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("customer_key", models.CharField(db_index=True, max_length=120)),
                ("attribution", models.CharField(help_text="the value of the attribution key", max_length=200)),
                (
                    "scope",
                    models.CharField(blank=True, help_text="the month or day it is the only one of", max_length=20),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("provisional", "Provisional"),
                            ("final", "Final"),
                            ("reversed", "Reversed"),
                            ("disputed", "Disputed"),
                        ],
                        default="provisional",
                        max_length=20,
                    ),
                ),
                ("value", metering.models.fields.ExactNumber(help_text="what it was worth, if measured", null=True)),
                ("confidence", models.DecimalField(decimal_places=4, max_digits=5, null=True)),
                (
                    "source",
                    models.CharField(
                        choices=[("vendor", "Vendor"), ("customer", "Customer"), ("third_party", "Third party")],
                        default="vendor",
                        max_length=12,
                    ),
                ),
                (
                    "properties",
                    models.JSONField(
                        decoder=metering.models.events.ExactDecoder,
                        default=dict,
                        encoder=metering.models.outcomes.ExactEncoder,
                    ),
                ),
                ("occurred_at", models.DateTimeField()),
                ("reported_at", models.DateTimeField()),
                ("settles_at", models.DateTimeField()),
                ("final_at", models.DateTimeField(help_text="when it became final", null=True)),
                (
                    "counted_at",
                    models.DateTimeField(
                        help_text="where in time its usage stands: the period it is billed in", null=True
                    ),
                ),
                (
                    "is_billable",
                    models.BooleanField(default=True, help_text="by the rule of its event type, when it became final"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OutcomeDefinition",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.SlugField(max_length=60, unique=True)),
                ("name", models.CharField(max_length=120)),
                (
                    "description",
                    models.TextField(blank=True, help_text="what was agreed to be a result, in words for the customer"),
                ),
                (
                    "attribution_key",
                    models.CharField(help_text="what it is about: conversation_id, ticket", max_length=60),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("customer", "One for each subject of a customer"),
                            ("month", "One for each subject of a customer in a calendar month (UTC)"),
                            ("day", "One for each subject of a customer in a day (UTC)"),
                        ],
                        default="customer",
                        max_length=10,
                    ),
                ),
                ("settlement_hours", models.PositiveIntegerField(default=72, help_text="how long it is provisional")),
                (
                    "evidence_required",
                    models.BooleanField(default=False, help_text="without evidence it does not become final"),
                ),
                (
                    "counts_in",
                    models.CharField(
                        choices=[
                            ("final", "The period in which it became final"),
                            ("occurred", "The period in which it happened"),
                        ],
                        default="final",
                        help_text="which period its usage belongs to",
                        max_length=10,
                    ),
                ),
                (
                    "sources",
                    models.JSONField(blank=True, default=list, help_text="who may report it; anybody if empty"),
                ),
            ],
            options={
                "ordering": ["key"],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OutcomeEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("reported", "Reported"),
                            ("evidence", "Evidence attached"),
                            ("settled", "Final"),
                            ("reversed", "Reversed"),
                            ("disputed", "Disputed"),
                            ("upheld", "Dispute settled: it stands"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("because", models.TextField(blank=True)),
                ("evidence_url", models.URLField(blank=True, max_length=500)),
                ("evidence_hash", models.CharField(blank=True, max_length=128)),
                ("event_id", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "verbose_name_plural": "outcome entries",
                "ordering": ["outcome", "id"],
            },
        ),
        migrations.CreateModel(
            name="RetiredMonth",
            fields=[
                ("month", models.DateField(help_text="its first day", primary_key=True, serialize=False)),
                ("events", models.BigIntegerField()),
                ("retired_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="RollupSeries",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("definition", models.JSONField()),
                ("digest", models.CharField(help_text="of the definition", max_length=64)),
                ("is_ready", models.BooleanField(default=False)),
                (
                    "since",
                    models.DateField(
                        help_text="the first day it covers: events before were retired already", null=True
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "rollup series",
            },
        ),
        migrations.CreateModel(
            name="UsageBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "source",
                    models.CharField(help_text="who sent it: the API key's name, or how it came in", max_length=120),
                ),
                ("stored_at", models.DateTimeField()),
                ("events", models.PositiveIntegerField(default=0, help_text="counted in this batch")),
                ("duplicates", models.PositiveIntegerField(default=0)),
                ("conflicts", models.PositiveIntegerField(default=0)),
                ("quarantined", models.PositiveIntegerField(default=0)),
                ("duplicates_of", models.JSONField(default=dict, help_text="how many duplicates, by customer")),
                (
                    "is_open",
                    models.BooleanField(
                        default=False,
                        help_text="being written to a store elsewhere: its events do not count yet, or never will",
                    ),
                ),
                ("is_rolled_up", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name_plural": "usage batches",
            },
        ),
        migrations.CreateModel(
            name="UsageCorrection",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("applied", "Applied"),
                            ("reverted", "Reverted"),
                            ("discarded", "Discarded"),
                        ],
                        default="draft",
                        max_length=20,
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("customer_key", models.CharField(max_length=120)),
                ("event_type", models.CharField(max_length=120)),
                ("start_at", models.DateTimeField()),
                ("end_at", models.DateTimeField()),
                (
                    "condition",
                    models.CharField(blank=True, help_text="only events of which this is true", max_length=500),
                ),
                (
                    "replacements",
                    models.JSONField(
                        blank=True,
                        decoder=metering.models.events.ExactDecoder,
                        default=list,
                        help_text="events counted instead",
                    ),
                ),
                ("voided", models.PositiveIntegerField(default=0, help_text="how many events it made void")),
                (
                    "applied_in",
                    models.BigIntegerField(blank=True, help_text="the batch by which it took effect", null=True),
                ),
                (
                    "reverted_in",
                    models.BigIntegerField(blank=True, help_text="the batch by which it was taken back", null=True),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="UsageFlag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("spike", "Far more than usual"),
                            ("silence", "Nothing where there always was something"),
                            ("duplicates", "A burst of duplicates"),
                            ("skew", "A clock that is wrong"),
                        ],
                        max_length=12,
                    ),
                ),
                ("customer_key", models.CharField(max_length=120)),
                ("meter_key", models.CharField(blank=True, max_length=60)),
                ("source", models.CharField(blank=True, max_length=120)),
                ("day", models.DateField()),
                ("seen", metering.models.fields.ExactNumber()),
                ("usual", metering.models.fields.ExactNumber()),
                ("detail", models.TextField()),
                ("found_at", models.DateTimeField()),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("because", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="UsageIdentity",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source", "event_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source", models.CharField(max_length=120)),
                ("event_id", models.CharField(max_length=200)),
                ("body_hash", models.BinaryField(max_length=16)),
                ("event", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="UsageVoid",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event", models.BigIntegerField(help_text="the event's number")),
                ("occurred_at", models.DateTimeField(help_text="the event's, to find it by")),
                ("voided_in", models.BigIntegerField()),
                ("restored_in", models.BigIntegerField(null=True)),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="quarantinedevent",
            name="append_only",
        ),
        migrations.AddField(
            model_name="historicalmeter",
            name="carries_over",
            field=models.BooleanField(
                default=False, help_text="what was there when a period starts still counts in it: seats, storage"
            ),
        ),
        migrations.AddField(
            model_name="historicalmeter",
            name="condition",
            field=models.CharField(
                blank=True, help_text="only events of which this is true: region = 'eu' AND NOT test", max_length=500
            ),
        ),
        migrations.AddField(
            model_name="historicalmeter",
            name="dimensions",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60),
                blank=True,
                default=list,
                help_text="properties by which prices and pages tell this usage apart; kept in the daily totals",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="historicalmeter",
            name="over",
            field=models.CharField(
                blank=True,
                choices=[
                    ("sum", "Sum"),
                    ("max", "Highest"),
                    ("min", "Lowest"),
                    ("average", "Average"),
                    ("count", "Number"),
                    ("unique", "Number of different ones"),
                ],
                help_text="what becomes of the windows' or values' numbers",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="historicalmeter",
            name="per",
            field=models.CharField(
                blank=True, help_text="added up for each value of this property first", max_length=60
            ),
        ),
        migrations.AddField(
            model_name="historicalmeter",
            name="window",
            field=models.CharField(
                blank=True,
                choices=[("minute", "Minute"), ("hour", "Hour"), ("day", "Day"), ("month", "Month")],
                help_text="added up for each of these first",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="historicalmeter",
            name="window_zone",
            field=models.CharField(default="UTC", help_text="whose calendar the windows follow", max_length=60),
        ),
        migrations.AddField(
            model_name="meter",
            name="carries_over",
            field=models.BooleanField(
                default=False, help_text="what was there when a period starts still counts in it: seats, storage"
            ),
        ),
        migrations.AddField(
            model_name="meter",
            name="condition",
            field=models.CharField(
                blank=True, help_text="only events of which this is true: region = 'eu' AND NOT test", max_length=500
            ),
        ),
        migrations.AddField(
            model_name="meter",
            name="dimensions",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60),
                blank=True,
                default=list,
                help_text="properties by which prices and pages tell this usage apart; kept in the daily totals",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="meter",
            name="over",
            field=models.CharField(
                blank=True,
                choices=[
                    ("sum", "Sum"),
                    ("max", "Highest"),
                    ("min", "Lowest"),
                    ("average", "Average"),
                    ("count", "Number"),
                    ("unique", "Number of different ones"),
                ],
                help_text="what becomes of the windows' or values' numbers",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="meter",
            name="per",
            field=models.CharField(
                blank=True, help_text="added up for each value of this property first", max_length=60
            ),
        ),
        migrations.AddField(
            model_name="meter",
            name="window",
            field=models.CharField(
                blank=True,
                choices=[("minute", "Minute"), ("hour", "Hour"), ("day", "Day"), ("month", "Month")],
                help_text="added up for each of these first",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="meter",
            name="window_zone",
            field=models.CharField(default="UTC", help_text="whose calendar the windows follow", max_length=60),
        ),
        migrations.AddField(
            model_name="quarantinedevent",
            name="at_risk",
            field=metering.models.fields.ExactNumber(
                help_text="about what it would be billed at, if that is known", null=True
            ),
        ),
        migrations.AddField(
            model_name="quarantinedevent",
            name="at_risk_currency",
            field=models.CharField(blank=True, max_length=3),
        ),
        migrations.AddField(
            model_name="quarantinedevent",
            name="estimated_at",
            field=models.DateTimeField(blank=True, help_text="when the money at risk was estimated", null=True),
        ),
        migrations.AddField(
            model_name="quarantinedevent",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                help_text="who puts it right",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="quarantinedevent",
            name="resolved_in",
            field=models.ForeignKey(
                blank=True,
                help_text="the change that counted or dismissed it: who, and why",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="governance.change",
            ),
        ),
        migrations.AlterField(
            model_name="historicalmeter",
            name="aggregation",
            field=models.CharField(
                choices=[
                    ("count", "Count of events"),
                    ("sum", "Sum of a property"),
                    ("max", "Highest value of a property"),
                    ("min", "Lowest value of a property"),
                    ("unique", "Number of different values of a property"),
                    ("latest", "Latest value of a property"),
                    ("average", "Average of a property"),
                    ("weighted", "Sum of a property, weighted by the time it was held"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="historicalmeter",
            name="property",
            field=models.CharField(
                blank=True,
                help_text="what is added up: an event's property, or an expression over properties",
                max_length=500,
            ),
        ),
        migrations.AlterField(
            model_name="meter",
            name="aggregation",
            field=models.CharField(
                choices=[
                    ("count", "Count of events"),
                    ("sum", "Sum of a property"),
                    ("max", "Highest value of a property"),
                    ("min", "Lowest value of a property"),
                    ("unique", "Number of different values of a property"),
                    ("latest", "Latest value of a property"),
                    ("average", "Average of a property"),
                    ("weighted", "Sum of a property, weighted by the time it was held"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="meter",
            name="property",
            field=models.CharField(
                blank=True,
                help_text="what is added up: an event's property, or an expression over properties",
                max_length=500,
            ),
        ),
        migrations.AlterField(
            model_name="quarantinedevent",
            name="body_hash",
            field=models.BinaryField(max_length=16),
        ),
        migrations.AlterField(
            model_name="quarantinedevent",
            name="reason",
            field=models.CharField(
                choices=[
                    ("conflict", "Same id, other body"),
                    ("unknown_type", "No such event type"),
                    ("unknown_customer", "No such customer"),
                    ("missing_property", "A property that is needed is missing or not a number"),
                    ("invalid", "Not as the schema of its type wants it"),
                    ("wrong_unit", "In another unit than its type"),
                    ("too_late", "Older than the window for late usage"),
                    ("too_early", "From the future"),
                ],
                max_length=20,
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="meter",
            trigger=pgtrigger.compiler.Trigger(
                name="billed_definitions_stay",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE billed timestamptz;",
                    func='\n            IF jsonb_build_array(to_jsonb(NEW."event_type"), to_jsonb(NEW."aggregation"), to_jsonb(NEW."property"), to_jsonb(NEW."filters"), to_jsonb(NEW."condition"), to_jsonb(NEW."window"), to_jsonb(NEW."window_zone"), to_jsonb(NEW."per"), to_jsonb(NEW."over"), to_jsonb(NEW."carries_over")) = jsonb_build_array(to_jsonb(OLD."event_type"), to_jsonb(OLD."aggregation"), to_jsonb(OLD."property"), to_jsonb(OLD."filters"), to_jsonb(OLD."condition"), to_jsonb(OLD."window"), to_jsonb(OLD."window_zone"), to_jsonb(OLD."per"), to_jsonb(OLD."over"), to_jsonb(OLD."carries_over")) THEN RETURN NEW; END IF;\n            billed := meter_billed_through(OLD.id);\n            IF billed IS NULL OR EXISTS (\n                SELECT FROM metering_meterversion AS version WHERE version.meter_id = OLD.id AND version.until >= billed\n            ) THEN\n                RETURN NEW;\n            END IF;\n            RAISE EXCEPTION \'meter % is billed until %: its definition is kept as a version first\', OLD.key, billed\n                USING ERRCODE = \'restrict_violation\';\n        ',
                    hash="14cdc8c31da748c15bee4625e53f1936a5dda9f6",
                    operation="UPDATE",
                    pgid="pgtrigger_billed_definitions_stay_491c7",
                    table="metering_meter",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="quarantinedevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['resolved_at', 'resolution', 'resolved_in_id', 'owner_id', 'at_risk', 'at_risk_currency', 'estimated_at']::text[]) = (to_jsonb(OLD) - ARRAY['resolved_at', 'resolution', 'resolved_in_id', 'owner_id', 'at_risk', 'at_risk_currency', 'estimated_at']::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'what was reported never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="70a6210c9c089091fb7d3de73f17f5c911013daa",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_9a5bf",
                    table="metering_quarantinedevent",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="meter",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("over", ""), ("per", ""), ("window", "")),
                    models.Q(
                        models.Q(("over", ""), _negated=True),
                        models.Q(
                            models.Q(("window", ""), _negated=True),
                            models.Q(("per", ""), _negated=True),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="meters_with_two_steps_say_both",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="customeralias",
            trigger=pgtrigger.compiler.Trigger(
                name="only_inside_a_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    IF coalesce(current_setting('quoin.change', true), '') = '' THEN\n                        RAISE EXCEPTION '% of % needs a change that says who and why', TG_OP, TG_TABLE_NAME\n                            USING ERRCODE = 'insufficient_privilege';\n                    END IF;\n                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                    RETURN NEW;\n                ",
                    hash="b37c7a0c64c00c5625c6056482f4569f98d914f2",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_only_inside_a_change_aaddb",
                    table="metering_customeralias",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="eventmove",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['location', 'switched_at']::text[]) = (to_jsonb(OLD) - ARRAY['location', 'switched_at']::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'a move is a fact' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="76fec9117ad103713e05b7a2918155cc89b6b8f7",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_8f5f1",
                    table="metering_eventmove",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="eventmovemonth",
            name="move",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="months", to="metering.eventmove"
            ),
        ),
        migrations.AddField(
            model_name="eventtype",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                help_text="who puts right what cannot be counted",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="eventtypeversion",
            name="type",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="metering.eventtype"
            ),
        ),
        migrations.AddField(
            model_name="historicalcustomeralias",
            name="change",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="governance.change"
            ),
        ),
        migrations.AddField(
            model_name="historicalcustomeralias",
            name="history_user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="historicaleventtype",
            name="change",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="governance.change"
            ),
        ),
        migrations.AddField(
            model_name="historicaleventtype",
            name="history_user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="historicaleventtype",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="who puts right what cannot be counted",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicaloutcomedefinition",
            name="change",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="governance.change"
            ),
        ),
        migrations.AddField(
            model_name="historicaloutcomedefinition",
            name="history_user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="historicalusagecorrection",
            name="change",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="governance.change"
            ),
        ),
        migrations.AddField(
            model_name="historicalusagecorrection",
            name="history_user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="meterversion",
            name="meter",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="metering.meter"
            ),
        ),
        migrations.AddField(
            model_name="outcome",
            name="definition",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="outcomes", to="metering.outcomedefinition"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="outcomedefinition",
            trigger=pgtrigger.compiler.Trigger(
                name="only_inside_a_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    IF coalesce(current_setting('quoin.change', true), '') = '' THEN\n                        RAISE EXCEPTION '% of % needs a change that says who and why', TG_OP, TG_TABLE_NAME\n                            USING ERRCODE = 'insufficient_privilege';\n                    END IF;\n                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                    RETURN NEW;\n                ",
                    hash="4c946cec7523c3c5e6268a5deaf016ece6f4b545",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_only_inside_a_change_bcbaa",
                    table="metering_outcomedefinition",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="outcomeentry",
            name="outcome",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="metering.outcome"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="retiredmonth",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'what was retired stays retired' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="d5c92ecac0b7c537604a4c429152cc858d9c08ce",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_e7f17",
                    table="metering_retiredmonth",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="rollupseries",
            name="meter",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="series", to="metering.meter"
            ),
        ),
        migrations.AddIndex(
            model_name="usagebatch",
            index=models.Index(models.F("id"), condition=models.Q(("is_rolled_up", False)), name="batches_to_roll_up"),
        ),
        migrations.AddIndex(
            model_name="usagebatch",
            index=models.Index(models.F("stored_at"), name="batches_by_time"),
        ),
        migrations.AddIndex(
            model_name="usagebatch",
            index=models.Index(models.F("id"), condition=models.Q(("is_open", True)), name="open_batches"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="usagebatch",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['is_open', 'is_rolled_up', 'events', 'duplicates', 'conflicts', 'quarantined', 'duplicates_of']::text[]) = (to_jsonb(OLD) - ARRAY['is_open', 'is_rolled_up', 'events', 'duplicates', 'conflicts', 'quarantined', 'duplicates_of']::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'a usage batch never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="84dfca646267c7eda8bef0987a280d6911cec1ba",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_f0eac",
                    table="metering_usagebatch",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="usagecorrection",
            constraint=models.CheckConstraint(
                condition=models.Q(("end_at__gt", models.F("start_at"))), name="a_correction_covers_some_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="usagecorrection",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("applied_in__isnull", False), ("status__in", ["applied", "reverted"])),
                    models.Q(("applied_in", None), ("status__in", ["draft", "discarded"])),
                    _connector="OR",
                ),
                name="an_applied_correction_says_since_when",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="usagecorrection",
            trigger=pgtrigger.compiler.Trigger(
                name="only_inside_a_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    IF coalesce(current_setting('quoin.change', true), '') = '' THEN\n                        RAISE EXCEPTION '% of % needs a change that says who and why', TG_OP, TG_TABLE_NAME\n                            USING ERRCODE = 'insufficient_privilege';\n                    END IF;\n                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                    RETURN NEW;\n                ",
                    hash="d582708917c4bb4aad150e62f1ab9290db004f1b",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_only_inside_a_change_525f5",
                    table="metering_usagecorrection",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="usageflag",
            name="resolved_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="usageidentity",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'an identity is kept for ever' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="20a979dcbb092947a5c2b0c65539d0bd43039bd2",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_9bcb2",
                    table="metering_usageidentity",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="usagevoid",
            name="correction",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="voids", to="metering.usagecorrection"
            ),
        ),
        migrations.AddConstraint(
            model_name="eventmovemonth",
            constraint=models.UniqueConstraint(fields=("move", "month"), name="a_move_has_a_month_once"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="eventtype",
            trigger=pgtrigger.compiler.Trigger(
                name="only_inside_a_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    IF coalesce(current_setting('quoin.change', true), '') = '' THEN\n                        RAISE EXCEPTION '% of % needs a change that says who and why', TG_OP, TG_TABLE_NAME\n                            USING ERRCODE = 'insufficient_privilege';\n                    END IF;\n                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                    RETURN NEW;\n                ",
                    hash="962718eb01a5ede2c364cfac895be47502ba106b",
                    operation="INSERT OR UPDATE OR DELETE",
                    pgid="pgtrigger_only_inside_a_change_b2c22",
                    table="metering_eventtype",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="eventtypeversion",
            constraint=models.UniqueConstraint(fields=("type", "number"), name="a_types_versions_are_numbered"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="eventtypeversion",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'a version of a schema never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="774e9c2eeff5af1153696e583b3de8b15ed6a86d",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_66ef7",
                    table="metering_eventtypeversion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="historicalcustomeralias",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'history never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="e8ea5cb55240a6be8789969040de6e24124c78af",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_12703",
                    table="metering_historicalcustomeralias",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="historicalcustomeralias",
            trigger=pgtrigger.compiler.Trigger(
                name="signed_by_the_open_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF NEW.change_id::text = current_setting('quoin.change', true) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'history is signed by the change that is open' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="870983260c80de49c95539e1e3bc4a20375c9c0c",
                    operation="INSERT",
                    pgid="pgtrigger_signed_by_the_open_change_c85af",
                    table="metering_historicalcustomeralias",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="historicaleventtype",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'history never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="5a64cf51165428714d31a526856786bb0a4bb156",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_b6d6f",
                    table="metering_historicaleventtype",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="historicaleventtype",
            trigger=pgtrigger.compiler.Trigger(
                name="signed_by_the_open_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF NEW.change_id::text = current_setting('quoin.change', true) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'history is signed by the change that is open' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="d31f5c76f8c9c485c95a1f3213652f3e192fde77",
                    operation="INSERT",
                    pgid="pgtrigger_signed_by_the_open_change_7ee69",
                    table="metering_historicaleventtype",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="historicaloutcomedefinition",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'history never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="9c0cca2d7ece89a49aa20a3d0fc73632b016e09f",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_b190a",
                    table="metering_historicaloutcomedefinition",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="historicaloutcomedefinition",
            trigger=pgtrigger.compiler.Trigger(
                name="signed_by_the_open_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF NEW.change_id::text = current_setting('quoin.change', true) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'history is signed by the change that is open' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="4962b55a41300187a8c68f255085fb125faebdce",
                    operation="INSERT",
                    pgid="pgtrigger_signed_by_the_open_change_4c0a4",
                    table="metering_historicaloutcomedefinition",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="historicalusagecorrection",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'history never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="795d2ecc48a5e778ae80dbcdcae69ae1f3fdca1a",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_62f9f",
                    table="metering_historicalusagecorrection",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="historicalusagecorrection",
            trigger=pgtrigger.compiler.Trigger(
                name="signed_by_the_open_change",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF NEW.change_id::text = current_setting('quoin.change', true) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'history is signed by the change that is open' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="e35f46fc640818eb331b00df88554412a89856e1",
                    operation="INSERT",
                    pgid="pgtrigger_signed_by_the_open_change_ef35d",
                    table="metering_historicalusagecorrection",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="meterversion",
            constraint=models.UniqueConstraint(fields=("meter", "number"), name="a_meters_versions_are_numbered"),
        ),
        migrations.AddConstraint(
            model_name="meterversion",
            constraint=models.UniqueConstraint(fields=("meter", "until"), name="one_version_ends_at_an_instant"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="meterversion",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'a former definition never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="e17edafe9f9783e27478821528ce3789fd494d46",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_483e7",
                    table="metering_meterversion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="meterversion",
            trigger=pgtrigger.compiler.Trigger(
                name="versions_are_what_was_said",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='\n            IF NOT EXISTS (\n                SELECT FROM metering_meter AS meter\n                WHERE meter.id = NEW.meter_id AND jsonb_build_array(to_jsonb(meter."event_type"), to_jsonb(meter."aggregation"), to_jsonb(meter."property"), to_jsonb(meter."filters"), to_jsonb(meter."condition"), to_jsonb(meter."window"), to_jsonb(meter."window_zone"), to_jsonb(meter."per"), to_jsonb(meter."over"), to_jsonb(meter."carries_over")) = jsonb_build_array(to_jsonb(NEW."event_type"), to_jsonb(NEW."aggregation"), to_jsonb(NEW."property"), to_jsonb(NEW."filters"), to_jsonb(NEW."condition"), to_jsonb(NEW."window"), to_jsonb(NEW."window_zone"), to_jsonb(NEW."per"), to_jsonb(NEW."over"), to_jsonb(NEW."carries_over"))\n            ) THEN\n                RAISE EXCEPTION \'a version is the definition that the meter had\' USING ERRCODE = \'restrict_violation\';\n            END IF;\n            IF NEW.until < meter_billed_through(NEW.meter_id) OR EXISTS (\n                SELECT FROM metering_meterversion AS version\n                WHERE version.meter_id = NEW.meter_id AND version.until >= NEW.until\n            ) THEN\n                RAISE EXCEPTION \'a version measures all that is billed and not measured by another\'\n                    USING ERRCODE = \'restrict_violation\';\n            END IF;\n            RETURN NEW;\n        ',
                    hash="3bd4933ce05af973a4c5bbfc620da12e8e194986",
                    operation="INSERT",
                    pgid="pgtrigger_versions_are_what_was_said_f3e3f",
                    table="metering_meterversion",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="outcome",
            index=models.Index(
                models.F("settles_at"), condition=models.Q(("status", "provisional")), name="outcomes_to_settle"
            ),
        ),
        migrations.AddIndex(
            model_name="outcome",
            index=models.Index(fields=["-reported_at", "id"], name="outcomes_by_report"),
        ),
        migrations.AddConstraint(
            model_name="outcome",
            constraint=models.UniqueConstraint(
                fields=("definition", "customer_key", "attribution", "occurred_at"), name="a_report_is_one_outcome"
            ),
        ),
        migrations.AddConstraint(
            model_name="outcome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("counted_at", None), ("final_at", None), models.Q(("status", "final"), _negated=True)),
                    models.Q(
                        ("counted_at__isnull", False),
                        ("final_at__isnull", False),
                        models.Q(("status", "provisional"), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="a_final_outcome_says_since_when",
            ),
        ),
        migrations.AddConstraint(
            model_name="outcome",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "reversed"), _negated=True),
                fields=("definition", "customer_key", "attribution", "scope"),
                name="one_outcome_for_a_subject",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="outcome",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['status', 'final_at', 'counted_at', 'is_billable']::text[]) = (to_jsonb(OLD) - ARRAY['status', 'final_at', 'counted_at', 'is_billable']::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'what was reported never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="e81be6e5423a1e946eb5865ea22cf756b2c386d4",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_5642c",
                    table="metering_outcome",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="outcomeentry",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'what happened to an outcome stays' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="eebb29f6f897de07986ddcd7ded7b2eddc448ed0",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_4ced0",
                    table="metering_outcomeentry",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="rollupseries",
            constraint=models.UniqueConstraint(fields=("meter", "digest"), name="one_series_for_a_definition"),
        ),
        migrations.AddIndex(
            model_name="usageflag",
            index=models.Index(models.F("customer_key"), condition=models.Q(("resolved_at", None)), name="open_flags"),
        ),
        migrations.AddConstraint(
            model_name="usageflag",
            constraint=models.UniqueConstraint(
                fields=("kind", "customer_key", "meter_key", "source", "day"), name="an_oddity_is_flagged_once"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="usageflag",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['seen', 'detail', 'resolved_at', 'resolved_by_id', 'because']::text[]) = (to_jsonb(OLD) - ARRAY['seen', 'detail', 'resolved_at', 'resolved_by_id', 'because']::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'what was seen stays seen' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="cdeffb41b4124faa8feb484850f17d413431128c",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_1b5cf",
                    table="metering_usageflag",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="usagevoid",
            index=models.Index(models.F("event"), name="voids_by_event"),
        ),
        migrations.AddConstraint(
            model_name="usagevoid",
            constraint=models.UniqueConstraint(
                condition=models.Q(("restored_in", None)), fields=("event",), name="an_event_is_void_by_one_correction"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="usagevoid",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY['restored_in']::text[]) = (to_jsonb(OLD) - ARRAY['restored_in']::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'a void is a fact' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="f413854ed4c3f1cd885cb23971c057cce21f918c",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_fcea3",
                    table="metering_usagevoid",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.CreateModel(
            name="UsageRollup",
            fields=[
                (
                    "series",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="metering.rollupseries",
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "series",
                        "customer_key",
                        "day",
                        "is_billable",
                        "parts",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("customer_key", models.CharField(max_length=120)),
                ("day", models.DateField()),
                ("is_billable", models.BooleanField()),
                (
                    "parts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(null=True),
                        help_text="the values of the meter's dimensions",
                        size=None,
                    ),
                ),
                ("events", models.BigIntegerField(help_text="that carry what is added up")),
                ("total", metering.models.fields.ExactNumber(null=True)),
                ("moment", metering.models.fields.ExactNumber(null=True)),
                ("highest", metering.models.fields.ExactNumber(null=True)),
                ("lowest", metering.models.fields.ExactNumber(null=True)),
                ("latest", metering.models.fields.ExactNumber(null=True)),
                ("latest_at", models.DateTimeField(null=True)),
                (
                    "latest_event",
                    models.BigIntegerField(help_text="its number, which decides between equal times", null=True),
                ),
                (
                    "batch",
                    models.BigIntegerField(
                        help_text="the newest that changed it: at a cut-off before, the events are asked"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="UsageRollupValue",
            fields=[
                (
                    "series",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="metering.rollupseries",
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "series",
                        "customer_key",
                        "day",
                        "is_billable",
                        "parts",
                        "value",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("customer_key", models.CharField(max_length=120)),
                ("day", models.DateField()),
                ("is_billable", models.BooleanField()),
                ("parts", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(null=True), size=None)),
                ("value", models.TextField()),
            ],
        ),
    ]
