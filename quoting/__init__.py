"""Quoting: the offer, from the first line to the customer's yes.

Owns: quotes, their versions, lines and commits; the preview of what will be billed; approvals of discounts; the quote
document; the customer's acceptance page.

Does not own: arithmetic (pricing), the contract an acceptance leads to (contracts).

Always true: what was sent never changes; nothing is sent or accepted while an approval is outstanding; a quote's total
is what its contract will be billed if usage is as expected; accepting signs the contract in the same transaction.
"""
