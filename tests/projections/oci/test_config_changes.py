"""What `--change`, `config` and `config --unset` make of a run config, and what they refuse."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.errors import InvalidError
from eventstore.model.facts import ConfigChange
from projections.oci import config_changes
from projections.oci.config import change_of, changed
from projections.oci.config_changes import applied, read, unset
from projections.oci.documents import Json
from projections.oci.instructions_of_schema_1 import apply_changes

BASE = {"Env": ["PATH=/bin", "X=a b"], "Cmd": ["sh"], "Labels": {"old": "1"}, "WorkingDir": "/srv", "Kept": {"x": 1}}


def by(*texts: str, config: Json = BASE) -> Json:
    return applied(config, read(texts))


class TestOneInstruction:
    @pytest.mark.parametrize(
        ("text", "field", "value"),
        [
            ('CMD ["a", "b c"]', "Cmd", ["a", "b c"]),
            ("cmd echo $X", "Cmd", ["/bin/sh", "-c", "echo $X"]),
            ("CMD [ -f /x ] && y", "Cmd", ["/bin/sh", "-c", "[ -f /x ] && y"]),
            ("CMD []", "Cmd", []),
            ('ENTRYPOINT ["/e"]', "Entrypoint", ["/e"]),
            ("ENTRYPOINT exec top -b", "Entrypoint", ["/bin/sh", "-c", "exec top -b"]),
            ("ENV A=1 B='2 3' C=\"4 $PATH\" D=5\\ 6", "Env", [*BASE["Env"], "A=1", "B=2 3", "C=4 /bin", "D=5 6"]),
            ("ENV PATH=$PATH:/opt/bin", "Env", ["PATH=/bin:/opt/bin", "X=a b"]),
            ("ENV A='$X' B=\\$X C=\"\\$X\"", "Env", [*BASE["Env"], "A=$X", "B=$X", "C=$X"]),
            ("ENV A=${X:-n} B=${Y:-n} C=${X:+y} D=${Y:+y} E=$Y", "Env", [*BASE["Env"], "A=a b", "B=n", "C=y", "D=", "E="]),
            ('ENV A=${PATH#/} B="${X% *}" C=${X/a/c} D=${Y:-${X}}', "Env", [*BASE["Env"], "A=bin", "B=a", "C=c b", "D=a b"]),
            ("ENV A all the rest", "Env", [*BASE["Env"], "A=all the rest"]),
            ("ENV A=", "Env", [*BASE["Env"], "A="]),
            ("  ENV\tA=1", "Env", [*BASE["Env"], "A=1"]),
            ('LABEL a=1 "b c"="d=e"', "Labels", {"old": "1", "a": "1", "b c": "d=e"}),
            ("LABEL old some text", "Labels", {"old": "some text"}),
            ("EXPOSE 80 53/udp 8000-8001/TCP", "ExposedPorts", {port: {} for port in ("80/tcp", "53/udp", "8000/tcp", "8001/tcp")}),
            ("VOLUME /a /b", "Volumes", {"/a": {}, "/b": {}}),
            ('VOLUME ["/a b", "$PATH"]', "Volumes", {"/a b": {}, "/bin": {}}),
            ("USER www-data:adm", "User", "www-data:adm"),
            ("WORKDIR /a/../b", "WorkingDir", "/b"),
            ("WORKDIR sub/dir", "WorkingDir", "/srv/sub/dir"),
            ("WORKDIR //x", "WorkingDir", "/x"),
            ("STOPSIGNAL SIGRTMIN+3", "StopSignal", "SIGRTMIN+3"),
            ("ONBUILD RUN make", "OnBuild", ["RUN make"]),
            ("onbuild EXPOSE $PORT", "OnBuild", ["EXPOSE $PORT"]),
            ("ONBUILD COPY --from=x a b", "OnBuild", ["COPY --from=x a b"]),
            ("HEALTHCHECK NONE", "Healthcheck", {"Test": ["NONE"]}),
            ("HEALTHCHECK CMD curl -f http://x", "Healthcheck", {"Test": ["CMD-SHELL", "curl -f http://x"]}),
            ('HEALTHCHECK --interval=1m30s --retries=3 CMD ["x"]', "Healthcheck", {"Interval": 90 * 10**9, "Retries": 3, "Test": ["CMD", "x"]}),
        ],
    )  # fmt: skip
    def test_accepted(self, text: str, field: str, value: Any) -> None:
        assert by(text)[field] == value
        assert by(text)["Kept"] == {"x": 1}

    @pytest.mark.parametrize(
        ("text", "reason", "advice"),
        [
            ("RUN x", "RUN does not change the config", "allowed are CMD, ENTRYPOINT, ENV"),
            ("FROM x", "FROM does not change the config", "allowed are CMD"),
            ("NOPE x", "unknown instruction: NOPE", "allowed are CMD"),
            ("CMD=", "its argument is missing", "write 'CMD \\["),
            ("", "it holds no instruction", "allowed are CMD"),
            ("# ENV A=1", "it holds no instruction", "allowed are CMD"),
            ("CMD", "its argument is missing", "write 'CMD \\["),
            ("CMD --flag x", "no option --flag", "write 'CMD \\["),
            ('CMD ["a", 1]', "Only strings are supported in JSON arrays", "write 'CMD"),
            ('CMD ["a"', "not a JSON array of strings", "write 'CMD"),
            ("CMD ['a', 'b']", "which have double quotes", "write 'CMD"),
            ("CMD " + "[" * 10**5, "nested too deeply", "write 'CMD"),
            ("ENV A", "ENV must have two arguments", "write 'ENV NAME=VALUE'"),
            ("ENV =1", "a name is empty", "write 'ENV NAME=VALUE'"),
            ("ENV A=1 B", 'find = in "B"', "write 'ENV NAME=VALUE'"),
            ("ENV A='1", "matching single-quote", "write 'ENV NAME=VALUE'"),
            ("ENV A=${X:?", "missing '}'", "write 'ENV NAME=VALUE'"),
            ("ENV A=${Y:?missing}", "Y: missing", "write 'ENV NAME=VALUE'"),
            ("EXPOSE 0", "'0' is not a port", "write 'EXPOSE 8080'"),
            ("EXPOSE 70000", "is not a port", "write 'EXPOSE 8080'"),
            ("EXPOSE 9-8", "is not a port", "write 'EXPOSE 8080'"),
            ("VOLUME ['/a']", "not a JSON array", "write 'VOLUME /path'"),
            ('VOLUME [""]', "a volume's path is empty", "write 'VOLUME /path'"),
            ("USER a b", "exactly one word", "write 'USER NAME'"),
            ("STOPSIGNAL SIGNOPE", "is not a signal", "write 'STOPSIGNAL SIGTERM'"),
            ("ONBUILD FROM x", "FROM cannot wait", "write 'ONBUILD RUN make'"),
            ("ONBUILD ONBUILD RUN x", "ONBUILD cannot wait", "write 'ONBUILD RUN make'"),
            ("ONBUILD", "the instruction that waits is missing", "write 'ONBUILD RUN make'"),
            ("ONBUILD RUM make", "unknown instruction: RUM", "write 'ONBUILD RUN make'"),
            ("ONBUILD COPY a", "an argument of COPY is missing", "write 'ONBUILD RUN make'"),
            ("ONBUILD RUN", "an argument of RUN is missing", "write 'ONBUILD RUN make'"),
            ("ONBUILD SHELL bash", "SHELL takes a JSON array", "write 'ONBUILD RUN make'"),
            ("ONBUILD EXPOSE web", "'web' is not a port", "write 'ONBUILD RUN make'"),
            ("ONBUILD ENV A", "two arguments", "write 'ONBUILD RUN make'"),
            ("HEALTHCHECK --interval=5 CMD x", "not a duration", "write 'HEALTHCHECK --interval=30s"),
            ("HEALTHCHECK --nope=5s CMD x", "not an option", "write 'HEALTHCHECK"),
            ("HEALTHCHECK --retries=3", "its argument is missing", "write 'HEALTHCHECK"),
            ("HEALTHCHECK CMD", "NONE, or options and CMD", "write 'HEALTHCHECK"),
            ("HEALTHCHECK curl x", "NONE, or options and CMD", "write 'HEALTHCHECK"),
        ],
    )
    def test_refused_in_one_line_with_what_to_write(self, text: str, reason: str, advice: str) -> None:
        with pytest.raises(InvalidError, match=f"{reason.replace('[', '.')}.*; {advice}") as caught:
            by(text)
        assert "\n" not in str(caught.value)
        assert "line" not in str(caught.value).split(";")[0] or "no option" in str(caught.value)


class TestSeveral:
    @pytest.mark.parametrize(
        ("text", "changes"),
        [
            ('LABEL a="one\\\ntwo"', {"Labels": {"a": "onetwo"}}),
            ("ENV A=1 \\\n    B=2", {"Env": ["A=1", "B=2"]}),
            ("ENV A=1 \\  \r\n  # a word\n\n  B=2\nUSER me", {"Env": ["A=1", "B=2"], "User": "me"}),
            ("CMD=/bin/sh", {"Cmd": ["/bin/sh", "-c", "/bin/sh"]}),
            ('cmd=["sh", "-c", "a=b"]', {"Cmd": ["sh", "-c", "a=b"]}),
            ("ENV=a=b", {"Env": ["a=b"]}),
            ("ENV=USER=x \\\n  CMD=y\nUSER=z", {"Env": ["USER=x", "CMD=y"], "User": "z"}),
            ("# escape=`\nENV A=1 `\n  USER=2", {"Env": ["A=1", "USER=2"]}),
            ("# escape=`\nVOLUME C:\\data\nLABEL a=C:\\b", {"Volumes": {"C:\\data": {}}, "Labels": {"a": "C:\\b"}}),
            ("WORKDIR /a\nWORKDIR b\nWORKDIR c", {"WorkingDir": "/a/b/c"}),
            ("ENV A=1\nENV B=$A$A", {"Env": ["A=1", "B=11"]}),
        ],
    )
    def test_lines(self, text: str, changes: Json) -> None:
        assert by(text, config={}) == changes

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("ENV A=1\nEXPOSE web", "change 'EXPOSE web', line 2: 'web' is not a port"),
            ("ENV A=1 \\\n B=2\n\nENV C", "change 'ENV C', line 4: ENV must have two arguments"),
            ("USER=me\nNOPE=x", "change 'NOPE=x', line 2: unknown instruction: NOPE=x; allowed are"),
            ("# escape=x\nUSER me", "line 1: invalid escape token"),
        ],
    )
    def test_the_line_is_named(self, text: str, said: str) -> None:
        with pytest.raises(InvalidError) as caught:
            by(text)
        assert said in str(caught.value)

    def test_an_entrypoint_drops_the_base_s_cmd_but_not_one_given_beside_it(self) -> None:
        assert "Cmd" not in by('ENTRYPOINT ["e"]')
        for order in (["CMD c", "ENTRYPOINT e"], ["ENTRYPOINT e", "CMD c"], ["CMD c\nENTRYPOINT e"]):
            assert by(*order)["Cmd"] == ["/bin/sh", "-c", "c"]

    def test_the_image_s_own_shell_runs_the_shell_form(self) -> None:
        assert by("CMD x", config={"Shell": ["/bin/bash", "-c"]})["Cmd"] == ["/bin/bash", "-c", "x"]

    def test_what_is_recorded_is_one_text_for_each_instruction(self) -> None:
        change = change_of({}, read(["ENV=A=1 \\\n B=2\nUSER me", "CMD x"]))
        assert change.instructions == ("ENV A=1  B=2", "USER me", "CMD x")

    def test_a_hostile_value_does_not_stop_the_clock(self) -> None:
        """A base image's Env may be megabytes, and what a person writes is innocent."""
        config = {"Env": ["EVIL=" + "a" * 10**6]}
        began = time.monotonic()
        with pytest.raises(InvalidError, match="too many \\*"):
            by("ENV A=${EVIL/a*b/c}", config=config)
        with pytest.raises(InvalidError, match="too many \\*"):
            by("ENV A=${X%a*a*a*a*a*b}", config={"Env": ["X=" + "a" * 2000]})
        assert time.monotonic() - began < 5


