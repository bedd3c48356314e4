"""Ledger: what the books say.

Owns: accounts, journal entries and postings, the rules that recognize revenue, the journal's export.

Does not own: invoices and payments; it is told of them after their commit and derives entries from what they hold.

Always true: every entry balances and has at least two postings; entries never change; one entry per source, so being
told twice books once.
"""
