"""Rows, lines and pages: what commands show, for tables, JSON and people."""
