"""Flags: usage that looks wrong, and what a person says it was."""
