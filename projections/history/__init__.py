"""Commits, and who made a path what it is."""
