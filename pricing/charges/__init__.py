"""Charges: how what was measured becomes an amount. Each answers `cost` with its workings, `sentence` in words.

`cost(quantity, after)` prices what lies beyond `after`, so a cycle cut in two carries the tier counter: the parts come
to what the whole comes to. A negative quantity gives units back at what they cost. Flat fees of tiers fall due on
entering the tier; the first one's also for nothing at all with `charge_flat_at_zero`. Otherwise nothing costs nothing.
"""

from pricing.charges.amounts import Adjusted, Cheapest, Committed, Composite, InUnit, Sum, lines_of
from pricing.charges.base import Basis, Charge
from pricing.charges.capacity import Capacity, CapacityTier
from pricing.charges.kinds import KINDS, dump, load
from pricing.charges.percent import Percent
from pricing.charges.plain import Dynamic, Flat, Outcome, OutcomeShare, Package, PerUnit
from pricing.charges.quantities import Allowance, Converted
from pricing.charges.restarts import Cell, Hours, Matrix, PerGroup, PerWindow
from pricing.charges.tiered import Graduated, GraduatedPercent, Volume
from pricing.steps import ChargeError, Step, amount
from pricing.tiers import PercentTier, Tier

__all__ = [
    "KINDS", "Adjusted", "Allowance", "Basis", "Capacity", "CapacityTier", "Cell", "Charge", "ChargeError", "Cheapest",
    "Committed", "Composite", "Converted", "Dynamic", "Flat", "Graduated", "GraduatedPercent", "Hours", "InUnit",
    "Matrix", "Outcome", "OutcomeShare", "Package", "PerGroup", "PerUnit", "PerWindow", "Percent", "PercentTier",
    "Step", "Sum", "Tier", "Volume", "amount", "dump", "lines_of", "load",
]  # fmt: skip
