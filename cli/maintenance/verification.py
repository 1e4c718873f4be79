"""Verification of a whole store, stage by stage; every finding is told, with what it touches."""

import random
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from itertools import chain as chained
from typing import NamedTuple, TypeVar

from cli.distribution import send
from cli.maintenance import layer_digests
from cli.maintenance.layer_check import differences
from eventstore.errors import ErasedError, LayerlogError
from eventstore.integrity import chain, clocks, derived_columns, presence, root_causes, scrub
from eventstore.integrity.findings import Advance, Finding, of_event
from eventstore.model.events import DEPARTURES, Kind
from eventstore.model.facts import Departure, tar_size
from eventstore.retention.reachability import Needs, Occurrence, in_range, occurrences
from eventstore.store.store import Store
from projections.audit import verify
from projections.audit.impact import UNREADABLE, Held, Impact
from projections.images import images
from projections.layers.layers import ImportedLayer

T = TypeVar("T")
SentConfigs = dict[tuple[str, str, str], int]
"""(image id, config digest, CONTAINER@VERSION of a point) -> position of the first event that says it left the store."""
_NOTHING = Held(frozenset(), frozenset(), ())


class Stage(NamedTuple):
    """A part of the work: *total* steps of *unit* ("items" or "bytes"); `run` yields findings and tells of steps done."""

    label: str
    total: int
    unit: str
    run: Callable[[Advance], Iterator[Finding]]


class Report(NamedTuple):
    finding: Finding
    held: Held


def stages(store: Store, *, quick: bool = False, share: float = 1.0) -> Iterator[Stage]:
    """Yield the stages in the order in which they must run; *share* is the part of all but the log that chance draws.

    With *quick*, the log alone, and that what it names is there.
    """
    damaged: set[bytes] = set()
    wanted = None if share == 1 else lambda _: random.random() < share  # noqa: S311 - a sample, no secret

    def noting(found: Iterator[Finding]) -> Iterator[Finding]:
        for finding in found:
            damaged.update(() if finding.note else finding.digests)
            yield finding

    yield _stage(
        "log", "items", lambda: store.log.head().position, int, lambda _, advance: noting(_log(store, advance, quick=quick))
    )
    if quick:
        return
    yield _stage(
        "contents", "bytes", lambda: scrub.total(store), int,
        lambda _, advance: noting(scrub.check(store, advance, wanted=wanted, lost=frozenset(damaged))),
    )  # fmt: skip
    yield _stage(
        "layers", "bytes", lambda: _imported_layers(store), lambda layers: sum(size for _, size in layers),
        lambda layers, advance: _layers(store, layers, advance, share, damaged),
    )  # fmt: skip
    yield _stage(
        "views", "items", lambda: verify.chosen(store.log, share), lambda chosen: sum(subject.cost for subject in chosen),
        lambda chosen, advance: _views(store, chosen, advance),
    )  # fmt: skip
    yield _stage(
        "caches", "items", lambda: layer_digests.encoded(store), len, lambda cached, advance: _caches(store, cached, advance)
    )
    yield _stage(
        "sent configs", "items", lambda: _sent(store), len, lambda sent, advance: _sent_configs(store, sent, advance)
    )


def _stage(
    label: str, unit: str, ask: Callable[[], T], cost: Callable[[T], int], check: Callable[[T, Advance], Iterator[Finding]]
) -> Stage:
    """Return the stage that checks what *ask* says; where a damaged log cannot say it, that is the stage's finding."""
    try:
        work = ask()
        return Stage(label, cost(work), unit, lambda advance: to_the_end(lambda: check(work, advance), label))
    except Exception as error:  # noqa: BLE001 - as in `to_the_end`
        finding = _unfinished(label, error)
        return Stage(label, 0, unit, lambda _: iter([finding]))


