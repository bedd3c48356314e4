"""Catalog: what we sell, and at what price.

Owns: products, rate cards, their versions and rates, publication and rolling back.

Does not own: what a customer agreed to (contracts), or how a price is computed (pricing).

Always true: a published version and its rates never change; a rate card has at most one live draft; which version is in
force is answered by a date, nothing has to run; a price that cannot be computed cannot be stored.
"""
