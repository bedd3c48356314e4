"""Invoicing: what is owed, and what was paid.

Owns: billing runs, invoices and their lines, invoice numbers, documents, payments, credit notes.

Does not own: prices (an invoice knows only the plain terms that contracts hand out), the books (ledger).

Always true: billing is a difference, so a second run changes nothing; a finalized invoice, its lines, its number
and its document never change; numbers have no gaps within a series; an invoice adds up to the cent; a failure of one
contract stops no other and leaves a row with the reason.
"""
