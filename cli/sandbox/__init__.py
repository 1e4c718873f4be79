"""Commands run on a view."""
