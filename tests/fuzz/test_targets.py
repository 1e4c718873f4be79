"""Every target on every kept input, and on what hypothesis makes of them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.corpora import corpus
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_every_kept_input(target: str) -> None:
    for data in corpus(target):
        TARGETS[target](data)


def mutated(data: bytes, seed: int) -> bytes:
    """Return *data* with some bytes changed, cut out, doubled or put in."""
    chance, changed = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed) + 1)
        length = chance.choice((1, 1, 1, 2, 8, 512))
        match chance.randrange(4):
            case 0:
                changed[at : at + length] = chance.randbytes(len(changed[at : at + length]))
            case 1:
                del changed[at : at + length]
            case 2:
                changed[at:at] = changed[at : at + length]
            case _:
                changed[at : at + 1] = chance.choice((b"\0", b"\xff", b"9", b"/", b"..", b'"', b"{", b"\x80"))
    return bytes(changed)


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
def test_inputs_that_were_changed(target: str, data: st.DataObject) -> None:
    inputs = corpus_of(target)
    base = data.draw(st.sampled_from(range(len(inputs))))
    TARGETS[target](mutated(inputs[base], data.draw(st.integers(0, 1 << 32))))


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.binary(max_size=1200))
def test_any_bytes(target: str, data: bytes) -> None:
    TARGETS[target](data)


_INPUTS: dict[str, list[bytes]] = {}


def corpus_of(target: str) -> list[bytes]:
    if target not in _INPUTS:
        _INPUTS[target] = corpus(target)
    return _INPUTS[target]
