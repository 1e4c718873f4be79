"""The commands under Images."""
