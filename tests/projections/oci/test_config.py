"""Configs of images born here."""

import hashlib
import json
from typing import Any

import pytest

from eventstore.errors import InvalidError
from eventstore.model.facts import ConfigChange
from projections.oci import config as oci_config
from projections.oci.config import History, Platform, build_config, parse_config
from tests import images
from tests.images import TARS

ARM = Platform("linux", "arm64", "v8")
IDS = tuple(hashlib.sha256(tar).digest() for tar in TARS)
NEW = hashlib.sha256(b"new").digest()
STEP = History("2026-11-24T11:00:00.5Z", "cp webapps.dist webapps", "Ada", "webapps")


class TestParse:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"rootfs": None}, "'rootfs' is missing"),
            ({"rootfs": {"type": "disk", "diff_ids": []}}, "'layers' is read"),
            ({"rootfs": {"type": "layers", "diff_ids": ["sha256:x"]}}, "not a digest"),
            ({"rootfs": {"type": "layers", "Diff_IDs": []}}, "must be spelled"),
            ({"rootfs": {"type": "layers", "diff_ids": []}}, "0 diff_ids for 2 layers"),
            ({"config": []}, "'config' is an array"),
            ({"history": [1]}, "holds a whole number"),
            ({"history": [{"empty_layer": "yes"}]}, "'empty_layer' is a string"),
            ({"History": []}, "must be spelled 'history'"),
        ],
    )
    def test_refused(self, change: dict[str, Any], reason: str) -> None:
        with pytest.raises(InvalidError, match=reason):
            parse_config(images.config(TARS, **change), "config", layers=2)

    def test_history(self) -> None:
        config = parse_config(images.config(TARS[:1], history=[{"comment": "c", "created": None, "x": 1}]), "config")
        assert oci_config.history(config) == (History(comment="c"),)
        assert oci_config.diff_ids(config) == IDS[:1]


class TestBuild:
    def test_from_scratch(self) -> None:
        config = json.loads(build_config(None, layers=[NEW], added=[STEP], platform=ARM))
        assert config == {
            "architecture": "arm64",
            "author": "Ada",
            "config": {},
            "created": "2026-11-24T11:00:00.5Z",
            "history": [
                {
                    "author": "Ada",
                    "comment": "webapps",
                    "created": "2026-11-24T11:00:00.5Z",
                    "created_by": "cp webapps.dist webapps",
                }
            ],
            "os": "linux",
            "rootfs": {"diff_ids": ["sha256:" + NEW.hex()], "type": "layers"},
            "variant": "v8",
        }

    def test_a_base_survives_with_its_unknown_fields(self) -> None:
        base = images.config(TARS, container_config={"Odd": [1]}, moby={"x": None})
        steps = [STEP, History("2026-11-24T12:00:00Z", empty_layer=True)]
        built = build_config(base, layers=[*IDS, NEW], added=steps, changes=[ConfigChange(("ENV A=1",), None)], platform=ARM)
        config = json.loads(built)
        assert (config["container_config"], config["moby"]) == ({"Odd": [1]}, {"x": None})
        assert config["architecture"] == "amd64"
        assert config["config"] == {"Env": ["PATH=/bin", "A=1"]}
        assert [step.get("created_by") for step in config["history"]] == ["step 1", "step 2", STEP.created_by, None]
        assert config["created"] == "2026-11-24T12:00:00Z"
        assert config["author"] == "Ada"
        assert built == build_config(base, layers=[*IDS, NEW], added=steps, changes=[ConfigChange(("ENV A=1",), None)], platform=ARM)
        assert len(parse_config(built, "config", layers=3)["rootfs"]["diff_ids"]) == 3

    def test_the_base_s_author_is_not_the_new_image_s(self) -> None:
        base = images.config(TARS, author="Grace")
        step = History("2026-11-24T12:00:00Z", empty_layer=True)
        assert "author" not in json.loads(build_config(base, layers=IDS, added=[step], platform=ARM))
        assert json.loads(build_config(base, layers=IDS, platform=ARM))["author"] == "Grace"

    def test_a_base_without_history_gets_a_step_for_each_layer(self) -> None:
        built = build_config(images.config(TARS, history=None), layers=[*IDS, NEW], added=[STEP], platform=ARM)
        found = oci_config.history(parse_config(built, "config"))
        assert [step.comment for step in found] == [oci_config.UNKNOWN_STEP] * 2 + ["webapps"]

    @pytest.mark.parametrize(
        ("layers", "added", "reason"),
        [
            ([*IDS], [STEP], "1 steps with a layer for 0 new layers"),
            ([*IDS, NEW], [], "0 steps with a layer for 1 new layers"),
            ([NEW, *IDS], [STEP], "do not begin with those of the base"),
            ([*IDS, NEW], [History("yesterday")], "RFC 3339"),
        ],
    )
    def test_refused(self, layers: list[bytes], added: list[History], reason: str) -> None:
        with pytest.raises(InvalidError, match=reason):
            build_config(images.config(TARS), layers=layers, added=added, platform=ARM)

    def test_bytes_that_are_no_text_become_the_replacement_character(self) -> None:
        step = History("2026-11-24T11:00:00Z", comment=b"caf\xe9 \xc3\xa9".decode("utf-8", "surrogateescape"))
        config = parse_config(build_config(None, layers=[NEW], added=[step], platform=ARM), "config")
        assert config["history"][0]["comment"].endswith(" \u00e9")
        assert "\ufffd" in config["history"][0]["comment"]
