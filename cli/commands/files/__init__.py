"""The commands under Files."""
