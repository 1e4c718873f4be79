"""One request over HTTP as it is: no redirect is followed, no status is an error."""

import http.client
import ssl
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT = 20


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def ask(
    url: str,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
    ca_file: str | None = None,
) -> Reply:
    """Return what *url* answers; a *body* in pieces is sent chunked.  http.client's and the socket's own errors are raised."""
    parts = urlsplit(url)
    with closing(_connection(parts.scheme, parts.netloc, ca_file)) as connection:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, target, body, dict(headers or {}), encode_chunked=not isinstance(body, bytes | None))
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())


def _connection(scheme: str, host: str, ca_file: str | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, timeout=TIMEOUT)
    return http.client.HTTPSConnection(host, timeout=TIMEOUT, context=ssl.create_default_context(cafile=ca_file))
