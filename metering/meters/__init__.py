"""Meters: what they say, how that is changed, and how what a store found becomes their numbers, whatever the store."""
