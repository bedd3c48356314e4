"""What PostgreSQL itself refuses about invoices, payments and credit notes."""

import pgtrigger


def finalized_is_final() -> pgtrigger.Trigger:
    """A draft may change; from `finalized` on only the status may, along its way, the document once, and the customer
    by a merge (see the guards of contracts).
    """
    return pgtrigger.Trigger(
        name="finalized_is_final",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        declare=[("free", "text[]")],
        func="""
            IF TG_OP = 'DELETE' THEN
                RAISE EXCEPTION 'an invoice is never deleted' USING ERRCODE = 'restrict_violation';
            END IF;
            IF OLD.status = 'draft' THEN
                IF NEW.status NOT IN ('draft', 'finalized', 'discarded') THEN
                    RAISE EXCEPTION 'a draft is finalized or discarded' USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            END IF;
            free := ARRAY['customer_id', 'document', 'document_sha256'];
            IF OLD.document_sha256 <> '' THEN free := ARRAY['customer_id']; END IF;
            IF OLD.status = 'finalized' AND NEW.status IN ('paid', 'void') THEN
                free := free || 'status'::text;
            END IF;
            IF (to_jsonb(NEW) - free) <> (to_jsonb(OLD) - free) THEN
                RAISE EXCEPTION 'a finalized invoice never changes' USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        """,
    )


def finalized_adds_up() -> pgtrigger.Trigger:
    """At commit, a finalized header is the sum of its lines."""
    return pgtrigger.Trigger(
        name="finalized_adds_up",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update,
        timing=pgtrigger.Deferred,
        condition=pgtrigger.Q(new__status="finalized"),
        declare=[("sums", "record")],
        func="""
            SELECT coalesce(sum(amount) FILTER (WHERE kind <> 'drawdown'), 0) AS net,
                   coalesce(sum(tax), 0) AS tax,
                   coalesce(sum(amount) FILTER (WHERE kind = 'drawdown'), 0) AS drawn
                INTO sums FROM invoicing_invoiceline WHERE invoice_id = NEW.id;
            IF (sums.net, sums.tax, sums.drawn) <> (NEW.subtotal, NEW.tax, NEW.drawn) THEN
                RAISE EXCEPTION 'invoice % does not add up', NEW.number USING ERRCODE = 'check_violation';
            END IF;
            RETURN NULL;
        """,
    )


def lines_change_in_drafts_only() -> pgtrigger.Trigger:
    """Lines come, change and go with a draft, and with nothing else."""
    return pgtrigger.Trigger(
        name="lines_change_in_drafts_only",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        declare=[("state", "text")],
        func="""
            SELECT status INTO state FROM invoicing_invoice
                WHERE id = CASE WHEN TG_OP = 'INSERT' THEN NEW.invoice_id ELSE OLD.invoice_id END FOR SHARE;
            IF state <> 'draft' OR (TG_OP = 'UPDATE' AND NEW.invoice_id <> OLD.invoice_id) THEN
                RAISE EXCEPTION 'lines of a finalized invoice never change'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        """,
    )


def within_the_invoice() -> pgtrigger.Trigger:
    """Refuses a payment or a credit beyond its invoice's total, in another currency, or for one that is not issued.

    It locks the invoice first, so that two at once cannot both see room for themselves.
    """
    return pgtrigger.Trigger(
        name="within_the_invoice",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("owed", "record"), ("so_far", "numeric")],
        func="""
            SELECT total, currency, status INTO owed FROM invoicing_invoice WHERE id = NEW.invoice_id FOR UPDATE;
            EXECUTE format('SELECT coalesce(sum(amount), 0) FROM %I WHERE invoice_id = $1', TG_TABLE_NAME)
                INTO so_far USING NEW.invoice_id;
            IF owed.status NOT IN ('finalized', 'paid') THEN
                RAISE EXCEPTION 'only an issued invoice is paid or credited' USING ERRCODE = 'restrict_violation';
            END IF;
            IF NEW.currency <> owed.currency OR so_far + NEW.amount > owed.total THEN
                RAISE EXCEPTION 'more than the invoice, or another currency' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        """,
    )
