"""A store as a registry: S1 (beside a real one) and S2 (a new moment)."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.distribution import send
from eventstore.store.store import Store
from projections.images import images, oci_form
from tests.bench.bench import Bench
from tests.bench.figures import Case, Target, above_last, to_best
from tests.bench.runner import ROOT, Command, Side, inside, layerlog
from tests.registry.asking import ask
from tests.registry.real import registry

MOMENT = 32 << 20
"""Bytes that a new moment's top layer holds, none of which can be packed."""


@contextmanager
def serving(store: str) -> Iterator[str]:
    """Serve *store* while the block runs; give HOST:PORT."""
    command = layerlog(store, "serve", "--listen", "127.0.0.1:0")
    process = subprocess.Popen(command.argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    try:
        match = re.search(r"http://(\S+) ", process.stdout.readline())
        assert match
        yield match[1]
    finally:
        process.terminate()
        process.communicate()


def s1(bench: Bench) -> Iterator[Case]:
    """Layers that came plain are packed when they are first asked for; that is before the rounds, as a push is."""
    for kind, store in (("docker-archive", bench.image), ("oci-archive", bench.image_kept)):
        folder = Path(bench.place(f"registry-{kind}"))
        folder.mkdir()
        bench.layerlog(store, "tag", bench.image_id(store), "image:1")
        with serving(store) as address, registry(folder) as real:
            mine, theirs = (f"docker://{each}/image:1" for each in (address, real.address))
            bench.runner.call("skopeo", "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", mine, theirs)
            figures = bench.runner.alternate(_copy("layerlog serve", mine), _copy("docker-registry", theirs))
        yield Case("S1", f"skopeo copy of the image from a registry, once a {kind}", bench.corpus, "s", figures, Target(to_best, 1))


def _copy(name: str, source: str) -> Side:
    return Side(name, lambda work: Command(["skopeo", "copy", "-q", "--src-tls-verify=false", source, f"dir:{work}/x"]), tool="skopeo")


def s2(bench: Bench) -> Iterator[Case]:
    store = bench.place("moments-store")
    bench.layerlog(store, "load", "-i", bench.corpora.oci_archive)
    bench.layerlog(store, "create", "--name", "web", bench.image_id(store))
    with serving(store) as address:
        found = bench.answers("a new moment", inside("served:moment", store=store, address=address), ["served", "encoded"])
    figures = (found["served"], found["encoded"]._replace(name="encoding its top layer alone, packed, as save does"))
    yield Case("S2", "the manifest of a moment that was never asked for", bench.corpus, "s", figures, Target(above_last, 0.05, "s"))


def moment(store: str, address: str) -> dict[str, float]:
    """Write a file into `web`; return how long its manifest takes to come, and its top layer alone to be made."""
    run = [sys.executable, "-c", "from cli.main import main; main()", "--store", store, "write", "web:/new"]
    subprocess.run(run, input=os.urandom(MOMENT), check=True, cwd=ROOT)
    with Store.open(store) as opened:
        container = opened.log.stream_of(opened.log.at(opened.log.head().position).stream)
        began = time.perf_counter()
        assert ask(f"http://{address}/v2/web/manifests/v{container.version}").status == 200
        served = time.perf_counter() - began
        layer = oci_form.exported_layers(opened.log, images.at(opened.log, container.name, container.version))[-1]
        began = time.perf_counter()
        send.layer_blob(opened, layer, send.Spool(opened), compress="gzip")
        return {"served": served, "encoded": time.perf_counter() - began}
