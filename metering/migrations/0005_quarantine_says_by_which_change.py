"""What was counted or dismissed says in which change; types registered by the last migration get their history."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

HISTORIES = """
    WITH row AS (
        INSERT INTO governance_change (name, subject_type, subject_id, by_name, because, at, recorded_at)
        SELECT 'event_type.registered', 'metering.eventtype', min(id::text), 'upgrade',
            'Meters count events of these types', now(), now()
        FROM metering_eventtype HAVING count(*) > 0
        RETURNING id
    )
    SELECT set_config('quoin.change', row.id::text, true) FROM row;
    INSERT INTO metering_historicaleventtype
        (id, key, name, description, on_invalid, billable_when, history_date, history_change_reason, history_type,
            change_id)
        SELECT id, key, name, description, on_invalid, billable_when, now(), 'Meters count events of these types', '+',
            current_setting('quoin.change')::bigint
        FROM metering_eventtype;
    SELECT set_config('quoin.change', '', true);
"""
KEPT = "ARRAY['resolved_at', 'resolution', 'resolved_in_id', 'owner_id', 'at_risk', 'at_risk_currency', 'estimated_at']"


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial"), ("metering", "0004_events_by_month")]

    operations = [
        migrations.RunSQL(HISTORIES, migrations.RunSQL.noop),
        pgtrigger.migrations.RemoveTrigger(model_name="quarantinedevent", name="append_only"),
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
            model_name="quarantinedevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func=f"\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - {KEPT}::text[]) = (to_jsonb(OLD) - {KEPT}::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'what was reported never changes' USING ERRCODE = 'restrict_violation';\n            ",  # noqa: E501
                    hash="70a6210c9c089091fb7d3de73f17f5c911013daa",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_9a5bf",
                    table="metering_quarantinedevent",
                    when="BEFORE",
                ),
            ),
        ),
    ]
