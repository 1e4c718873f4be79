"""Questions to the whole store, and whether its answers hold."""
