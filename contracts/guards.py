"""What PostgreSQL itself refuses about contracts: what was signed stays as it was signed."""

import pgtrigger


def _moves_only(reason: str, *free: str, ends: bool) -> pgtrigger.Trigger:
    """Refuses to delete a row, or to change another column than `free`; with `ends`, `end_at` only comes nearer."""
    columns = "ARRAY[" + ", ".join(f"'{column}'" for column in free) + "]::text[]"
    condition = f"(to_jsonb(NEW) - {columns}) = (to_jsonb(OLD) - {columns})"
    if ends:
        condition += " AND NEW.end_at <= OLD.end_at"
    return pgtrigger.Trigger(
        name="signed_is_signed",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func=f"""
            IF TG_OP = 'UPDATE' AND {condition} THEN RETURN NEW; END IF;
            RAISE EXCEPTION '{reason}' USING ERRCODE = 'restrict_violation';
        """,
    )


DECIDED_LATER = ("declined_at", "declined_by", "declined_because", "renewal_problem")


def signed_is_signed() -> list[pgtrigger.Trigger]:
    """Of a contract its end may come nearer and its renewal be decided on; an ended one does not come back.

    One that renews another begins when that is over, or later.
    """
    return [
        _moves_only("a signed contract never changes", "status", "end_at", *DECIDED_LATER, ends=True),
        pgtrigger.Trigger(
            name="renewals_follow",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert | pgtrigger.Update,
            declare=[("ends_at", "timestamptz")],
            func="""
                SELECT end_at INTO ends_at FROM contracts_contract WHERE id = NEW.renews_id FOR SHARE;
                IF NEW.start_at < ends_at OR EXISTS (
                    SELECT FROM contracts_contract WHERE renews_id = NEW.id AND start_at < NEW.end_at) THEN
                    RAISE EXCEPTION 'a renewal begins when what it renews is over'
                        USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            """,
        ),
        pgtrigger.Trigger(
            name="ended_is_ended",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            func="""
                IF OLD.status = 'ended' AND NEW IS DISTINCT FROM OLD THEN
                    RAISE EXCEPTION 'a contract that was ended stays so' USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            """,
        ),
    ]


MADE_BY_AGREEMENT = "NEW.rule_id IS NOT NULL OR NEW.rolled_from_id IS NOT NULL"


def agreed_with_the_contract(reason: str, *free: str, ends: bool = False, later: str = "") -> list[pgtrigger.Trigger]:
    """A part of a contract is written in the transaction that signs it; later only `free` columns may move.

    `later` names a condition under which a row may be added afterwards, because something agreed foresaw it.

    A contract row that we can see and whose writer is still in progress was written by ourselves (see the catalog's
    guard of rates for why its xmin is not simply compared with our transaction's number).
    """
    return [
        _moves_only(reason, *free, ends=ends),
        pgtrigger.Trigger(
            name="agreed_at_signature",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            declare=[("is_being_signed", "boolean")],
            func="""
                SELECT pg_xact_status((pg_current_xact_id()::text::bigint
                        + age(pg_current_xact_id()::xid) - age(xmin))::text::xid8) = 'in progress'
                    INTO is_being_signed FROM contracts_contract WHERE id = NEW.contract_id;
                IF is_being_signed FORESEEN THEN RETURN NEW; END IF;
                RAISE EXCEPTION 'nothing is added to a signed contract' USING ERRCODE = 'restrict_violation';
            """.replace("FORESEEN", f"OR {later}" if later else ""),
        ),
    ]
