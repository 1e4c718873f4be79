"""Referrers of a registry that has the API, which the real one of these tests has not."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cli.registry.registry import Registry
from cli.registry.repository import Repository
from eventstore.errors import InvalidError, RegistryError
from projections.oci.oci_image import OCI_INDEX, OCI_MANIFEST
from tests.registry.lying import lying
from tests.registry.serving import Answer, Record

SUBJECT = f"sha256:{'5' * 64}"


@contextmanager
def asked(answer: Callable[[Record], Answer]) -> Iterator[Repository]:
    with lying(answer) as server:
        registry = Registry(server.address, lambda: None)
        yield Repository(registry, "a/b")
        registry.close()


def page(first: int, count: int, following: str = "") -> Answer:
    body = {"schemaVersion": 2, "manifests": [{"digest": n} for n in range(first, first + count)]}
    link = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Answer(body=json.dumps(body).encode(), headers={"Content-Type": OCI_INDEX, **link})


@pytest.mark.parametrize(("headers", "listed"), [({"OCI-Subject": SUBJECT}, True), ({}, False)])
def test_a_registry_says_that_it_lists_what_refers(headers: dict[str, str], listed: bool) -> None:
    with asked(lambda _: Answer(201, headers=headers)) as repository:
        assert repository.put_manifest(SUBJECT, b"{}", OCI_MANIFEST) is listed


def test_pages_are_read_to_their_end() -> None:
    following = f"/v2/a/b/referrers/{SUBJECT}?next=1"
    with asked(lambda record: page(60, 40) if record.query else page(0, 60, following)) as repository:
        assert [entry["digest"] for entry in repository.referrers(SUBJECT)] == list(range(100))


def test_pages_without_end_are_left() -> None:
    with asked(lambda _: page(0, 60, f"/v2/a/b/referrers/{SUBJECT}?next=1")) as repository, pytest.raises(InvalidError, match="more than 100"):
        repository.referrers(SUBJECT)


def test_pages_of_nothing_are_left() -> None:
    with asked(lambda _: page(0, 0, f"/v2/a/b/referrers/{SUBJECT}?next=1")) as repository, pytest.raises(InvalidError, match="pages"):
        repository.referrers(SUBJECT)


def test_a_next_page_that_is_no_address_is_refused() -> None:
    with asked(lambda _: page(0, 3, "http://[::1/")) as repository, pytest.raises(RegistryError, match="is no address"):
        repository.referrers(SUBJECT)
