"""Changesets of events in one order, chained: how log.db holds them, reads and appends them; not what they mean."""
