import pytest

from tests.cli.invoking import Layerlog


@pytest.fixture
def changed(ll: Layerlog) -> Layerlog:
    ll("write", "--text", "hello\nworld\n", "web:/etc/motd")
    ll("write", "--text", "new", "web:/srv/new")
    ll("delete", "-r", "web:/usr/lib")
    ll("chmod", "600", "web:/etc/group")
    ll("chown", "7", "web:/usr/bin/sh")
    return ll
