"""One registry, asked until it answers: logged in where it wants that, tried again where that makes sense."""

import math
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from cli.registry.addresses import host_of, is_loopback, origin
from cli.registry.authorization import MAX_ANSWER, Authorization
from cli.registry.credentials import Credentials
from cli.registry.http import BrokenError, Http, NoTlsError, Response, Tell, UnreachableError, led_to, place
from cli.registry.refusals import asked_wait, refusal
from eventstore.errors import RegistryError
from eventstore.model.paths import shown

TRIES = 5
FIRST_WAIT, LONGEST_WAIT = 0.25, 120.0  # seconds
SILENT_WAIT = 5.0
"""What takes longer is told of: who sits before a terminal in silence does not know whether anything happens."""
MAX_REDIRECTS = 5
_BUSY = (429, 500, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)


class Registry:
    """*find* gives the credentials when the registry asks for them; *scopes* are what will be done (token.md, "scope").

    *waits* is told, in words, of each long wait that the registry asks for, before it begins.
    """

    def __init__(
        self, name: str, find: Callable[[], Credentials | None], *, scopes: Collection[str] = (), plain_http: bool = False,
        tell: Tell = lambda *_: None, waits: Callable[[str], object] = lambda _: None,
    ) -> None:  # fmt: skip
        self.name = name
        self._waits = waits
        self._waiting = threading.Lock()
        self._told_until = 0.0
        self._http = Http(tell)
        self._authorization = Authorization(name, find, scopes, self._patiently)
        self._host = host_of(name)
        self._scheme = "http" if plain_http or is_loopback(self._host) else "https"
        self._may_switch = self._scheme == "http" and not plain_http
        self._answered = False

    def ask(
        self, method: str, target: str, what: str, *, expect: Collection[int], headers: Mapping[str, str] | None = None,
        body: bytes | None = None, limit: int = 0,
    ) -> Response:  # fmt: skip
        """Return the answer to what can be asked twice; raise NotFoundError or RegistryError for a status not expected.

        *target* is a path, or the address that an earlier answer gave. *what* names the thing in messages. With a *limit* the
        answer's body is here then, of at most so many bytes; what breaks in it is asked again too.
        """

        def send() -> Response:
            found = self._logged_in(method, target, dict(headers or {}), body)
            if limit and found.status in expect:
                found.body(limit)
            return found

        response = self._again(send)
        if response.status not in expect:
            raise refusal(response, what)
        return response

    def ask_once(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Return whatever is answered to what must not be asked twice; raise BrokenError where nothing is."""
        return self._logged_in(method, target, dict(headers), body)

    def close(self) -> None:
        self._http.close()

    def _patiently(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Response:
        return self._again(lambda: self._http.send(method, url, headers, body))

    def _again(self, send: Callable[[], Response]) -> Response:
        """Return the first answer that is not that of a busy or broken server, the last one after TRIES.

        Who cannot be reached from the start is mistyped or switched off, most of the time: that is said at once.
        """
        for attempt in range(TRIES - 1):
            wait = random.uniform(0.5, 1.0) * FIRST_WAIT * 3**attempt  # noqa: S311 - so that many do not come back at once
            try:
                response = send()
            except BrokenError as error:
                if isinstance(error, UnreachableError) and not self._answered:
                    raise
                time.sleep(wait)
                continue
            self._answered = True
            if response.status not in _BUSY or (asked := asked_wait(response)) > LONGEST_WAIT:
                return response
            response.close()
            self.wait(max(wait, asked), response.url)
        return send()

    def wait(self, seconds: float, url: str) -> None:
        """Wait as an answer from *url* asks for; several threads that wait for the same tell of it once."""
        until = time.monotonic() + seconds
        with self._waiting:
            if seconds > SILENT_WAIT and until > self._told_until + 1:
                self._told_until = until
                self._waits(f"{place(url).partition('/')[0]} is busy and asks to wait {math.ceil(seconds)} s; waiting")
        time.sleep(max(0.0, until - time.monotonic()))

    def _logged_in(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Response:
        for _ in range(3):  # without a token, with one that has just expired, with a new one
            header = self._authorization.header
            response = self._redirected(method, target, headers, header, body)
            if response.status != 401 or not self._is_own(response.url):
                return response
            response.body(MAX_ANSWER)  # so that its connection is free again
            if not self._authorization.renew(header, response):
                return response
        return response

    def _redirected(self, method: str, target: str, headers: dict[str, str], header: str, body: bytes | None) -> Response:
        """Follow redirects as far as they may lead; what proves who asks goes to the registry alone."""
        url = self._url(target)
        for _ in range(MAX_REDIRECTS):
            proof = {"Authorization": header} if header and self._is_own(url) else {}
            response = self._send(method, url, {**headers, **proof}, body)
            if response.status not in _REDIRECTS or not response.header("Location"):
                return response
            response.close()
            url = _followed(method, response)
        raise RegistryError(f"{place(url)}: redirects more than {MAX_REDIRECTS} times; ask whoever runs {shown(self.name)}")

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """What listens on this machine may speak TLS or not: it is asked without first, and without saying who asks."""
        try:
            response = self._http.send(method, url, headers, body)
        except BrokenError:
            if not self._may_switch or not url.startswith(self._url("/")):
                raise
            return self._http.send(method, self._with_tls(url), headers, body)
        if self._may_switch and response.status == 400:  # what a server with TLS says to who comes without
            response.body(MAX_ANSWER)
            with suppress(NoTlsError):
                return self._http.send(method, self._with_tls(url), headers, body)
            self._scheme = "http"
        self._may_switch = False
        return response

    def _with_tls(self, url: str) -> str:
        self._may_switch, self._scheme = False, "https"
        return url.replace("http://", "https://", 1)

    def _is_own(self, url: str) -> bool:
        """Whether an address is the registry's very own: whoever else is led to is not told who asks, nor asks that."""
        return origin(url) == origin(self._url("/"))

    def _url(self, target: str) -> str:
        return urljoin(f"{self._scheme}://{self._host}/", target)


def _followed(method: str, response: Response) -> str:
    url = led_to(response)
    if method not in ("GET", "HEAD") and urlsplit(url).netloc != urlsplit(response.url).netloc:
        raise RegistryError(f"{place(response.url)}: redirects an upload to {place(url)}; nothing was sent there")
    return url
