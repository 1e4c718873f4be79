"""What schema 1's instructions mean never changes: configs have left that were made of them."""

import json
from typing import Any

import pytest

from eventstore.errors import InvalidError
from projections.oci.instructions_of_schema_1 import apply_change, apply_changes

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
