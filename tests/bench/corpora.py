"""What is measured on: the real corpora in the folder that LAYERLOG_CORPORA names, or a small self-made stand-in."""

import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

from cli.distribution import archive, layout
from tests.images import image, layer_tar

VARIABLE = "LAYERLOG_CORPORA"
WORDS = [f"{stem}{end}" for stem in ("get", "put", "list", "name", "path", "node", "tree", "user") for end in ("", "s", "ed", "()", " = ")]


@dataclass(frozen=True)
class Sizes:
    """How much is done where the corpus does not say it."""

    appends: int = 100_000
    batch: int = 1_000
    writes: int = 1_000
    commits: int = 10_000
    changed: tuple[int, ...] = (1, 1_000, 100_000)
    layers: tuple[int, ...] = (1, 20, 100, 500)
    layered: int = 25_000
    asked: int = 2_000
    long_events: int = 1_000_000
    long_commits: int = 10_000
    growth: tuple[int, int] = (100_000, 10_000_000)
    growth_contents: int = 3_000_000
    big_file: int = 8 << 30
    starts: int = 15
    files: int = 100_000
    versions: int = 500


SMALL = Sizes(
    appends=2_000, batch=100, writes=20, commits=50, changed=(1, 5, 20), layers=(1, 3, 6), layered=300, asked=50, long_events=2_000,
    long_commits=100, growth=(1_000, 4_000), growth_contents=1_200, big_file=3 << 20, starts=2,
    files=2_000, versions=20,
)  # fmt: skip


@dataclass(frozen=True)
class Corpora:
    """Paths.  `many` is a folder of small files; `history` holds base/, deltas/NNN/ and deltas/NNN.del; `layout` is an OCI
    layout that has the image of the archives under the tag `image`; `image_file` is one of its files.
    """

    real: bool
    many: str
    docker_archive: str
    oci_archive: str
    layout: str
    image: str
    image_file: str
    history: str
    sizes: Sizes

    @property
    def title(self) -> str:
        stand_in = f"a self-made corpus of {self.sizes.files:,} files ({VARIABLE} does not name the real ones)"
        return "real corpora" if self.real else stand_in

    @property
    def versions(self) -> int:
        return len([name for name in os.listdir(os.path.join(self.history, "deltas")) if name.isdigit()])

    @property
    def many_files(self) -> int:
        return sum(len(files) for _, _, files in os.walk(self.many))


def find(scratch: str, *, full: bool = False) -> Corpora:
    """Return the corpora that LAYERLOG_CORPORA names, or some made below *scratch*: small ones, or in *full* size."""
    folder = os.environ.get(VARIABLE)
    if folder:
        return _real(os.path.abspath(folder))
    return self_made(os.path.join(scratch, "corpora"), Sizes() if full else SMALL)


def _real(folder: str) -> Corpora:
    at = Path(folder)
    found = Corpora(
        True, str(at / "many"), str(at / "arch/tomcat-docker.tar"), str(at / "arch/tomcat-oci.tar"), str(at / "oci"), "tomcat",
        "etc/passwd", str(at / "hist"), Sizes(),
    )  # fmt: skip
    absent = [p for p in (found.many, found.docker_archive, found.oci_archive, found.layout, found.history) if not os.path.exists(p)]
    if absent:
        raise SystemExit(f"{VARIABLE}={folder}: {', '.join(absent)} not found; build them or unset {VARIABLE}")
    return found


def self_made(folder: str, sizes: Sizes = SMALL) -> Corpora:
    """Make many small files, an image of three layers and a history; same call, same bytes."""
    at, files = Path(folder), sizes.files
    dice = random.Random(7)
    _write(at / "many", {f"d{n % 40:02}/e{n % 7}/f{n}.txt": _text(dice) for n in range(files)})
    _image(at, dice, files // 10)
    _history(at / "hist", dice, files // 20, sizes.versions)
    return Corpora(
        False, str(at / "many"), str(at / "docker.tar"), str(at / "oci.tar"), str(at / "oci"), "latest",
        "usr/share/l1/f1", str(at / "hist"), sizes,
    )  # fmt: skip


def _text(dice: random.Random) -> bytes:
    return " ".join(dice.choices(WORDS, k=dice.randint(20, 600))).encode()


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _image(at: Path, dice: random.Random, files: int) -> None:
    tars = [layer_tar({f"usr/share/l{layer}/f{n}": _text(dice) for n in range(files)}) for layer in range(3)]
    for name, how in (("docker.tar", ""), ("oci.tar", "gzip")):
        made = image(how, names=("localhost/small:latest",), tars=tars)
        with (at / name).open("wb") as out:
            archive.write(out, [made])
    layout.write(str(at / "oci"), [replace(made, names=("latest",))])


def _history(at: Path, dice: random.Random, files: int, versions: int) -> None:
    current = {f"src/m{n % 9}/f{n}.py": _text(dice) for n in range(files)}
    _write(at / "base", current)
    for version in range(1, versions + 1):
        changed = {name: current[name] + b"\n# %d" % version for name in dice.sample(sorted(current), 5)}
        gone = dice.sample(sorted(set(current) - set(changed)), 1) if version % 5 == 0 else []
        current = {name: data for name, data in (current | changed).items() if name not in gone}
        _write(at / "deltas" / f"{version:03}", changed)
        (at / "deltas" / f"{version:03}.del").write_text("".join(f"{name}\n" for name in gone))
