"""What PostgreSQL itself refuses in the catalog, whoever asks and by whatever road.

"Now" in a guard is the instant of the open change, not the server's clock, so a test clock holds here as well.
"""

import pgtrigger

_OPEN_CHANGE = [("changed_at", "timestamptz")]


def never_changes(name: str, *columns: str, reason: str) -> pgtrigger.Trigger:
    """These columns keep the value they were inserted with."""
    differ = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func=f"""
            IF {differ} THEN RAISE EXCEPTION '{reason}' USING ERRCODE = 'restrict_violation'; END IF;
            RETURN NEW;
        """,
    )


def published_after_review() -> pgtrigger.Trigger:
    """A version is published from review with every approval, or restores one that was.

    From a date gone by only while no invoice for it is out: neither one of the contracts that follow the card, nor of
    those whose card has it for a base. (plpgsql looks tables up when it runs, so those of apps above may be named.)
    """
    return pgtrigger.Trigger(
        name="published_after_review",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        declare=_OPEN_CHANGE,
        func="""
            IF NEW.status <> 'published' OR (TG_OP = 'UPDATE' AND OLD.status = 'published') THEN
                RETURN NEW;
            END IF;
            SELECT at INTO changed_at FROM governance_change
                WHERE id = nullif(current_setting('quoin.change', true), '')::bigint;
            IF NEW.effective_from < changed_at AND EXISTS (
                SELECT FROM invoicing_invoiceline line
                JOIN invoicing_invoice invoice ON invoice.id = line.invoice_id
                JOIN contracts_contract contract ON contract.id = invoice.contract_id
                JOIN catalog_ratecard card ON card.id = contract.rate_card_id
                WHERE contract.pinned_version_id IS NULL AND NEW.card_id IN (card.id, card.base_id)
                    AND invoice.status IN ('finalized', 'paid') AND line.kind = 'charge'
                    AND line.period_end > NEW.effective_from
            ) THEN
                RAISE EXCEPTION 'prices cannot take effect in a period that was invoiced'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'INSERT' THEN
                IF NEW.restores_id IS NULL OR NOT EXISTS (
                    SELECT FROM catalog_ratecardversion
                    WHERE id = NEW.restores_id AND card_id = NEW.card_id AND status = 'published'
                ) THEN
                    RAISE EXCEPTION 'only a version that restores a published one starts out published'
                        USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            END IF;
            IF OLD.status <> 'in_review' THEN
                RAISE EXCEPTION 'a version is published from review' USING ERRCODE = 'restrict_violation';
            END IF;
            IF EXISTS (
                SELECT FROM governance_approvalpolicy policy
                WHERE policy.subject_type = 'catalog.ratecardversion' AND policy.watched = 'publication'
                    AND policy.is_active AND policy.above < 1 AND NOT EXISTS (
                        SELECT FROM governance_approvalrequest request
                        WHERE request.policy_id = policy.id AND request.subject_type = policy.subject_type
                            AND request.subject_id = NEW.id::text AND request.status = 'approved')
            ) THEN
                RAISE EXCEPTION 'publication needs approval first' USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def published_is_immutable() -> pgtrigger.Trigger:
    """Once out of review nothing changes, but that a version not yet in force may be withdrawn."""
    return pgtrigger.Trigger(
        name="published_is_immutable",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        declare=_OPEN_CHANGE,
        func="""
            IF OLD.status IN ('draft', 'in_review') THEN
                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                RETURN NEW;
            END IF;
            IF TG_OP = 'UPDATE' AND OLD.status = 'published' AND NEW.status = 'withdrawn'
                AND (to_jsonb(NEW) - 'status') = (to_jsonb(OLD) - 'status') THEN
                SELECT at INTO changed_at FROM governance_change
                    WHERE id = nullif(current_setting('quoin.change', true), '')::bigint;
                IF OLD.effective_from > changed_at THEN RETURN NEW; END IF;
                RAISE EXCEPTION 'prices in force cannot be withdrawn' USING ERRCODE = 'restrict_violation';
            END IF;
            RAISE EXCEPTION 'a published rate card version never changes' USING ERRCODE = 'restrict_violation';
        """,
    )


def rates_change_in_drafts_only() -> pgtrigger.Trigger:
    """Rates are written while their version is a draft; a restoring version gets exact copies as it is written.

    A version row that we can see and whose writer is still in progress was written by ourselves. (Comparing its xmin
    with pg_current_xact_id() would miss a row written inside a savepoint, which has a number of its own.)
    """
    return pgtrigger.Trigger(
        name="rates_change_in_drafts_only",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        declare=[("state", "text"), ("source", "uuid"), ("is_being_written", "boolean")],
        func="""
            SELECT status, restores_id, pg_xact_status((pg_current_xact_id()::text::bigint
                    + age(pg_current_xact_id()::xid) - age(xmin))::text::xid8) = 'in progress'
                INTO state, source, is_being_written
                FROM catalog_ratecardversion
                WHERE id = CASE WHEN TG_OP = 'INSERT' THEN NEW.version_id ELSE OLD.version_id END FOR SHARE;
            IF state = 'draft' AND NOT (TG_OP = 'UPDATE' AND NEW.version_id <> OLD.version_id) THEN
                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                RETURN NEW;
            END IF;
            IF TG_OP = 'INSERT' AND state = 'published' AND is_being_written AND EXISTS (
                SELECT FROM catalog_rate restored
                WHERE restored.version_id = source AND restored.product_id = NEW.product_id
                    AND restored.charge = NEW.charge AND restored.cycle_months = NEW.cycle_months
                    AND restored.in_advance = NEW.in_advance
            ) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'rates change only while their version is a draft'
                USING ERRCODE = 'restrict_violation';
        """,
    )
