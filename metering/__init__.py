"""Metering: facts reported from outside, each counted once.

Owns: meters, usage events, the event store, quarantine.

Does not own: money. A usage event names its customer by key; it knows no price, product or contract.

Always true: an event (source, id) is counted at most once, for ever; what was acknowledged is stored; what cannot be
used is in quarantine with a reason; a stored event never changes.
"""
