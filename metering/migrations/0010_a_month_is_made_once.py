"""Of many who store the first events of a month at once, one makes its table and the others see it.

Having waited for the lock, they ask the catalogue itself: what a session remembers of it is older than the wait.
"""

from django.db import migrations

FUNCTION = """
    CREATE OR REPLACE FUNCTION usage_month(first_day date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DECLARE
        name text := 'metering_usageevent_' || to_char(first_day, 'YYYY_MM');
    BEGIN
        IF to_regclass(name) IS NOT NULL THEN RETURN; END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended('quoin.usage_month', 0));
        {look}
        IF first_day <> date_trunc('month', first_day)::date THEN
            RAISE EXCEPTION '% is not the first day of a month', first_day USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF EXISTS (SELECT FROM metering_retiredmonth WHERE month = first_day) THEN
            RAISE EXCEPTION 'the events of % are retired', to_char(first_day, 'YYYY-MM')
                USING ERRCODE = 'restrict_violation';
        END IF;
        EXECUTE format('CREATE TABLE %I (LIKE metering_usageevent INCLUDING DEFAULTS)', name);
        EXECUTE format(
            'ALTER TABLE metering_usageevent ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
            first_day::timestamp AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC'
        );
    END $$;
"""
AFRESH = """
        IF EXISTS (
            SELECT FROM pg_class AS made JOIN pg_class AS events USING (relnamespace)
            WHERE made.relname = name AND events.oid = 'metering_usageevent'::regclass
        ) THEN RETURN; END IF;"""
BEFORE = "IF to_regclass(name) IS NOT NULL THEN RETURN; END IF;"


class Migration(migrations.Migration):
    dependencies = [("metering", "0009_a_second_step_may_count_different_numbers")]

    operations = [
        migrations.RunSQL(FUNCTION.replace("{look}", AFRESH), FUNCTION.replace("{look}", BEFORE)),
    ]
