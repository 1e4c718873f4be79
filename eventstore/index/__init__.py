"""Questions to the log's indexes, each with a name, an order and a cost; the only SQL that reads events."""
