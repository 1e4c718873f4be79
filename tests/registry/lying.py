"""A registry that lies: its answers are data."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from eventstore.model.digests import digest_of
from projections.oci.oci_image import OciImage, blobs_of, manifest_of
from tests.registry.certificates import Certificate
from tests.registry.serving import Answer, Exchange, Record, Server, serving

UNKNOWN = Answer(404, json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": "not here"}]}).encode(), {"Content-Type": "application/json"})
HTML = Answer(200, b"<!DOCTYPE html><title>Welcome</title>", {"Content-Type": "text/html"})


@contextmanager
def lying(answers: Mapping[str, Answer] | Callable[[Record], Answer], tls: Certificate | None = None) -> Iterator[Server]:
    """Serve *answers*: by path, whatever the method, and UNKNOWN for all other paths; or as a function says.

    No Range is heeded, and a HEAD has the head of its GET.
    """
    choose = answers if callable(answers) else lambda record: answers.get(record.path, UNKNOWN)

    def respond(exchange: Exchange) -> None:
        exchange.give(choose(exchange.record))

    with serving(respond, tls) as server:
        yield server


def honest(repository: str, tag: str, image: OciImage) -> dict[str, Answer]:
    """The answers of a registry that holds *image* and tells the truth: replace those that shall be lies."""
    manifest = manifest_of(image)
    head = {"Content-Type": image.manifest_type, "Docker-Content-Digest": digest_of(manifest)}
    answers = {"/v2/": Answer(body=b"{}")}
    for name in (tag, digest_of(manifest)):
        answers[f"/v2/{repository}/manifests/{name}"] = Answer(body=manifest, headers=head)
    for descriptor, opener in blobs_of([image]):
        with opener() as stream:
            body = stream.read()
        answers[f"/v2/{repository}/blobs/{descriptor.digest}"] = Answer(body=body, headers={"Docker-Content-Digest": descriptor.digest})
    return answers
