"""Outcomes: results that are reported with evidence, and counted as usage once they are final.

Provisional while the settlement window is open; final when it is over; reversed or disputed at any time. What is final
is an ordinary usage event of type `outcome.<key>` with `quantity` 1 and its `value`, so any meter and any charge bills
it. A reversal is the same event with both negative, at the same instant: in an open period the two come to nothing, and
where the period is billed already, billing by difference takes it back under the period it was billed in.
"""
