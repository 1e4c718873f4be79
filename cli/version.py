VERSION = "0.1.0"  # a constant, because asking importlib.metadata costs 22 ms; a test holds it to pyproject.toml
