"""Serve: the store as a read-only registry; asks the store, tells the log what went out, and changes nothing else."""
