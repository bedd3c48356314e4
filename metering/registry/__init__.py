"""What may be reported: types, their schemas and rules, other names of customers; and how events are held to it."""
