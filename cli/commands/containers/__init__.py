"""The commands under Containers."""
