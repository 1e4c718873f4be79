"""Where an answer's Location leads: a redirect's, and that of an upload."""

import pytest
import urllib3

from cli.registry.http import Response, led_to
from cli.streams.sockets import Deadline
from eventstore.errors import RegistryError


def answer(location: str, url: str = "https://registry.example/v2/app/blobs/uploads/") -> Response:
    return Response(url, urllib3.HTTPResponse(headers={"Location": location}), Deadline())


def test_with_tls_it_may_be_anywhere() -> None:
    assert led_to(answer("/v2/app/up?_state=1")) == "https://registry.example/v2/app/up?_state=1"
    assert led_to(answer("https://store.example/up?_state=1")) == "https://store.example/up?_state=1"


@pytest.mark.parametrize("location", ["http://registry.example/up?key=secret", "http://169.254.169.254/", "file:///etc/passwd"])
def test_what_began_with_tls_does_not_leave_it(location: str) -> None:
    with pytest.raises(RegistryError, match=r"without TLS|by file, which is not asked") as raised:
        led_to(answer(location))
    assert "secret" not in str(raised.value)


def test_what_began_on_this_machine_without_tls_does_not_leave_it() -> None:
    own = "http://127.0.0.1:5000/v2/"
    assert led_to(answer("http://localhost:5001/x", own)) == "http://localhost:5001/x"
    assert led_to(answer("https://store.example/x", own)) == "https://store.example/x"
    with pytest.raises(RegistryError, match="without TLS"):
        led_to(answer("http://169.254.169.254/latest", own))
    assert led_to(answer("http://store.example/x", "http://registry.example/v2/")) == "http://store.example/x", "--plain-http"
