import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.session.redact import redacted


@pytest.mark.parametrize(
    ("argv", "recorded"),
    [
        ("create -e PW=x img", "create -e PW=*** img"),
        ("create -ePW=x --env=TOKEN=y --env A=b=c img", "create -ePW=*** --env=TOKEN=*** --env A=*** img"),
        ("create -e HOME img", "create -e HOME img"),
        ("run -itePW=x -ite PW=x img", "run -itePW=*** -ite PW=*** img"),
        ("build --build-arg KEY=x --build-arg=KEY=x .", "build --build-arg KEY=*** --build-arg=KEY=*** ."),
        ("login --password x --token=x --identity-token x", "login --password *** --token=*** --identity-token ***"),
        ("login --password-stdin host", "login --password-stdin host"),
        ("login --password -mine host", "login --password *** host"),
        ("pull -u me:x:y img", "pull -u me:*** img"),
        ("pull -ume:x --creds=me:x --creds me:x -u me img", "pull -ume:*** --creds=me:*** --creds me:*** -u me img"),
        ("pull https://me:x@host/img", "pull https://me:***@host/img"),
        ("pull https://me:p@ss@host/img", "pull https://me:***@host/img"),
        ("config --env A=b web", "config --env A=*** web"),
        ("write --text x --mode 600 web:/f", "write --text *** --mode 600 web:/f"),
        ("ps -a -e A=b", "ps -a -e A=***"),
        ("cat web:/a=b", "cat web:/a=b"),
        ("create -e", "create -e"),
        ("", ""),
    ],
)
def test_what_is_hidden(argv: str, recorded: str) -> None:
    assert redacted(argv.split()) == recorded.split()


@pytest.mark.parametrize(
    ("change", "recorded"),
    [
        ("ENV A=b", "ENV A=***"),
        ('env A="b c" D=e\\ f', "ENV A=*** D=***"),
        ("ENV\tA=b", "ENV A=***"),
        ("ENV A b c", "ENV A ***"),
        ('ENV A="b', "ENV A=***"),
        ("ENV =b", "ENV =***"),
        ("ENV=A=b", "ENV A=***"),
        ("ENV A=1 \\\n  B=2\nUSER root", "ENV A=*** B=***\nUSER root"),
        ("# escape=`\nENV A=1 `\n  USER=2", "ENV A=*** USER=***"),
        ("USER root\nENV A", "USER ***"),
        ("ONBUILD ENV A=b", "ONBUILD ENV A=***"),
        ("ONBUILD ARG A=b", "ONBUILD ARG A=***"),
        ("ONBUILD ONBUILD ENV A=b", "ONBUILD ***"),
        ("CMD env A=b", "CMD env A=b"),
        ("ENV", "ENV"),
        ("ARG KEY=b", "ARG KEY=***"),
        ("LABEL a=b", "LABEL a=b"),
        ('CMD ["a"]', 'CMD ["a"]'),
        ("", ""),
    ],
)
def test_what_a_change_hides(change: str, recorded: str) -> None:
    assert redacted(["commit", "--change", change, "web"]) == ["commit", "--change", recorded, "web"]
    assert redacted([f"--change={change}"]) == [f"--change={recorded}"]
    assert redacted(["-c", change]) == ["-c", recorded]


@pytest.mark.parametrize("option", ["-m", "--message", "-a", "--author"])
def test_messages_and_authors_stay(option: str) -> None:
    message = "set A=b, see https://me:x@host\n\x1b[31m"
    assert redacted(["commit", option, message, "web"]) == ["commit", option, message, "web"]


@given(st.lists(st.text()))
def test_every_item_stays_in_its_place(argv: list[str]) -> None:
    assert len(redacted(argv)) == len(argv)


@given(
    st.lists(st.sampled_from(["-a", "-m", "-u", "-c", "-q", "--all", "x", "--", "create"])),
    st.sampled_from(["-e", "--env", "--build-arg"]),
)
def test_a_pair_is_hidden_whatever_stands_before_it(before: list[str], option: str) -> None:
    assert not any("hunter2" in item for item in redacted([*before, option, "PW=hunter2"]))
