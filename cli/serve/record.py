"""Record: one event for each manifest that a user at an address was given, once an hour."""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from cli.distribution import departures
from cli.serve.moments import COMPRESSION, Moment
from cli.streams.compression import packed_by
from eventstore.errors import LayerlogError
from eventstore.log.log import Context, DatabaseError
from eventstore.model.digests import digest_of, raw
from eventstore.model.events import Kind
from eventstore.model.facts import Serving
from eventstore.model.times import SECOND
from eventstore.store.store import Store
from eventstore.store.writer import writing

HOUR = 3600
MAX_AGENT = 128
REMEMBERED = 10_000
PATIENCE = 1
"""Seconds that a client waits for its event: it is in the log when the manifest comes, unless another writes for long."""

Key = tuple[str, str, str]


class Recorder:
    """Writes in a thread of its own; *context* gives, for a user, who and why.  *tell* hears once why nothing is recorded."""

    def __init__(self, path: str, context: Callable[[str], Context], tell: Callable[[str], object]) -> None:
        self._path = path
        self._context = context
        self._tell = tell
        self._told = False
        self._last: OrderedDict[Key, float] = OrderedDict()
        self._writing = ThreadPoolExecutor(1, "recorder")

    def record(self, moment: Moment, asked: str, user: str, address: str, agent: str) -> None:
        """Record that *asked* (NAME:REFERENCE) was given, unless it was within the last hour."""
        key = (digest_of(moment.manifest), user, address)
        if time.monotonic() - self._last.get(key, -HOUR) >= HOUR:
            cut = agent.encode()[:MAX_AGENT].decode(errors="ignore")
            wait([self._writing.submit(self._write, moment, key, asked, cut)], PATIENCE)

    def close(self) -> None:
        """Wait until all is written."""
        self._writing.shutdown()

    def _write(self, moment: Moment, key: Key, asked: str, agent: str) -> None:
        if time.monotonic() - self._last.get(key, -HOUR) < HOUR:
            return
        _, user, address = key
        try:
            with Store.open(self._path) as store:
                if not _is_recorded(store, moment, key):
                    with writing(store, self._context(user)) as writer:
                        departures.record_served(
                            writer, moment.image, moment.sent, asked=asked, user=user, address=address, agent=agent,
                            compression=packed_by(COMPRESSION),
                        )  # fmt: skip
        except (LayerlogError, OSError, DatabaseError) as error:
            if not self._told:
                self._tell(f"what is served is not recorded: {error}")
            self._told = True
            return
        self._last[key] = time.monotonic()
        self._last.move_to_end(key)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)


def _is_recorded(store: Store, moment: Moment, key: Key) -> bool:
    """Whether another server, or this one before it was started anew, recorded it within the hour."""
    digest, user, address = key
    stream = store.log.stream("image", departures.stream_name(moment.image, moment.sent))
    since = time.time_ns() - HOUR * SECOND
    for event in store.log.of_kind(Kind.IMAGE_SERVED, stream.id) if stream else ():
        serving = Serving.of(event)
        same = (event.content, serving.user, serving.address) == (raw(digest), user, address)
        if same and store.log.time_of(event.position) > since:
            return True
    return False
