"""The whole table."""

from tests.interop.dockerfiles import adds, copies, settings, shapes, values
from tests.interop.dockerfiles.row import Row

ROWS: list[Row] = [*settings.ROWS, *values.ROWS, *copies.ROWS, *adds.ROWS, *shapes.ROWS]
