"""The values that everything is said in: events, changes, entries, paths, digests, names; nothing here reads or writes."""
