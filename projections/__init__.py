"""Reads: what the events mean, as immutable views."""