SET = {
    "Env": ["PATH=/bin", "A=1=2", "B="], "Labels": {"a": "1", "b=c": "2"}, "Cmd": ["x"], "Entrypoint": ["e"], "User": "me",
    "WorkingDir": "/w", "StopSignal": "INT", "ExposedPorts": {"80/tcp": {}, "53/udp": {}, "81/tcp": {}}, "Volumes": {"/d": {}},
    "OnBuild": ["RUN a", "RUN b"], "Healthcheck": {"Test": ["NONE"]}, "Shell": ["sh"],
}  # fmt: skip


class TestUnset:
    @pytest.mark.parametrize("word", config_changes.FIELDS)
    def test_whatever_can_be_set_can_be_unset(self, word: str) -> None:
        field = config_changes.FIELDS[word]
        for spelling in (word, word.lower(), field, field.lower()):
            assert applied(SET, [unset(spelling)]) == {key: value for key, value in SET.items() if key != field}

    @pytest.mark.parametrize(
        ("text", "field", "left"),
        [
            ("ENV=A", "Env", ["PATH=/bin", "B="]),
            ("env=B", "Env", ["PATH=/bin", "A=1=2"]),
            ("LABEL=b=c", "Labels", {"a": "1"}),
            ("Labels=a", "Labels", {"b=c": "2"}),
            ("EXPOSE=80", "ExposedPorts", {"53/udp": {}, "81/tcp": {}}),
            ("expose=80-81/TCP", "ExposedPorts", {"53/udp": {}}),
            ("ExposedPorts=53/udp", "ExposedPorts", {"80/tcp": {}, "81/tcp": {}}),
            ("VOLUME=/d", "Volumes", None),
            ("ONBUILD=RUN a", "OnBuild", ["RUN b"]),
        ],
    )
    def test_one_of_several(self, text: str, field: str, left: object) -> None:
        found = applied(SET, [unset(text)])
        assert found.get(field) == left
        assert (field in found) is (left is not None)
        assert {key: value for key, value in found.items() if key != field} == {k: v for k, v in SET.items() if k != field}

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("ENV=NOPE", "--unset ENV=NOPE: it is not there; ENV has PATH, A, B"),
            ("EXPOSE=80/udp", "it is not there; EXPOSE has 80/tcp, 53/udp, 81/tcp"),
            ("EXPOSE=web", "'web' is not a port"),
            ("CMD=x", "it is one value; `--unset CMD` takes it away"),
            ("Shell", "no such field; there are CMD, ENTRYPOINT, ENV"),
            ("", "no such field"),
            ("=x", "no such field"),
        ],
    )
    def test_refused(self, text: str, said: str) -> None:
        with pytest.raises(InvalidError) as caught:
            applied(SET, [unset(text)])
        assert said in str(caught.value)

    def test_what_is_not_set_cannot_be_unset(self) -> None:
        odd: list[Json] = [{}, {"Env": None}, {"Env": []}]
        for config in odd:
            with pytest.raises(InvalidError, match="--unset ENV: no ENV is set"):
                applied(config, [unset("Env")])
            with pytest.raises(InvalidError, match="--unset ENV=A: no ENV is set"):
                applied(config, [unset("env=A")])

    @pytest.mark.parametrize("config", [{"Env": "abc"}, {"Env": [1]}, {"Env": {"a": 1}}])
    def test_an_odd_base_is_refused_by_its_field(self, config: Json) -> None:
        with pytest.raises(InvalidError, match="'Env'"):
            applied(config, [unset("ENV=a")])


