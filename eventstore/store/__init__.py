"""An open store, one writer, and the commands that append under the rules: the only way into the log."""
