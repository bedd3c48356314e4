"""Integrations: the only part that speaks to the outside, after the commit, from the outbox.

Owns: routes, deliveries, inbound messages; e-mail, payments, CRM, ERP.

Does not own: decisions. A handler reads the present state and calls one adapter or one operation.

Always true: every change is relayed once; one delivery per listener; a failed delivery is a row with its error and a
retry; an inbound message is stored before it is answered and applied once.
"""
