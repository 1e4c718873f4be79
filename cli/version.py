VERSION = "0.1.0"  # a constant, because asking importlib.metadata costs 22 ms; pyproject.toml reads it from here
