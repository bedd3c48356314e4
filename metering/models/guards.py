"""What PostgreSQL itself refuses about meters: to measure what is billed by another definition.

Metering knows no invoices: the SQL function `meter_billed_through(uuid)` says until when a meter is billed, and who
writes the invoices replaces it with one that knows.
"""

import pgtrigger

_MEANING = (
    "event_type",
    "aggregation",
    "property",
    "filters",
    "condition",
    "window",
    "window_zone",
    "per",
    "over",
    "carries_over",
)


def _meaning(row: str) -> str:
    return "jsonb_build_array(" + ", ".join(f'to_jsonb({row}."{name}")' for name in _MEANING) + ")"


def billed_definitions_stay() -> pgtrigger.Trigger:
    """A definition that was billed by changes only when it is kept as a version that measures all that is billed."""
    return pgtrigger.Trigger(
        name="billed_definitions_stay",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        declare=[("billed", "timestamptz")],
        func=f"""
            IF {_meaning("NEW")} = {_meaning("OLD")} THEN RETURN NEW; END IF;
            billed := meter_billed_through(OLD.id);
            IF billed IS NULL OR EXISTS (
                SELECT FROM metering_meterversion AS version WHERE version.meter_id = OLD.id AND version.until >= billed
            ) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'meter % is billed until %: its definition is kept as a version first', OLD.key, billed
                USING ERRCODE = 'restrict_violation';
        """,
    )


def versions_are_what_was_said() -> pgtrigger.Trigger:
    """A version is the meter's definition until now, and reaches as far as what is billed, and beyond the last one."""
    return pgtrigger.Trigger(
        name="versions_are_what_was_said",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=f"""
            IF NOT EXISTS (
                SELECT FROM metering_meter AS meter
                WHERE meter.id = NEW.meter_id AND {_meaning("meter")} = {_meaning("NEW")}
            ) THEN
                RAISE EXCEPTION 'a version is the definition that the meter had' USING ERRCODE = 'restrict_violation';
            END IF;
            IF NEW.until < meter_billed_through(NEW.meter_id) OR EXISTS (
                SELECT FROM metering_meterversion AS version
                WHERE version.meter_id = NEW.meter_id AND version.until >= NEW.until
            ) THEN
                RAISE EXCEPTION 'a version measures all that is billed and not measured by another'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,  # noqa: S608 - nothing but names of columns
    )
