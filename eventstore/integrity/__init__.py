"""Whether the store is what it should be, and the copies to mend it from."""
