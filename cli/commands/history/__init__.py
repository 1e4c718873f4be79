"""The commands under History."""
