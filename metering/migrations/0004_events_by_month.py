"""Events move into months; their identities, kept for ever, and the batches they came in get tables of their own."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

import metering.models.events

TABLE = """
    ALTER TABLE metering_usageevent RENAME TO metering_usageevent_old;
    DROP INDEX usage_by_customer;
    DROP INDEX IF EXISTS usage_by_time;

    CREATE FUNCTION usage_slot(customer_key text, type text) RETURNS bigint
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN hashtextextended(customer_key || chr(31) || type, 0);

    CREATE TABLE metering_usageevent (
        id bigint NOT NULL,
        source varchar(120) NOT NULL,
        event_id varchar(200) NOT NULL,
        type varchar(120) NOT NULL,
        customer_key varchar(120) NOT NULL,
        alias varchar(120) NOT NULL,
        occurred_at timestamptz NOT NULL,
        is_billable boolean NOT NULL,
        properties jsonb NOT NULL
    ) PARTITION BY RANGE (occurred_at);
    CREATE INDEX usage_by_arrival ON metering_usageevent (id);
    CREATE INDEX usage_by_customer ON metering_usageevent (usage_slot(customer_key, type), occurred_at);

    -- Makes sure that events of a UTC month have somewhere to go. The application may call it without owning the table.
    CREATE FUNCTION usage_month(first_day date) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DECLARE
        name text := 'metering_usageevent_' || to_char(first_day, 'YYYY_MM');
    BEGIN
        IF to_regclass(name) IS NOT NULL THEN RETURN; END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended('quoin.usage_month', 0));
        -- Having waited, ask the catalogue itself: what a session remembers of it is older than the wait.
        IF EXISTS (
            SELECT FROM pg_class AS made JOIN pg_class AS events USING (relnamespace)
            WHERE made.relname = name AND events.oid = 'metering_usageevent'::regclass
        ) THEN RETURN; END IF;
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
FUNCTIONS = """
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

    -- 57P03: as if the server were starting up, so that senders are told to come again.
    CREATE FUNCTION usage_home() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        IF EXISTS (SELECT FROM metering_eventmove WHERE switched_at IS NOT NULL) THEN
            RAISE EXCEPTION 'usage events are kept elsewhere: set EVENT_STORE_URL' USING ERRCODE = 'cannot_connect_now';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER usage_home BEFORE INSERT ON metering_usageevent FOR EACH STATEMENT EXECUTE FUNCTION usage_home();

    -- Nothing is billed as far as metering knows; who writes invoices replaces this function.
    CREATE FUNCTION meter_billed_through(meter uuid) RETURNS timestamptz STABLE LANGUAGE sql AS
    'SELECT NULL::timestamptz'
"""
DATA = """
    SELECT usage_month(month) FROM (
        SELECT DISTINCT date_trunc('month', occurred_at AT TIME ZONE 'UTC')::date FROM metering_usageevent_old
    ) AS months (month);

    CREATE TEMP TABLE moving ON COMMIT DROP AS
        SELECT *, (row_number() OVER (ORDER BY id) - 1) / 10000 + 1 AS batch,
            (row_number() OVER (ORDER BY id) - 1) % 10000 AS place
        FROM metering_usageevent_old;
    INSERT INTO metering_usagebatch
        (id, source, stored_at, events, duplicates, conflicts, quarantined, duplicates_of, is_open, is_rolled_up)
        SELECT batch, 'before batches', max(stored_at), count(*), 0, 0, 0, '{}', false, false
        FROM moving GROUP BY batch ORDER BY batch;
    SELECT setval(pg_get_serial_sequence('metering_usagebatch', 'id'), max(id)) FROM metering_usagebatch;
    INSERT INTO metering_usageidentity (source, event_id, body_hash, event)
        SELECT source, event_id, substring(body_hash FOR 16), (batch << 14) | place FROM moving;
    INSERT INTO metering_usageevent
        SELECT (batch << 14) | place, source, event_id, type, customer_key, '', occurred_at, true, properties
        FROM moving ORDER BY batch, place;
    DROP TABLE metering_usageevent_old;

    ALTER TABLE metering_quarantinedevent DISABLE TRIGGER USER;
    UPDATE metering_quarantinedevent SET body_hash = substring(body_hash FOR 16);
    ALTER TABLE metering_quarantinedevent ENABLE TRIGGER USER;

    -- What meters count was known until now; from here on, types are registered.
    SELECT set_config('quoin.change', 'event types of meters', true);
    INSERT INTO metering_eventtype (id, key, name, description, on_invalid, billable_when)
        SELECT gen_random_uuid(), event_type, event_type, '', 'quarantine', ''
        FROM (SELECT DISTINCT event_type FROM metering_meter) AS types;
    INSERT INTO metering_eventtypeversion (type_id, number, schema, units, created_at)
        SELECT id, 1, '{}', '{}', now() FROM metering_eventtype;
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
STATE = [
    migrations.DeleteModel(name="UsageEvent"),
    migrations.CreateModel(
        name="UsageEvent",
        fields=[
            ("id", models.BigIntegerField(primary_key=True, serialize=False)),
            ("source", models.CharField(max_length=120)),
            ("event_id", models.CharField(max_length=200)),
            ("type", models.CharField(max_length=120)),
            ("customer_key", models.CharField(max_length=120)),
            (
                "alias",
                models.CharField(
                    blank=True, help_text="the key it was reported under, if that is an alias", max_length=120
                ),
            ),
            ("occurred_at", models.DateTimeField()),
            (
                "is_billable",
                models.BooleanField(default=True, help_text="whether meters count it, by the rule of its type"),
            ),
            ("properties", models.JSONField(decoder=metering.models.events.ExactDecoder, default=dict)),
        ],
        options={
            "indexes": [
                models.Index("id", name="usage_by_arrival"),
                models.Index(
                    models.Func(models.F("customer_key"), models.F("type"), function="usage_slot"),
                    "occurred_at",
                    name="usage_by_customer",
                ),
            ],
        },
    ),
]


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial"), ("metering", "0003_usage_at_scale")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(TABLE), migrations.RunSQL(FUNCTIONS), migrations.RunSQL(DATA)],
            state_operations=STATE,
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="usageevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - ARRAY[]::text[]) = (to_jsonb(OLD) - ARRAY[]::text[]) THEN RETURN NEW; END IF;\n                RAISE EXCEPTION 'a usage event never changes' USING ERRCODE = 'restrict_violation';\n            ",
                    hash="3bbec5d589a58a059a6b91f1acf435ea6d0cca61",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_81632",
                    table="metering_usageevent",
                    when="BEFORE",
                ),
            ),
        ),
    ]
