"""How bytes and texts are shown: in one way, whichever of the two a name is."""

import os

from hypothesis import given
from hypothesis import strategies as st

from eventstore.model.paths import shown


@given(st.binary())
def test_a_name_is_shown_the_same_as_bytes_and_as_the_text_that_stands_for_them(name: bytes) -> None:
    assert shown(os.fsdecode(name)) == shown(name)
    assert shown(name).isprintable()


def test_what_is_shown_of_an_author_in_latin_1() -> None:
    assert shown("J\udcfcrgen") == shown(b"J\xfcrgen") == r"J\xfcrgen"
