"""Bytes named by SHA-256, in segments: put, read and located; which of them are needed is said elsewhere."""
