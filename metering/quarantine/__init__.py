"""Quarantine: what could not be counted, what it is worth, and what people do with it."""
