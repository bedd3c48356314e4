"""Every invariant of the product, as one query each that returns what breaks it; `manage.py verify_books` runs them.

PostgreSQL's constraints and triggers already refuse most of these; the queries say it again from outside, so that a
missing trigger, a restored backup or a hand at the console cannot hide.
"""

from collections.abc import Iterator

from django.apps import apps
from django.db import connection

from config.books_of_commits import OF_COMMITS, Invariant
from governance.entities import Entity
from metering.postgres.rollups import differences

INVARIANTS = [
    # ---- invoices
    Invariant(
        "An invoice's lines add up to its subtotal, tax and drawdown, and these to its total.",
        """
        SELECT coalesce(i.number, i.id::text) FROM invoicing_invoice i
        LEFT JOIN invoicing_invoiceline l ON l.invoice_id = i.id
        WHERE i.status <> 'discarded' GROUP BY i.id
        HAVING coalesce(sum(l.amount) FILTER (WHERE l.kind <> 'drawdown'), 0) <> i.subtotal
            OR coalesce(sum(l.tax), 0) <> i.tax
            OR coalesce(sum(l.amount) FILTER (WHERE l.kind = 'drawdown'), 0) <> i.drawn
            OR i.subtotal + i.tax + i.drawn <> i.total
        """,
    ),
    Invariant(
        "Each line's waterfall adds up to the line's amount and ends there.",
        """
        SELECT l.id::text FROM invoicing_invoiceline l
        WHERE coalesce((SELECT sum((step->>'amount')::numeric) FROM jsonb_array_elements(l.waterfall) step), 0)
                <> l.amount
            OR coalesce((l.waterfall->-1->>'total')::numeric, 0) <> l.amount
        """,
    ),
    Invariant(
        "Invoice numbers of a series have no gap and end at the series' last number.",
        """
        SELECT s.prefix || ' of ' || s.legal_entity_id FROM invoicing_invoiceseries s LEFT JOIN (
            SELECT series_id, sequence FROM invoicing_invoice WHERE sequence IS NOT NULL
            UNION ALL SELECT series_id, sequence FROM invoicing_creditnote
        ) n ON n.series_id = s.id GROUP BY s.id
        HAVING count(n.sequence) <> s.last_number OR coalesce(max(n.sequence), 0) <> s.last_number
            OR count(DISTINCT n.sequence) <> count(n.sequence)
        """,
    ),
    Invariant(
        "Invoice numbers rise with the time of issue.",
        """
        SELECT later.number FROM invoicing_invoice later JOIN invoicing_invoice earlier
            ON earlier.series_id = later.series_id AND earlier.sequence = later.sequence - 1
        WHERE later.issued_at < earlier.issued_at
        """,
    ),
    Invariant(
        "No agreed line was billed twice for any time; what was given back of it makes room.",
        """
        WITH billed AS (
            SELECT l.term, l.period_start, l.period_end, sign(sum(l.amount)) AS times FROM invoicing_invoiceline l
            JOIN invoicing_invoice i ON i.id = l.invoice_id AND i.status IN ('finalized', 'paid')
            WHERE l.kind = 'charge' GROUP BY l.term, l.period_start, l.period_end HAVING sum(l.amount) <> 0
        )
        SELECT a.term || ' ' || a.period_start FROM billed a JOIN billed b ON b.term = a.term
            AND b.period_start <= a.period_start AND a.period_start < b.period_end
            GROUP BY a.term, a.period_start, a.period_end HAVING sum(b.times) > 1
        """,
    ),
    Invariant(
        "An invoice is paid exactly when its payments and credits reach its total.",
        """
        SELECT i.number FROM invoicing_invoice i
        LEFT JOIN (
            SELECT invoice_id, sum(amount) AS settled FROM (
                SELECT invoice_id, amount FROM invoicing_payment
                UNION ALL SELECT invoice_id, amount FROM invoicing_creditnote
            ) each_one GROUP BY invoice_id
        ) s ON s.invoice_id = i.id
        WHERE i.status IN ('finalized', 'paid') AND (i.status = 'paid') <> (coalesce(s.settled, 0) >= i.total)
        """,
    ),
    Invariant(
        "Credit notes never exceed their invoice.",
        """
        SELECT i.number FROM invoicing_invoice i JOIN invoicing_creditnote n ON n.invoice_id = i.id
        GROUP BY i.id HAVING sum(n.amount) > i.total
        """,
    ),
    Invariant(
        "Usage without a price is of a line of its contract, within its time.",
        """
        SELECT u.id::text FROM invoicing_unpricedusage u
        LEFT JOIN contracts_contractline l ON l.id::text = u.term AND l.contract_id = u.contract_id
        WHERE l.id IS NULL OR u.period_start < l.start_at OR u.period_end <= u.period_start
        """,
    ),
    # ---- contracts
    Invariant(
        "A renewal begins when what it renews is over, and renews a contract of the same customer.",
        """
        SELECT later.number FROM contracts_contract later JOIN contracts_contract c ON c.id = later.renews_id
        WHERE later.start_at < c.end_at OR later.customer_id <> c.customer_id
        """,
    ),
    Invariant(
        "What renews itself was renewed a day after its end, or says why not.",
        """
        SELECT c.number FROM contracts_contract c LEFT JOIN contracts_contract later ON later.renews_id = c.id
        WHERE c.renewal = 'automatic' AND c.status = 'active' AND c.declined_at IS NULL AND later.id IS NULL
            AND c.renewal_problem = '' AND c.end_at < now() - interval '1 day'
        """,
    ),
    *OF_COMMITS,
    # ---- entitlements
    Invariant(
        "What a customer has of a feature beside its contracts fits the feature, and a contract is the customer's own.",
        """
        SELECT o.id::text FROM contracts_entitlementoverride o JOIN catalog_feature f ON f.id = o.feature_id
        LEFT JOIN contracts_contract c ON c.id = o.contract_id
        WHERE c.customer_id <> o.customer_id OR f.kind <> 'metered' AND o.window <> 'cycle'
            OR f.kind = 'boolean' AND o.value NOT IN ('', 'off') OR f.kind <> 'boolean' AND trim(o.value) = ''
        """,
    ),
    Invariant(
        "Who is noted to be in arrears has that invoice, issued and not paid.",
        """
        SELECT a.id::text FROM contracts_arrears a WHERE NOT EXISTS (
            SELECT FROM invoicing_invoice i JOIN contracts_contract c ON c.id = i.contract_id
            WHERE i.number = a.invoice AND i.status = 'finalized' AND c.customer_id = a.customer_id)
        """,
    ),
    # ---- ledger
    Invariant(
        "Every journal entry balances and has at least two postings.",
        """
        SELECT e.id::text FROM ledger_journalentry e LEFT JOIN ledger_posting p ON p.entry_id = e.id
        GROUP BY e.id HAVING count(p.id) < 2 OR sum(p.debit - p.credit) <> 0
        """,
    ),
    Invariant(
        "Accounts receivable is what booked invoices are still owed.",
        """
        WITH booked AS (SELECT source_type, source_id FROM ledger_journalentry)
        SELECT 'receivable ' || currency || ': books ' || sum(books) || ', documents ' || sum(documents) FROM (
            SELECT e.currency, p.debit - p.credit AS books, 0 AS documents
                FROM ledger_posting p JOIN ledger_journalentry e ON e.id = p.entry_id WHERE p.account_id = '1100'
            UNION ALL SELECT i.currency, 0, i.total FROM invoicing_invoice i
                JOIN booked b ON b.source_type = 'invoice' AND b.source_id = i.id::text
                WHERE NOT EXISTS (
                    SELECT FROM booked v WHERE v.source_type = 'invoice.void' AND v.source_id = i.id::text)
            UNION ALL SELECT p.currency, 0, -p.amount FROM invoicing_payment p
                JOIN booked b ON b.source_type = 'payment' AND b.source_id = p.id::text
            UNION ALL SELECT n.currency, 0, -n.amount FROM invoicing_creditnote n
                JOIN booked b ON b.source_type = 'credit_note' AND b.source_id = n.id::text
        ) sides GROUP BY currency HAVING sum(books) <> sum(documents)
        """,
    ),
    Invariant(
        "What was finalized, voided, paid and credited is booked once its delivery is done.",
        """
        WITH heard AS (
            SELECT d.route, d.change_id, c.subject_id FROM integrations_delivery d
            JOIN governance_change c ON c.id = d.change_id WHERE d.status = 'done' AND d.route LIKE 'ledger.%'
        ), owed AS (
            SELECT heard.route, i.id, CASE heard.route WHEN 'ledger.void' THEN 'invoice.void' ELSE 'invoice' END AS type
                FROM heard JOIN invoicing_invoice i ON i.id::text = heard.subject_id AND i.total <> 0
                WHERE heard.route IN ('ledger.invoice', 'ledger.void')
            UNION ALL SELECT heard.route, p.id, 'payment' FROM heard
                JOIN invoicing_payment p ON p.change_id = heard.change_id WHERE heard.route = 'ledger.payment'
            UNION ALL SELECT heard.route, n.id, 'credit_note' FROM heard
                JOIN invoicing_historicalcreditnote n ON n.change_id = heard.change_id
                WHERE heard.route = 'ledger.credit_note'
        )
        SELECT route || ' ' || id FROM owed WHERE NOT EXISTS (
            SELECT FROM ledger_journalentry e WHERE e.source_type = owed.type AND e.source_id = owed.id::text)
        """,
    ),
    # ---- usage
    Invariant(
        "Every counted event has its identity, and no event is counted twice.",
        """
        SELECT event.source || '/' || event.event_id FROM metering_usageevent AS event
        LEFT JOIN metering_usageidentity AS identity USING (source, event_id)
        WHERE identity.event IS DISTINCT FROM event.id
        """,
    ),
    Invariant(
        "What is final is counted by one event, and what is reversed since by two.",
        """
        SELECT o.id::text FROM metering_outcome o
        LEFT JOIN metering_usageidentity f ON f.source = 'outcomes' AND f.event_id = o.id || '/final'
        LEFT JOIN metering_usageidentity r ON r.source = 'outcomes' AND r.event_id = o.id || '/reversed'
        WHERE (o.counted_at IS NOT NULL) <> (f.event IS NOT NULL)
            OR (o.counted_at IS NOT NULL AND o.status = 'reversed') <> (r.event IS NOT NULL)
        """,
    ),
    # ---- approvals
    Invariant(
        "Nobody decided their own request or one whose subject they had edited before.",
        """
        SELECT r.id::text FROM governance_approvalrequest r WHERE r.decided_by_id = r.requested_by_id
            OR EXISTS (
                SELECT FROM governance_change c JOIN governance_change decision ON decision.id > c.id
                    AND decision.subject_id = r.id::text AND decision.name IN ('approval.granted', 'approval.rejected')
                WHERE c.subject_type = r.subject_type AND c.subject_id = r.subject_id AND c.by_id = r.decided_by_id
                    AND c.name NOT LIKE 'approval.%' AND c.name <> 'quote.approved')
        """,
    ),
    Invariant(
        "No offer was sent or accepted while an approval was open or refused.",
        """
        SELECT v.id::text FROM quoting_quoteversion v JOIN governance_approvalrequest r
            ON r.subject_type = 'quoting.quoteversion' AND r.subject_id = v.id::text
        WHERE v.status IN ('sent', 'accepted') AND r.status IN ('pending', 'rejected')
        """,
    ),
    Invariant(
        "No price was published while an approval was open or refused.",
        """
        SELECT v.id::text FROM catalog_ratecardversion v JOIN governance_approvalrequest r
            ON r.subject_type = 'catalog.ratecardversion' AND r.subject_id = v.id::text
        WHERE v.status = 'published' AND r.status IN ('pending', 'rejected')
        """,
    ),
    Invariant(
        "An accepted offer has its contract, signed by the name that was typed.",
        """
        SELECT v.id::text FROM quoting_quoteversion v LEFT JOIN contracts_contract c ON c.id = v.contract_id
        WHERE v.status = 'accepted' AND (c.id IS NULL OR c.signed_by <> v.decided_by)
        """,
    ),
    Invariant(
        "A contract of a package is of a version that was published.",
        """
        SELECT c.number FROM contracts_contract c JOIN contracts_packageversion v ON v.id = c.package_version_id
        WHERE v.status <> 'published'
        """,
    ),
    # ---- the trail
    Invariant(
        "Every change says who and why.",
        "SELECT id::text FROM governance_change WHERE trim(because) = '' OR trim(by_name) = ''",
    ),
    Invariant(
        "No change waits for more than an hour to be told to those who listen.",
        """
        SELECT id::text FROM governance_change
        WHERE relayed_at IS NULL AND recorded_at < now() - interval '1 hour'
        """,
    ),
    # ---- customers
    Invariant(
        "Nobody is above themselves.",
        """
        WITH RECURSIVE above AS (
            SELECT id AS started, parent_id FROM contracts_customer WHERE parent_id IS NOT NULL
            UNION SELECT a.started, c.parent_id FROM above a JOIN contracts_customer c ON c.id = a.parent_id
        ) SELECT started::text FROM above WHERE parent_id = started
        """,
    ),
    Invariant(
        "What a merged customer had belongs to whom they were merged into.",
        """
        SELECT k.key || ' ' || had.id FROM contracts_customer k JOIN (
            SELECT id::text, customer_id FROM contracts_contract
            UNION ALL SELECT id::text, payer_id FROM contracts_contract
            UNION ALL SELECT id::text, customer_id FROM quoting_quote
            UNION ALL SELECT id::text, customer_id FROM invoicing_invoice
            UNION ALL SELECT id::text, customer_id FROM ledger_journalentry
        ) had ON had.customer_id = k.id WHERE k.merged_into_id IS NOT NULL
        """,
    ),
    # ---- the outside
    Invariant(
        "One record of ours has at most one counterpart in another system, which is nobody else's.",
        """
        SELECT system || ' ' || external_id FROM governance_externalid
            GROUP BY system, subject_type, external_id HAVING count(*) > 1
        UNION ALL SELECT system || ' ' || subject_id FROM governance_externalid
            GROUP BY system, subject_type, subject_id HAVING count(*) > 1
        """,
    ),
]


