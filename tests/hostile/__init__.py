"""Hostile and odd-but-legal layers, layouts, archives and names: each with what must happen, and why."""
