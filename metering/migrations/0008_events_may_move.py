"""Events may move to a store elsewhere. Once they did, whoever was not told cannot store any here."""

import uuid

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# 57P03: as if the server were starting up, so that senders are told to come again.
HOME = """
    CREATE FUNCTION usage_home() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        IF EXISTS (SELECT FROM metering_eventmove WHERE switched_at IS NOT NULL) THEN
            RAISE EXCEPTION 'usage events are kept elsewhere: set EVENT_STORE_URL' USING ERRCODE = 'cannot_connect_now';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER usage_home BEFORE INSERT ON metering_usageevent FOR EACH STATEMENT EXECUTE FUNCTION usage_home();
"""
NO_HOME = """
    DROP TRIGGER usage_home ON metering_usageevent;
    DROP FUNCTION usage_home();
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0007_daily_totals_say_since_when")]

    operations = [
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
                (
                    "move",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="months", to="metering.eventmove"
                    ),
                ),
            ],
            options={"ordering": ["month"]},
        ),
        migrations.AddConstraint(
            model_name="eventmovemonth",
            constraint=models.UniqueConstraint(fields=("move", "month"), name="a_move_has_a_month_once"),
        ),
        migrations.AddIndex(
            model_name="usagebatch",
            index=models.Index(models.F("id"), condition=models.Q(("is_open", True)), name="open_batches"),
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
        migrations.RunSQL(HOME, NO_HOME),
    ]
