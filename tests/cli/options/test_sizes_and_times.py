import pytest

from cli.options.sizes_and_times import parse_size
from eventstore.errors import InvalidError


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("5000", 5000), ("7b", 7), ("1k", 1024), ("1KB", 1000), ("1KiB", 1024), ("64GiB", 64 << 30), ("10 MB", 10**7), ("2t", 2 << 40)],
)
def test_sizes_are_read_as_dockers_options_are(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5G", "GiB", "1 PiB", "1" * 16, "1e9", "\u0661"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="is not a size"):
        parse_size(text)
