"""Answers: errors as the OCI distribution spec 1.1 has them ("Error Codes"), validators and ranges as HTTP has (RFC 9110)."""

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

from eventstore.errors import LayerlogError
from eventstore.model.paths import shown

ALWAYS = {"Docker-Distribution-Api-Version": "registry/2.0", "X-Content-Type-Options": "nosniff"}
METHODS = ("GET", "HEAD")
MAX_PAGE = 10_000


class RefusedError(LayerlogError):
    """What a client is told: `code` is one of the spec's, `status` HTTP's."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, dict(headers or {})


def refusal(error: RefusedError) -> Response:
    document = {"errors": [{"code": error.code, "message": shown(str(error))}]}
    return JSONResponse(document, error.status, {**ALWAYS, **error.headers})


def name_unknown(name: str) -> RefusedError:
    return RefusedError(404, "NAME_UNKNOWN", f"no repository or container {name!r} is served here; /v2/_catalog lists some")


def manifest_unknown(message: str) -> RefusedError:
    return RefusedError(404, "MANIFEST_UNKNOWN", message)


def read_only(method: str) -> RefusedError:
    """Whatever a method wants, its body is not read."""
    headers = {"Allow": ", ".join(METHODS), "Connection": "close"}
    return RefusedError(405, "UNSUPPORTED", f"{method}: this registry is read-only; change its store by `layerlog`", headers)


def is_known(headers: Headers, digest: str) -> bool:
    """Whether the client says that it has what *digest* names (RFC 9110, section 13.1.2)."""
    asked = [tag.strip().removeprefix("W/").strip('"') for line in headers.getlist("if-none-match") for tag in line.split(",")]
    return digest in asked or "*" in asked


def accepted(headers: Headers, media_type: str) -> bool:
    """Whether the client takes *media_type*; one that says nothing takes all."""
    lines = headers.getlist("accept")
    asked = {part.partition(";")[0].strip().lower() for line in lines for part in line.split(",")}
    return not lines or bool(asked & {media_type, "*/*", "application/*"})


def span(headers: Headers, digest: str, size: int) -> tuple[int, int] | None:
    """Return the bytes [start, end) that are asked for, None where all are; RefusedError where there are none such.

    Several ranges at once are answered by the whole, as any server may (RFC 9110, section 14.2).
    """
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", headers.get("range", ""), re.ASCII)
    condition = headers.get("if-range")
    if match is None or not any(match.groups()) or condition not in (None, f'"{digest}"'):
        return None
    first, last = match.groups()
    start, end = (int(first), min(int(last or size) + 1, size)) if first else (max(size - int(last), 0), size)
    if first and last and int(last) < int(first):
        return None
    if start >= end:
        raise RefusedError(416, "SIZE_INVALID", f"the blob has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return start, end


def page(path: str, query: Mapping[str, str], names: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the part of sorted *names* that is asked for (n, last), and the header that leads to the next ("Listing Tags")."""
    size, last = query.get("n", str(MAX_PAGE)), query.get("last", "")
    if not re.fullmatch(r"\d{1,9}", size, re.ASCII):
        raise RefusedError(400, "PAGINATION_NUMBER_INVALID", "n is a number of entries")
    count = min(int(size), MAX_PAGE)
    rest = [name for name in names if name > last]
    found = rest[:count]
    more = {"Link": f'<{path}?n={count}&last={found[-1]}>; rel="next"'} if found and len(rest) > count else {}
    return found, more
