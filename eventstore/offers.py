"""What a package offers to a program: names whose modules are imported when they are first asked for."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def offers(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return a `__getattr__` of *package* that finds *names*, by the module (or folder) of it that each comes from."""
    homes = {name: f"{package}.{home}" for home, those in names.items() for name in those}

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(homes[name]), name, None)
        return import_module(f"{homes[name]}.{name}") if found is None else found

    return find
