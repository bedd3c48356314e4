"""Governance: who may change what, who must agree, and what is remembered.

Owns: acts (who, why, when), changes (the trail and outbox in one row), entities with history, lifecycles,
approval policies and requests, roles and their permissions, API keys, the ids that other systems gave our records,
and the clock read at the doors.

Does not own: any business rule; it never knows what a quote, a price or an invoice is.

Always true: every row of an entity was written inside a change that says who and why; a change never changes
afterwards; nobody approves their own request; an approval holds for the inputs it was given for.
"""
