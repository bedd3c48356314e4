"""Commits: their entries."""
