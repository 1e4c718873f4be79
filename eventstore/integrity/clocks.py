"""Where clocks were set back: no damage, as order is by position, but what times mean there is worth knowing."""

from collections.abc import Iterator

from eventstore.integrity.findings import Finding
from eventstore.log.log import PARTED, Log
from eventstore.model.times import utc

MOST = 20
_BACK = f"""SELECT min(number), max(number), time, min(wall) FROM changeset
    WHERE time <> wall AND time > 0 AND time - wall > {PARTED} GROUP BY time ORDER BY 1 LIMIT {MOST}"""


def check(log: Log) -> Iterator[Finding]:
    """Yield a note for each run of changesets whose clock was more than a minute behind an earlier one's."""
    for first, last, time, wall in log.db.execute(_BACK):
        which = f"changeset {first}" if first == last else f"changesets {first} to {last}"
        problem = f"the clock said {utc(wall)}, after it had said {utc(time)}: it ran ahead then, or behind from there on"
        yield Finding("clock", which, problem, note=True)
