"""The event store in ClickHouse, for when one PostgreSQL is outgrown.

Events are here; identities, batches, quarantine and voids stay in PostgreSQL, which alone says what counts: every
question first asks it which batches are committed (see `horizon`). Nothing here is imported unless EVENT_STORE_URL
names a ClickHouse.
"""
