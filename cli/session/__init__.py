"""The open store, who is asking, logs, and how errors leave."""