def to_the_end(check: Callable[[], Iterable[Finding]], what: str) -> Iterator[Finding]:
    """Yield what *check* finds; that it cannot be brought to its end is one more finding."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - a damaged store breaks whatever reads it, and the rest still counts
        yield _unfinished(what, error)


def _unfinished(what: str, error: Exception) -> Finding:
    return Finding("schema", what, f"cannot be checked to the end: {type(error).__name__}: {error}")


def touched(store: Store, findings: Sequence[Finding]) -> list[Report]:
    """Return each finding with the images, containers and paths that it touches: one pass over the log for all."""
    try:
        needs = Needs(store.log, {digest for finding in findings for digest in finding.digests})
        named = defaultdict(list)
        for occurrence in occurrences(store.log, needs.all()):
            named[occurrence.digest].append(occurrence)
        impact = Impact(store.log)
    except UNREADABLE:  # the very rows that would tell are damaged
        return [Report(finding, _NOTHING) for finding in findings]
    reports = []
    for finding in findings:
        needing = {digest for stated in finding.digests for digest in needs.of(stated)}
        found = [occurrence for digest in needing for occurrence in named[digest]]
        found += (occurrence for span in finding.events for occurrence in in_range(store.log, *span))
        reports.append(Report(finding, _held(impact, found)))
    return reports


def _held(impact: Impact, found: list[Occurrence]) -> Held:
    try:
        return impact.of_occurrences(found)
    except UNREADABLE:
        return _NOTHING


def _log(store: Store, advance: Advance, *, quick: bool) -> Iterator[Finding]:
    with ThreadPoolExecutor(1) as pool:
        meanwhile = pool.submit(_without_hashing, store.path, quick=quick)
        broken = list(chain.check(store.log, advance))
        yield from root_causes.named(store.log, broken)
        yield from meanwhile.result()
    if not quick:
        yield from _diagnosed(store, broken)


def _without_hashing(path: str, *, quick: bool) -> list[Finding]:
    """Return what is found without hashing: SQLite does the work, so that it runs beside the thread that hashes."""
    with Store.open(path) as store:
        checks: list[Callable[[], Iterator[Finding]]]
        checks = [lambda: derived_columns.schema(store.log), lambda: presence.check(store), lambda: clocks.check(store.log)]
        if not quick:
            checks += [lambda: derived_columns.check(store.log), lambda: derived_columns.pages(store.log)]
        return [finding for check in checks for finding in to_the_end(check, "log.db")]


def _diagnosed(store: Store, broken: Sequence[Finding]) -> Iterator[Finding]:
    """Name the very events that were changed, where the layer that they came in can still be read."""
    spans = {span for finding in broken for span in finding.events}
    for layer in sorted({name for span in spans for name in store.log.names("layer", *span)}):
        yield from differences(store, layer)


def _imported_layers(store: Store) -> list[tuple[str, int]]:
    """Return (diff_id, bytes) of every layer that came as a tar."""
    return [
        (store.log.stream_of(event.stream).name, tar_size(event))
        for event in store.log.of_kind(Kind.LAYER_IMPORTED)
        if event.content is not None
    ]


def _layers(
    store: Store, layers: list[tuple[str, int]], advance: Advance, share: float, damaged: Container[bytes]
) -> Iterator[Finding]:
    for diff_id, _ in layers:
        if share == 1 or random.random() < share:  # noqa: S311 - a sample, no secret
            yield from _layer(store, diff_id, advance, damaged)


def _layer(store: Store, diff_id: str, advance: Advance, damaged: Container[bytes]) -> Iterator[Finding]:
    stream = store.log.existing("layer", diff_id).id
    span = store.log.positions(stream)
    try:
        digest = sha256()
        for chunk in send.layer_tar(store, ImportedLayer(diff_id)):
            digest.update(chunk)
            advance(len(chunk))
        if digest.hexdigest() != diff_id:
            problem = f"re-encodes to sha256:{digest.hexdigest()}, not to its diff_id"
            yield Finding("layer", f"layer {diff_id}", problem, events=(span,))
    except ErasedError as error:
        yield Finding("layer", f"layer {diff_id}", f"cannot be re-encoded: {error}", note=True)
    except (LayerlogError, OSError) as error:
        if not any(content in damaged for content in store.log.contents(stream)):  # else those have findings of their own
            yield Finding("layer", f"layer {diff_id}", f"cannot be re-encoded: {error}", events=(span,))


def _views(store: Store, chosen: list[verify.Subject], advance: Advance) -> Iterator[Finding]:
    for subject in chosen:
        yield from verify.check(store.log, store.content, subject)
        advance(subject.cost)


def _caches(store: Store, cached: layer_digests.Cached, advance: Advance) -> Iterator[Finding]:
    for name, layer in cached.items():
        with suppress(LayerlogError):  # the layer's contents have findings of their own
            remembered, fresh = send.encoded(store, layer), send.encoded_anew(store, layer)
            if remembered != fresh:
                digests = f"{remembered.diff_id.hex()[:12]} where its layer is {fresh.diff_id.hex()[:12]}"
                yield Finding("cache", f"cache/{name}", f"remembers {digests}; run `layerlog rebuild`")
        advance(1)


def _sent(store: Store) -> SentConfigs:
    """Return the configs that left, by whichever encoder: the store's events must make the same bytes again, for ever."""
    configs: SentConfigs = {}
    for event in chained.from_iterable(map(store.log.of_kind, DEPARTURES)):
        departure = Departure.of(event)
        if departure.encoder and departure.config:
            image = store.log.stream_of(event.stream).name
            configs.setdefault((image, departure.config, departure.point), event.position)
    return configs


def _sent_configs(store: Store, sent: SentConfigs, advance: Advance) -> Iterator[Finding]:
    for (image, config, point), position in sent.items():
        with suppress(LayerlogError):  # what cannot be encoded any more has a finding of its own
            left = images.of_point(store.log, point) if point else images.get(store.log, image)
            anew = sha256(send.image_config(store, left)).hexdigest()
            if anew != config:
                problem = f"says that config {config[:12]} left the store, and it is {anew[:12]} now"
                yield of_event(position, problem, "layer")
        advance(1)


def summary(store: Store, *, quick: bool) -> dict[str, int]:
    """Return how many of which things the store holds, and so were checked; nothing where the log cannot say it."""
    try:
        head = store.log.head()
        found = {"events": head.position, "changesets": head.changesets}
        if not quick:
            found["contents"] = presence.count(store)
            found["imported layers"] = sum(event.content is not None for event in store.log.of_kind(Kind.LAYER_IMPORTED))
        return found
    except UNREADABLE:
        return {}


def count_signatures(store: Store) -> int:
    """Return how many signatures over commits the log has; 0, too, where it cannot say it."""
    try:
        return sum(1 for _ in store.log.of_kind(Kind.COMMIT_SIGNED))
    except UNREADABLE:
        return 0