class TestValuesAsTheyStand:
    @given(st.text(min_size=1), st.text())
    def test_a_pair(self, name: str, value: str) -> None:
        text = f"{name}={value}"
        key, _, rest = text.partition("=")
        if key and not any(c.isspace() for c in key):
            assert applied({"Env": ["X=1"]}, [config_changes.pair("LABEL", text)])["Labels"] == {key: rest}

    @given(st.text(min_size=1).filter(str.strip))
    def test_words(self, text: str) -> None:
        assert applied({}, [config_changes.literal("USER", text)]) == {"User": text}
        assert applied({}, [config_changes.volumes([text])]) == {"Volumes": {text: {}}}

    @pytest.mark.parametrize(
        ("text", "command"),
        [
            ('["a", "b"]', ["a", "b"]),
            ("[]", []),
            ("--flag $X 'y\nz' \\", ["/bin/sh", "-c", "--flag $X 'y\nz' \\"]),
            ("[ -f x ]", ["/bin/sh", "-c", "[ -f x ]"]),
        ],
    )
    def test_commands(self, text: str, command: list[str]) -> None:
        assert applied({}, [config_changes.command("CMD", text)]) == {"Cmd": command}

    @pytest.mark.parametrize("text", ["[1]", "['a']", '["a", null]', '["a'])
    def test_commands_refused(self, text: str) -> None:
        with pytest.raises(InvalidError, match="not a JSON array of strings"):
            applied({}, [config_changes.command("ENTRYPOINT", text)])


