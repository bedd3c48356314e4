"""The arithmetic of the house: values in, values out.

Owns: money and its one rounding rule, periods and billing cycles, charges with their JSON, schema and curves, how
they want usage told apart, adjustments and the waterfall that explains them, rating, drawdown of commits and credits,
the sharing of tax.
Does not own: anything stored, asked or remembered. No Django, no database, no clock, no settings; usage is an
argument. Only the standard library is imported, so quote, preview and invoice call the same functions.
Always true: amounts are Decimal, exact on the way and rounded once, at the line; periods are half-open UTC
instants; a charge that cannot be priced cannot be built; a waterfall adds up to the amount it explains.
"""
