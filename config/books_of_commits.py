"""The invariants of commits and their ledger (see config.books)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """A sentence that is always true, and SQL that returns one row (a text) for each exception."""

    says: str
    exceptions: str


OF_COMMITS = [
    Invariant(
        "A commit's balance is the sum of its entries, and never below zero on the way.",
        """
        SELECT c.id::text FROM contracts_commit c LEFT JOIN contracts_commitentry e ON e.commit_id = c.id
        GROUP BY c.id HAVING coalesce(sum(e.amount), 0) <> c.balance OR coalesce(min(e.balance_after), 0) < 0
        """,
    ),
    Invariant(
        "What an issued invoice drew is in the commit's ledger, once, and given back if the invoice is void.",
        """
        SELECT l.id::text FROM invoicing_invoiceline l JOIN invoicing_invoice i ON i.id = l.invoice_id
        LEFT JOIN contracts_commitentry e ON e.commit_id = l.commit_id AND e.source_id = l.id::text
        WHERE l.commit_id IS NOT NULL AND l.kind <> 'commit' AND i.status IN ('finalized', 'paid', 'void')
        GROUP BY l.id, i.status
        HAVING coalesce(sum(e.amount), 0) <> CASE i.status WHEN 'void' THEN 0 ELSE -l.quantity END
        """,
    ),
    Invariant(
        "Whatever moved a commit after its grant is on an issued invoice.",
        """
        SELECT e.id::text FROM contracts_commitentry e WHERE e.kind IN ('draw', 'return', 'true_up') AND NOT EXISTS (
            SELECT FROM invoicing_invoiceline l JOIN invoicing_invoice i ON i.id = l.invoice_id
            WHERE l.id::text = e.source_id AND l.commit_id = e.commit_id AND l.kind <> 'commit'
                AND (e.source_type = 'invoice_line' AND i.status IN ('finalized', 'paid', 'void')
                    OR i.status = 'void'))
        """,
    ),
    Invariant(
        "No commit got back more of a term's period than it paid of it.",
        """
        SELECT i.contract_id || ' ' || (step->>'term') || ' ' || l.period_start FROM invoicing_invoiceline l
        JOIN invoicing_invoice i ON i.id = l.invoice_id AND i.status IN ('finalized', 'paid')
        CROSS JOIN jsonb_array_elements(l.waterfall) step WHERE l.kind = 'drawdown' AND step ? 'term'
        GROUP BY i.contract_id, l.commit_id, step->>'term', l.period_start, l.period_end
        HAVING sum((step->>'paid')::numeric) < 0 OR sum((step->>'units')::numeric) < 0
        """,
    ),
    Invariant(
        "Every commit was granted once, by what it gives access to; one that waits for its payment, once it is paid.",
        """
        SELECT c.id::text FROM contracts_commit c
        LEFT JOIN contracts_commitentry e ON e.commit_id = c.id AND e.kind = 'grant'
        GROUP BY c.id HAVING sum(e.amount) <> c.access_amount OR count(e.id) <> CASE
            WHEN c.is_gated AND c.price > 0 THEN (
                SELECT count(DISTINCT l.commit_id) FROM invoicing_invoiceline l
                JOIN invoicing_invoice i ON i.id = l.invoice_id AND i.status = 'paid'
                JOIN invoicing_payment p ON p.invoice_id = i.id
                WHERE l.commit_id = c.id AND l.kind = 'commit')
            ELSE 1 END
        """,
    ),
    Invariant(
        "What was refunded of a commit was credited on an invoice that sold it.",
        """
        SELECT e.id::text FROM contracts_commitentry e WHERE e.kind = 'refund' AND NOT EXISTS (
            SELECT FROM invoicing_creditnote n
            JOIN invoicing_invoiceline l ON l.invoice_id = n.invoice_id AND l.commit_id = e.commit_id
            WHERE n.id::text = e.source_id AND l.kind = 'commit')
        """,
    ),
    Invariant(
        "What expired left nothing but what rolled over at that instant.",
        """
        SELECT e.id::text FROM contracts_commitentry e LEFT JOIN contracts_commitentry r
            ON r.commit_id = e.commit_id AND r.kind = 'rollover' AND r.change_id = e.change_id
        WHERE e.kind = 'expiry' AND e.balance_after + coalesce(r.amount, 0) <> 0
        """,
    ),
    Invariant(
        "What rolled over was taken from one commit, and is what the other gives access to.",
        """
        SELECT c.id::text FROM contracts_commit c JOIN contracts_commit was ON was.id = c.rolled_from_id
        LEFT JOIN contracts_commitentry e ON e.commit_id = was.id AND e.kind = 'rollover'
        GROUP BY c.id, was.id HAVING count(e.id) <> 1 OR -sum(e.amount) <> c.access_amount
            OR c.start_at > was.end_at OR c.price > was.price OR c.unit <> was.unit OR c.worth <> was.worth
        UNION ALL SELECT e.commit_id::text FROM contracts_commitentry e WHERE e.kind = 'rollover'
            AND NOT EXISTS (SELECT FROM contracts_commit c WHERE c.rolled_from_id = e.commit_id)
        """,
    ),
    Invariant(
        "Of a contract that is over, billed and out of grace nothing is left but what is committed and was not used.",
        """
        SELECT c.id::text FROM contracts_commit c JOIN contracts_contract k ON k.id = c.contract_id
        WHERE c.balance > 0 AND c.kind <> 'postpaid'
            AND k.end_at + make_interval(hours => k.grace_hours) < (SELECT max(r.through) FROM invoicing_billingrun r)
            AND NOT EXISTS (SELECT FROM invoicing_invoice i WHERE i.contract_id = k.id AND i.status = 'draft')
            AND NOT EXISTS (
                SELECT FROM invoicing_billingoutcome o WHERE o.contract_id = k.id AND o.result = 'failed'
                    AND o.run_id = (SELECT max(r.id) FROM invoicing_billingrun r))
            AND (SELECT max(e.at) FROM contracts_commitentry e WHERE e.commit_id = c.id)
                <= (SELECT max(r.through) FROM invoicing_billingrun r)
        """,
    ),
]
