"""What the options before the command settle, for every command alike; found in click's `ctx.obj`."""

import os
from typing import NamedTuple


class Settings(NamedTuple):
    """*argv* is the command line as it may be recorded: secrets redacted; *author* is whom the command names by --author."""

    store: str
    verbosity: int = 0
    log_format: str = "text"
    argv: tuple[str, ...] = ()
    author: str | None = None


def default_store() -> str:
    """Return $XDG_DATA_HOME/layerlog, or ~/.local/share/layerlog where that is unset or (against its spec) relative."""
    data = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(data):
        data = os.path.expanduser("~/.local/share")
    return os.path.join(data, "layerlog")
