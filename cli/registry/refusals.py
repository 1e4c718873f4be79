"""What a registry says when it says no, in one line (OCI distribution spec, "Error Codes")."""

import time
from email.utils import parsedate_to_datetime

from cli.registry.http import Response, place
from eventstore.errors import InvalidError, LayerlogError, NotFoundError, RegistryError
from eventstore.model.paths import shown
from eventstore.model.times import SECOND, local
from projections.oci import documents

MAX_SAID = 64 << 10
_NEXT_STEPS = {
    403: "check that you may do this there, or log in as somebody who may",
    405: "it does not allow that; ask whoever runs it",
    413: "it takes nothing so large; ask whoever runs it",
    416: "it has less of this than it said; try again",
    429: "it takes no more requests now; log in, or try again later",
}  # fmt: skip


def refusal(response: Response, what: str) -> LayerlogError:
    """Return the error to raise for an answer of an unwelcome status; *what* was asked for.  It reads and closes the answer."""
    status, said = response.status, _said(response)
    reason = f"{what}: {place(response.url)} answers {status}{said}"
    if status == 401:
        registry = shown(place(response.url).partition("/")[0])
        return RegistryError(f"{what}: the registry does not let you; log in with `layerlog login {registry}`{said}")
    if status == 404:
        return NotFoundError(f"{what}: the registry has no such thing{said}; check the name, or log in if it is private")
    if asked := asked_wait(response):
        return RegistryError(f"{reason}; it asks to wait: try again after {local(time.time_ns() + int(asked * SECOND))}")
    if status >= 500:
        return RegistryError(f"{reason}; it fails, try again later")
    return RegistryError(f"{reason}; {_NEXT_STEPS.get(status, 'is it a registry?')}")


def asked_wait(response: Response) -> float:
    """Return the seconds that the header Retry-After asks for (RFC 9110, 10.2.3), 0 where it does not."""
    text = response.header("Retry-After").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0


def _said(response: Response) -> str:
    """Return " (CODE: message)" of the first error in the answer's body, "" where it holds none."""
    try:
        document = documents.read_object(response.body(MAX_SAID), "answer")
        first = documents.items(document, "errors", dict, "answer")[0]
        code, text = (documents.field(first, key, str, "answer", "") for key in ("code", "message"))
    except (InvalidError, RegistryError, IndexError):
        return ""
    return f" ({shown(f'{code}: {text}'[:200])})"
