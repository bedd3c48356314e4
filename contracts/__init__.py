"""Contracts: who has agreed to what.

Owns: legal entities that sell, customers, contracts and their lines, overrides, commits and their ledger.

Does not own: how a deal came about (quoting), or what was billed for it (invoicing).

Always true: agreed terms resolve to plain values by `queries.terms_of`; a commit's balance is the sum of its entries
and never negative; entries never change; a signed contract's history says who signed it, when and why.
"""
