"""Bytes on their way: verified, unpacked, counted, in the background."""
