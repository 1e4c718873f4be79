"""python -m tests.bench.inside MODULE:FUNCTION JSON: one measurement in a process of its own, its answer as a line of JSON."""

import json
import sys
from importlib import import_module


def main() -> None:
    module, _, function = sys.argv[1].partition(":")
    answer = getattr(import_module(f"tests.bench.{module}"), function)(**json.loads(sys.argv[2]))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
