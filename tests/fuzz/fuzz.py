"""Coverage-guided fuzzing of one target with atheris: python -m tests.fuzz.fuzz TARGET [libFuzzer options] FOLDER...

A folder `corpora.unpack` filled is a good beginning; `corpora.keep` brings home what was found.
"""

import sys

import atheris

with atheris.instrument_imports(include=["cli", "eventstore", "projections"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()
