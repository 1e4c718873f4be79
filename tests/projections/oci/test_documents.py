"""Strict JSON: what is refused, and that what is written is read back."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.errors import InvalidError
from projections.oci import documents


class TestJson:
    """Two readers of the same bytes never see two things."""

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b'{"a":1,"a":2}', "stands there twice"),
            (b'{"x":{"a":1,"a":2}}', "stands there twice"),
            (b'{"Layers":[]}', "must be spelled 'layers'"),
            (b'{"a":NaN}', "NaN is not a JSON number"),
            (b'{"a":-Infinity}', "-Infinity is not a JSON number"),
            (b'{"a":1e999}', "too large"),
            (b'{"a":' + b"9" * 5000 + b"}", "not valid JSON"),
            (b'{"a":"\xff"}', "not UTF-8"),
            (b'{"a":"\\ud800"}', "not UTF-8"),
            (b"\xef\xbb\xbf{}", "not valid JSON"),
            (b"[]", "a JSON object was expected, this is an array"),
            (b"null", "this is null"),
            (b"", "not valid JSON"),
            (b"{} {}", "not valid JSON"),
            (b'{"a":' * 65 + b"1" + b"}" * 65, "nested more than 64 deep"),
            (b'{"a":' + b"[" * 100_000, "nested more than 64 deep"),
            (b'{"a":"' + b"x" * (4 << 20) + b'"}', "at most 4194304"),
        ],
    )
    def test_refused(self, data: bytes, reason: str) -> None:
        with pytest.raises(InvalidError, match=reason) as caught:
            documents.read_object(data, "manifest X", known=("layers",))
        assert str(caught.value).startswith("manifest X: ")

    def test_pairs_of_surrogates_are_text(self) -> None:
        assert documents.read_object(b'{"a":"\\ud83d\\ude00"}', "x") == {"a": "\U0001f600"}

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))  # fmt: skip
    def test_what_is_written_is_read_back(self, value: Any) -> None:
        assert documents.read_object(documents.encode({"a": value}), "x") == {"a": value}

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        with suppress(InvalidError):
            documents.read_object(data, "x")


@given(st.binary())
def test_what_is_no_text_is_replaced_byte_by_byte(data: bytes) -> None:
    """As configs of encoder 3 are; those before spell three for each, which their digests hold."""
    text = data.decode(errors="surrogateescape")
    lost = sum("\udc80" <= c <= "\udcff" for c in text)
    for encode, each in ((documents.encode, 1), (documents.encode_thrice, 3)):
        written = json.loads(encode({"author": text}))["author"]
        assert written.replace("\N{REPLACEMENT CHARACTER}", "") == "".join(c for c in text if not "\udc80" <= c <= "\udcff").replace("\N{REPLACEMENT CHARACTER}", "")
        assert written.count("\N{REPLACEMENT CHARACTER}") == each * lost + text.count("\N{REPLACEMENT CHARACTER}")