def test_the_config_given_is_not_changed() -> None:
    before = json.dumps([BASE, SET])
    by("ENV A=1", "LABEL b=2", "EXPOSE 1", "ONBUILD RUN x")
    applied(SET, [unset("ENV=A"), unset("LABEL=a"), unset("ONBUILD"), unset("EXPOSE=80")])
    assert json.dumps([BASE, SET]) == before


SAID = (
    "ENV A=1", "ENV A=2 B=$A", "ENV C='d e'", "LABEL x=y", "LABEL x=", "CMD run", 'CMD ["a", "b"]', "ENTRYPOINT x", 'ENTRYPOINT ["y"]',
    "EXPOSE 80 81/udp", "VOLUME /v", "WORKDIR a", "WORKDIR /b/$A", "USER 5:6", "STOPSIGNAL INT", "ONBUILD RUN x", "HEALTHCHECK NONE",
)  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(SAID), max_size=4), max_size=5))
def test_the_fields_that_a_change_states_are_what_its_instructions_say(groups: list[list[str]]) -> None:
    """So that whoever reads the event needs no parser: step by step, and whatever was there before. Schema 1 said the same."""
    said: dict[str, Any] = {"Env": ["PATH=/bin"], "Cmd": ["old"], "Odd": 1}
    stated, old = dict(said), dict(said)
    for texts in groups:
        instructions = read(texts)
        change = change_of(stated, instructions)
        stated = changed(stated, ConfigChange(change.instructions, json.loads(json.dumps(change.set)), change.unset))
        said, old = applied(said, instructions), apply_changes(old, texts)
        assert stated == said == old
        assert not set(change.unset) & set(change.set or {})


@given(st.lists(st.sampled_from([*(f"{word}" for word in config_changes.FIELDS), "ENV=A", "LABEL=a", "EXPOSE=80", "VOLUME=/d"]), unique=True))
def test_what_an_unset_states_is_what_it_does(texts: list[str]) -> None:
    config: Json = dict(SET)
    for text in texts:
        if config.get(config_changes.FIELDS[text.partition("=")[0]]) and not (text == "VOLUME=/d" and "Volumes" not in config):
            change = change_of(config, [unset(text)])
            assert changed(config, change) == applied(config, [unset(text)])
            config = changed(config, change)
            assert change.instructions == (f"UNSET {text}",)