def breaches() -> Iterator[tuple[Invariant, list[str]]]:
    """Each invariant with its exceptions (at most 20 of them)."""
    for invariant in [*INVARIANTS, *daily_totals(), *histories()]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM ({invariant.exceptions}) exceptions LIMIT 20")  # noqa: S608 - our own text
            yield invariant, [str(row[0]) for row in cursor.fetchall()]


def daily_totals() -> Iterator[Invariant]:
    """What is kept of usage by day is what the events come to, added up again."""
    for exceptions in differences():
        yield Invariant("Daily totals of usage are what the events come to.", exceptions)


def histories() -> Iterator[Invariant]:
    """Every governed row's last history row says what the row says now."""
    for model in apps.get_models():
        if not issubclass(model, Entity):
            continue
        live, past = model._meta.db_table, model.history.model._meta.db_table
        columns = ", ".join(f"'{field.column}'" for field in model._meta.concrete_fields if field.column != "balance")
        yield Invariant(
            f"The history of every {model._meta.verbose_name} ends at what it is now.",
            f"""
            SELECT live.id::text FROM {live} live LEFT JOIN LATERAL (
                SELECT to_jsonb(h) AS was FROM {past} h WHERE h.id = live.id ORDER BY h.history_id DESC LIMIT 1
            ) last ON true WHERE last.was IS NULL OR EXISTS (
                SELECT FROM jsonb_each(to_jsonb(live)) now
                WHERE now.key IN ({columns}) AND last.was->now.key IS DISTINCT FROM now.value)
            """,  # noqa: S608 - names of our own tables and columns
        )
