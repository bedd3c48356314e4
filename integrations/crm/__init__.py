"""The customer's story in the CRM: accounts, opportunities, what was quoted and won.

Owns: the fields that carry our ids and amounts, and the stage once a deal is won or lost.
Does not own: owners, notes, and the stage before that; those are the sales team's.
Always true: records are found by our own id, so pushing twice writes once.
"""
