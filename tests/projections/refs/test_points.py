"""What a reference is without its points."""

import pytest

from projections.refs.references import without_points


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("web", "web"), ("web@1", "web"), ("web~", "web"), ("web^^~2^", "web"), ("app:1@{x~y}~3", "app:1"), ("web@3~0", "web"),
        ("a~1b", "a~1b"), ("web~1~", "web"), ("~1", ""), ("^", ""), ("", ""), ("a@b", "a@b"), ("app@{1}@{2}", "app@{1}"),
    ],
)  # fmt: skip
def test_points_are_taken_off_the_end(text: str, ref: str) -> None:
    assert without_points(text) == ref


@pytest.mark.parametrize("ending", ["^~", "~1", "^", "~1x", "~^ "])
def test_it_takes_no_long_time(ending: str) -> None:
    assert without_points("a:" + ending * 50_000).startswith("a:")
