"""Layers as dicts of names to bytes (markers are names as others), made at random, and what they merge to."""

from collections.abc import Iterable, Mapping
from random import Random

Layer = Mapping[str, bytes]
NAMES = ("a", "b", "c", "d")
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"


def random_layers(random: Random) -> list[dict[str, bytes]]:
    return [_layer(random) for _ in range(random.randint(1, 6))]


def _layer(random: Random) -> dict[str, bytes]:
    """One layer's files and whiteouts: no name is both, and nothing is below a file."""
    found: dict[str, bytes] = {}
    for _ in range(random.randint(1, 8)):
        path = "/".join(random.choice(NAMES) for _ in range(random.randint(1, 3)))
        parent, _, name = f"/{path}".rpartition("/")
        what = random.choice([name, name, name, f"{WHITEOUT}{name}", OPAQUE])
        marked = f"{parent}/{what}".removeprefix("/")
        if not _clashes(found, path) and not (what == OPAQUE and not parent):
            found[marked] = b"" if what != name else random.randbytes(random.choice((0, 1, 700, 5000)))
    return found


def _clashes(layer: Layer, path: str) -> bool:
    """Whether *path* is stated already, or lies above or below what is."""
    stated = [name.replace(f"/{OPAQUE}", "").replace(WHITEOUT, "") for name in layer]
    return any(f"{one}/".startswith(f"{path}/") or f"{path}/".startswith(f"{one}/") for one in stated)


def merged(layers: Iterable[Layer]) -> dict[str, bytes]:
    """Return the files that are left: whiteouts act on the layers below, then the layer's own files come."""
    return {name: data for name, data in merged_tree(layers).items() if data is not None}


def merged_tree(layers: Iterable[Layer]) -> dict[str, bytes | None]:
    """As `merged`, and the directories below the root: None."""
    found: dict[str, bytes | None] = {}
    for layer in layers:
        for name in layer:
            parent, _, last = f"/{name}".rpartition("/")
            if last == OPAQUE:
                _hide(found, f"{parent}/".removeprefix("/"))
            elif last.startswith(WHITEOUT):
                gone = f"{parent}/{last.removeprefix(WHITEOUT)}".removeprefix("/")
                _hide(found, f"{gone}/")
                found.pop(gone, None)
        for name, data in layer.items():
            found.update(dict.fromkeys(_parents(name)))
            if WHITEOUT not in name:
                _hide(found, f"{name}/")
                found[name] = data
    return found


def _hide(found: dict[str, bytes | None], prefix: str) -> None:
    for name in [name for name in found if name.startswith(prefix)]:
        del found[name]


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
