"""From a view and a wish to Changes; the appender decides whether they may be."""
