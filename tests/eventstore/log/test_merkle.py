"""The tree is RFC 6962's: its published vectors, its own definitions written down naively, and every proof up to 40 leaves."""

from hashlib import sha256

import pytest

from eventstore.log import merkle

# the leaves and roots of certificate-transparency's own tests (merkletree/merkle_tree_test.cc)
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
PATHS = {  # (leaf, tree size) -> the published audit path
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
}
SIZES = range(1, 41)


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, as it stands there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    cut = max(1 << bit for bit in range(20) if 1 << bit < len(leaves))
    return sha256(b"\1" + mth(leaves[:cut]) + mth(leaves[cut:])).digest()


def nodes(leaves: list[bytes]) -> merkle.Node:
    return lambda level, number: mth(leaves[number << level : (number + 1) << level])


def numbers(size: int) -> list[bytes]:
    return [b"%d" % number for number in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    leaves = LEAVES[:size]
    assert mth(leaves).hex() == ROOTS[size]
    assert merkle.range_hash(nodes(leaves), 0, size).hex() == ROOTS[size]
    assert merkle.root_of([merkle.leaf_hash(leaf) for leaf in leaves]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_published_paths(index: int, size: int) -> None:
    assert [node.hex() for node in merkle.inclusion_proof(nodes(LEAVES), index, size)] == list(PATHS[index, size])


@pytest.mark.parametrize("size", SIZES)
def test_every_way_to_a_root_is_the_naive_one(size: int) -> None:
    leaves = numbers(size)
    frontier, stored = merkle.Frontier(), {}
    for number, leaf in enumerate(map(merkle.leaf_hash, leaves)):
        frontier.push(leaf)
        stored[0, number] = leaf
        found = merkle.completed(lambda level, number: stored[level, number], number, leaf)
        stored.update({(level, at): value for level, at, value in found})
    assert frontier.root() == mth(leaves)
    assert merkle.root_of([merkle.leaf_hash(leaf) for leaf in leaves]) == mth(leaves)
    assert merkle.range_hash(lambda level, number: stored[level, number], 0, size) == mth(leaves)
    assert stored == {(level, at): nodes(leaves)(level, at) for level in range(7) for at in range(size >> level)}


@pytest.mark.parametrize("size", SIZES)
def test_every_inclusion_proof(size: int) -> None:
    leaves, root = numbers(size), mth(numbers(size))
    for index in range(size):
        leaf, proof = merkle.leaf_hash(leaves[index]), merkle.inclusion_proof(nodes(leaves), index, size)
        assert len(proof) <= (size - 1).bit_length()
        assert merkle.root_from_inclusion(leaf, index, size, proof) == root
        assert merkle.root_from_inclusion(merkle.leaf_hash(b"x"), index, size, proof) != root
        assert merkle.root_from_inclusion(leaf, size, size, proof) is None
        assert merkle.root_from_inclusion(leaf, index, size, [*proof, b"\0" * 32]) is None
        for other in range(size):
            if other != index:
                assert merkle.root_from_inclusion(leaf, other, size, proof) != root


@pytest.mark.parametrize("new", SIZES)
def test_every_consistency_proof(new: int) -> None:
    leaves, root = numbers(new), mth(numbers(new))
    for old in range(1, new + 1):
        before, proof = mth(leaves[:old]), merkle.consistency_proof(nodes(leaves), old, new)
        assert merkle.is_consistent(old, before, new, root, proof)
        assert not merkle.is_consistent(old, merkle.leaf_hash(b"x"), new, root, proof)
        assert not merkle.is_consistent(old, before, new, merkle.leaf_hash(b"x"), proof)
        assert not merkle.is_consistent(old, before, new, root, [*proof, b"\0" * 32])
        if proof:
            assert not merkle.is_consistent(old, before, new, root, proof[:-1])
    assert not merkle.is_consistent(0, merkle.EMPTY, new, root, [])
    assert not merkle.is_consistent(new + 1, root, new, root, [])


def test_proofs_of_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="leaf 3 is not in a tree of 3"):
        merkle.inclusion_proof(nodes(LEAVES), 3, 3)
    with pytest.raises(ValueError, match="no consistency proof from 4 to 3 leaves"):
        merkle.consistency_proof(nodes(LEAVES), 4, 3)
