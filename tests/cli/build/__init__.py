"""Builds, through the command line."""
