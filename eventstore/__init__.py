"""Records: the append-only log, content, and the rules for changing a tree."""
