"""Programs in containers: W15 (a start), W15l (with the load before it), W16 (what is recorded afterwards).

Images need not hold any program: busybox is shown to both sides.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cli.sandbox.seccomp import profile
from eventstore.model.events import Kind
from eventstore.model.process_facts import Exit
from eventstore.store.store import Store
from tests.bench import peers
from tests.bench.bench import Bench, ours
from tests.bench.figures import Case, Figure, Target, above_last, to_best, worst
from tests.bench.runner import ROOT, Command, Side, inside, layerlog
from tests.peers import peer

LIMIT = 150 << 20
CHANGED = 10_000
TRUE = ("/busybox", "true")
_SHOWN = ("-v", "/usr/bin/busybox:/busybox:ro")
_LOOP = f'i=0; while [ $i -lt {CHANGED} ]; do echo "line $i" > /changed/$i; i=$((i+1)); done'


def w15(bench: Bench) -> Iterator[Case]:
    with tempfile.TemporaryDirectory(prefix="pr") as folder:  # podman wants a short path to run something
        yield from _started(bench, folder)


def _started(bench: Bench, folder: str) -> Iterator[Case]:
    store = bench.image_kept
    image = bench.image_id(store)
    bench.runner.call(*peers.podman(folder, "load", "-q", "-i", bench.corpora.oci_archive))
    mine = ours("run", lambda _: layerlog(store, "run", "--rm", *_SHOWN, image, *TRUE), reads=(store,))
    podman = Side("podman run", lambda _: Command(_podman_run(folder)), tool="podman", durability=peers.CONTAINERS, reads=(folder,))
    runc = Side("runc run", lambda _: Command(["runc", "run", "--bundle", _bundle(bench), f"b{os.urandom(4).hex()}"]), tool="runc")
    figures = bench.runner.alternate(mine, podman, runc)
    title = "run a program in a container that is removed then, caches warm"
    yield Case("W15", title, bench.corpus, "s", figures[:2], Target(to_best, 0.5))
    yield Case("W15", f"{title}, beside a bare runtime", bench.corpus, "s", (figures[0], figures[2]), Target(above_last, 0.12, "s"))
    yield _memory("W15", title, bench, figures[0])


def _podman_run(folder: str) -> list[str]:
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
    image = subprocess.run(peers.podman(folder, "images", "-q"), capture_output=True, text=True, check=True).stdout.split()[0]
    return peers.podman(folder, "--runtime", peer("runc"), "run", "--rm", "--network", "host", *limits, *_SHOWN, image, *TRUE)


def _bundle(bench: Bench) -> str:
    """A root with nothing but busybox, and the configuration that the runtime proposes, with our system calls."""
    folder = Path(bench.place("w15-bundle"))
    if not folder.exists():
        (folder / "rootfs").mkdir(parents=True)
        (folder / "rootfs/busybox").write_bytes(Path("/usr/bin/busybox").read_bytes())
        (folder / "rootfs/busybox").chmod(0o755)
        bench.runner.call("runc", "spec", "--bundle", str(folder))
        stated = json.loads((folder / "config.json").read_text())
        stated["process"] |= {"args": list(TRUE), "terminal": False}
        stated["linux"]["seccomp"] = profile((), os.uname().machine)
        (folder / "config.json").write_text(json.dumps(stated))
    return str(folder)


def w15l(bench: Bench) -> Iterator[Case]:
    def mine(work: str) -> Command:
        run = f'"$@" --store {work}/s run --rm {" ".join(_SHOWN)} "$("$@" --store {work}/s images -q)" {" ".join(TRUE)}'
        program = layerlog("", "").argv[:3]
        return peers.shell(f'"$@" --store {work}/s load -q -i {bench.corpora.oci_archive}; {run}', *program)

    def theirs(work: str) -> Command:
        short = f"/tmp/pr{os.path.basename(work)}{os.getpid()}"
        podman = " ".join(["podman", "--root", f"{work}/pr", "--runroot", short, "--storage-driver", "overlay"])
        options = f"--rm --network host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 {' '.join(_SHOWN)}"
        run = f'{podman} --runtime runc run {options} "$({podman} images -q)" {" ".join(TRUE)}; rm -rf {short}'
        return peers.shell(f"{podman} load -q -i {bench.corpora.oci_archive}; {run}")

    figures = bench.runner.alternate(
        ours("load + run", mine, reads=(bench.corpora.oci_archive,)), Side("podman load + run", theirs, tool="podman", durability=peers.CONTAINERS)
    )
    yield Case("W15l", "load the image and run a program in it", bench.corpus, "s", figures, Target(to_best, 1))


def w16(bench: Bench) -> Iterator[Case]:
    store = bench.place("w16-store")
    bench.layerlog(store, "load", "-i", bench.corpora.oci_archive)
    found = bench.answers("recording", inside("running:recording", store=store), ["recording"])
    title = f"record {CHANGED:,} files that a program wrote"
    yield Case("W16", title, bench.corpus, "s", (found["recording"],), Target(worst, 1, "s"))


def recording(store: str) -> dict[str, float]:
    """Let a program write files into a new container; return how long after its end they were all durable events."""
    run = [sys.executable, "-c", "from cli.main import main; main()", "--store", store]
    image = subprocess.run([*run, "images", "-q"], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()[0]
    script = ["/busybox", "sh", "-c", f"/busybox mkdir /changed; {_LOOP}"]
    subprocess.run([*run, "run", "--rm", *_SHOWN, image, *script], check=True, cwd=ROOT)
    with Store.open(store) as opened:
        *_, event = opened.log.of_kind(Kind.PROCESS_EXITED)
        return {"recording": (opened.log.time_of(event.position) - Exit.of(event).ended) / 1e9}


def _memory(item: str, title: str, bench: Bench, figure: Figure) -> Case:
    peaks = figure._replace(samples=tuple(sample._replace(value=sample.peak) for sample in figure.samples))
    return Case(item, f"peak memory: {title}", bench.corpus, "MiB", (peaks,), Target(worst, LIMIT, "MiB"))
