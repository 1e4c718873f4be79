"""Configs of images born here, and Docker's `--change` instructions."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.errors import InvalidError
from eventstore.model.facts import ConfigChange
from projections.oci import config as oci_config
from projections.oci.config import History, Platform, build_config, change_of, changed, parse_config
from projections.oci.instructions import apply_change, apply_changes
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


BASE = {"Env": ["PATH=/bin", "X=a b"], "Cmd": ["sh"], "Labels": {"old": "1"}, "WorkingDir": "/srv", "Kept": {"x": 1}}


class TestChanges:
    @pytest.mark.parametrize(
        ("instruction", "field", "value"),
        [
            ('CMD ["a", "b c"]', "Cmd", ["a", "b c"]),
            ("cmd echo $X", "Cmd", ["/bin/sh", "-c", "echo $X"]),
            ("CMD [ -f /x ] && y", "Cmd", ["/bin/sh", "-c", "[ -f /x ] && y"]),
            ("CMD []", "Cmd", []),
            ('ENTRYPOINT ["/e"]', "Entrypoint", ["/e"]),
            ("ENTRYPOINT exec top -b", "Entrypoint", ["/bin/sh", "-c", "exec top -b"]),
            ("ENV A=1 B='2 3' C=\"4 $PATH\" D=5\\ 6", "Env", [*BASE["Env"], "A=1", "B=2 3", "C=4 /bin", "D=5 6"]),
            ("ENV PATH=$PATH:/opt/bin", "Env", ["PATH=/bin:/opt/bin", "X=a b"]),
            ("ENV A=$X", "Env", [*BASE["Env"], "A=a b"]),
            ("ENV A='$X' B=\\$X C=\"\\$X\"", "Env", [*BASE["Env"], "A=$X", "B=$X", "C=$X"]),
            ("ENV A=${X:-n} B=${Y:-n} C=${X:+y} D=${Y:+y}", "Env", [*BASE["Env"], "A=a b", "B=n", "C=y", "D="]),
            ("ENV A all the rest", "Env", [*BASE["Env"], "A=all the rest"]),
            ("ENV A=", "Env", [*BASE["Env"], "A="]),
            ("ENV\tA=1", "Env", [*BASE["Env"], "A=1"]),
            ('LABEL a=1 "b c"="d=e"', "Labels", {"old": "1", "a": "1", "b c": "d=e"}),
            ("LABEL old some text", "Labels", {"old": "some text"}),
            ("EXPOSE 80 53/udp 8000-8002/TCP", "ExposedPorts", {port: {} for port in ("80/tcp", "53/udp", "8000/tcp", "8001/tcp", "8002/tcp")}),
            ("VOLUME /a /b", "Volumes", {"/a": {}, "/b": {}}),
            ('VOLUME ["/a b"]', "Volumes", {"/a b": {}}),
            ("USER www-data:adm", "User", "www-data:adm"),
            ("WORKDIR /a/../b", "WorkingDir", "/b"),
            ("WORKDIR sub/dir", "WorkingDir", "/srv/sub/dir"),
            ("WORKDIR //x", "WorkingDir", "/x"),
            ("STOPSIGNAL SIGTERM", "StopSignal", "SIGTERM"),
            ("STOPSIGNAL 9", "StopSignal", "9"),
            ("STOPSIGNAL SIGRTMIN+3", "StopSignal", "SIGRTMIN+3"),
            ("ONBUILD RUN make", "OnBuild", ["RUN make"]),
            ("HEALTHCHECK NONE", "Healthcheck", {"Test": ["NONE"]}),
            ("HEALTHCHECK CMD curl -f http://x", "Healthcheck", {"Test": ["CMD-SHELL", "curl -f http://x"]}),
            (
                'HEALTHCHECK --interval=1m30s --timeout=0.5s --start-period=2h --start-interval=5ms --retries=3 CMD ["x"]',
                "Healthcheck",
                {
                    "Interval": 90 * 10**9,
                    "Timeout": 5 * 10**8,
                    "StartPeriod": 7200 * 10**9,
                    "StartInterval": 5 * 10**6,
                    "Retries": 3,
                    "Test": ["CMD", "x"],
                },
            ),
        ],
    )  # fmt: skip
    def test_accepted(self, instruction: str, field: str, value: Any) -> None:
        assert apply_change(BASE, instruction)[field] == value
        assert apply_change(BASE, instruction)["Kept"] == {"x": 1}

    @pytest.mark.parametrize(
        ("instruction", "reason"),
        [
            ("RUN x", "not an instruction that changes an image's config; allowed are CMD, ENTRYPOINT, ENV"),
            ("", "not an instruction"),
            ("CMD", "its argument is missing"),
            ('CMD ["a", 1]', "not a JSON array of strings"),
            ('CMD ["a"', "not a JSON array of strings"),
            ("CMD ['a', 'b']", "not a JSON array of strings"),
            ("ENV A", "name=value was expected"),
            ("ENV =1", "is not name=value"),
            ("ENV A=1 B", "'B' is not name=value"),
            ("ENV A='1", "a quote is not closed"),
            ("ENV A=${X:-${Y}}", "cannot be expanded"),
            ("EXPOSE 0", "'0' is not a port"),
            ("EXPOSE 70000", "is not a port"),
            ("EXPOSE 9-8", "is not a port"),
            ("EXPOSE 80/icmp", "is not a port"),
            ("VOLUME ['/a']", "not a JSON array"),
            ('VOLUME [""]', "a volume's path is empty"),
            ("USER a b", "exactly one word"),
            ("STOPSIGNAL SIGNOPE", "is not a signal"),
            ("STOPSIGNAL 65", "is not a signal"),
            ("ONBUILD FROM x", "FROM cannot be a trigger"),
            ("HEALTHCHECK --interval=5 CMD x", "not a duration"),
            ("HEALTHCHECK --nope=5s CMD x", "not an option"),
            ("HEALTHCHECK --retries=3", "NONE, or options and CMD"),
            ("HEALTHCHECK curl", "NONE, or options and CMD"),
        ],
    )
    def test_refused(self, instruction: str, reason: str) -> None:
        with pytest.raises(InvalidError, match=reason) as caught:
            apply_change(BASE, instruction)
        assert "\n" not in str(caught.value)
        assert "WORKDIR" in str(caught.value)

    def test_an_entrypoint_drops_the_base_s_cmd_but_not_one_given_beside_it(self) -> None:
        assert "Cmd" not in apply_changes(BASE, ['ENTRYPOINT ["e"]'])
        for order in (["CMD c", "ENTRYPOINT e"], ["ENTRYPOINT e", "CMD c"]):
            assert apply_changes(BASE, order)["Cmd"] == ["/bin/sh", "-c", "c"]

    def test_the_image_s_own_shell_runs_the_shell_form(self) -> None:
        assert apply_change({"Shell": ["/bin/bash", "-c"]}, "CMD x")["Cmd"] == ["/bin/bash", "-c", "x"]

    def test_the_config_given_is_not_changed(self) -> None:
        before = json.dumps(BASE)
        apply_changes(BASE, ["ENV A=1", "LABEL b=2", "EXPOSE 1", "ONBUILD RUN x"])
        assert json.dumps(BASE) == before


SAID = (
    "ENV A=1", "ENV A=2 B=$A", "ENV C='d e'", "LABEL x=y", "LABEL x=", "CMD run", 'CMD ["a", "b"]', "ENTRYPOINT x", 'ENTRYPOINT ["y"]',
    "EXPOSE 80 81/udp", "VOLUME /v", "WORKDIR a", "WORKDIR /b/$A", "USER 5:6", "STOPSIGNAL INT", "ONBUILD RUN x", "HEALTHCHECK NONE",
)  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(SAID), max_size=4), max_size=5))
def test_the_fields_that_a_change_states_are_what_its_instructions_say(groups: list[list[str]]) -> None:
    """So that whoever reads the event needs no parser: step by step, and whatever was there before."""
    said: dict[str, Any] = {"Env": ["PATH=/bin"], "Cmd": ["old"], "Odd": 1}
    stated = dict(said)
    for instructions in groups:
        change = change_of(stated, instructions)
        stated = changed(stated, ConfigChange(change.instructions, json.loads(json.dumps(change.set)), change.unset))
        said = apply_changes(said, instructions)
        assert stated == said
        assert not set(change.unset) & set(change.set or {})
