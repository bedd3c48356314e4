"""Daily totals say by which batch they last changed; months are retired by a function, as they are made by one."""

from django.db import migrations, models

RETIRE = """
    -- Drops the events of a UTC month and writes down how many there were. Refused while a batch of them still waits to
    -- be rolled up. The application may call it without owning the table.
    CREATE FUNCTION usage_retire(first_day date) RETURNS bigint
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DECLARE
        name text := 'metering_usageevent_' || to_char(first_day, 'YYYY_MM');
        events bigint;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('quoin.usage_month', 0));
        IF to_regclass(name) IS NULL THEN RETURN NULL; END IF;
        EXECUTE format('LOCK TABLE %I IN SHARE MODE', name);
        EXECUTE format(
            'SELECT count(*) FROM %I AS event JOIN metering_usagebatch AS batch ON batch.id = event.id >> 14
            WHERE NOT batch.is_rolled_up', name
        ) INTO events;
        IF events > 0 THEN
            RAISE EXCEPTION '% events of % are not in the daily totals yet', events, to_char(first_day, 'YYYY-MM')
                USING ERRCODE = 'restrict_violation';
        END IF;
        EXECUTE format('SELECT count(*) FROM %I', name) INTO events;
        LOCK TABLE ONLY metering_usageevent IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('ALTER TABLE metering_usageevent DETACH PARTITION %I', name);
        EXECUTE format('DROP TABLE %I', name);
        INSERT INTO metering_retiredmonth (month, events, retired_at) VALUES (first_day, events, now());
        RETURN events;
    END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0006_outcomes_say_where_they_count")]

    operations = [
        migrations.AddField(
            model_name="rollupseries",
            name="since",
            field=models.DateField(help_text="the first day it covers: events before were retired already", null=True),
        ),
        migrations.AddField(
            model_name="usagerollup",
            name="batch",
            field=models.BigIntegerField(
                default=0, help_text="the newest that changed it: at a cut-off before, the events are asked"
            ),
            preserve_default=False,
        ),
        migrations.RunSQL(RETIRE, "DROP FUNCTION usage_retire(date)"),
    ]
