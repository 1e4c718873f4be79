"""RFC 6962 Merkle trees over SHA-256: roots, inclusion proofs and consistency proofs."""

from collections.abc import Callable, Sequence
from hashlib import sha256

EMPTY = sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""(level, number) -> the hash of the perfect subtree over leaves [number * 2**level, (number + 1) * 2**level)."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


class Frontier:
    """The root of leaves pushed one by one, in O(log n) memory."""

    def __init__(self) -> None:
        self._peaks: list[bytes] = []
        self.size = 0

    def push(self, leaf: bytes) -> None:
        size, peaks = self.size, self._peaks
        self.size = size + 1
        while size & 1:
            leaf = sha256(b"\1" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)

    def root(self) -> bytes:
        if not self._peaks:
            return EMPTY
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of leaves (or of equal perfect subtrees, the last one any) that are at hand."""
    if not leaves:
        return EMPTY
    while len(leaves) > 1:
        above = [sha256(b"\1" + left + right).digest() for left, right in zip(leaves[::2], leaves[1::2], strict=False)]
        leaves = [*above, leaves[-1]] if len(leaves) & 1 else above
    return leaves[0]


def completed(node: Node, number: int, leaf: bytes) -> list[tuple[int, int, bytes]]:
    """Return the (level, number, hash) of every perfect subtree above level 0 that leaf *number* completes."""
    found, level, value = [], 0, leaf
    while number & 1:
        value = node_hash(node(level, number - 1), value)
        level, number = level + 1, number >> 1
        found.append((level, number, value))
    return found


def range_hash(node: Node, start: int, end: int) -> bytes:
    """Return the hash over leaves [start, end) where start is a multiple of the range's enclosing power of two.

    O(log(end - start)) nodes are asked for; from 0 it is the tree head over the first *end* leaves.
    """
    size = end - start
    if size == 0:
        return EMPTY
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    cut = 1 << ((size - 1).bit_length() - 1)
    return node_hash(range_hash(node, start, start + cut), range_hash(node, start + cut, end))


def inclusion_proof(node: Node, index: int, size: int) -> list[bytes]:
    """Return PATH(index, D[size]) of RFC 6962 section 2.1.1, leaf side first."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    return _path(node, index, 0, size)


def _path(node: Node, index: int, start: int, end: int) -> list[bytes]:
    size = end - start
    if size == 1:
        return []
    cut = 1 << ((size - 1).bit_length() - 1)
    if index < start + cut:
        return [*_path(node, index, start, start + cut), range_hash(node, start + cut, end)]
    return [*_path(node, index, start + cut, end), range_hash(node, start, start + cut)]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes | None:
    """Return the root that *proof* leads to (RFC 9162 section 2.1.3.2), or None where its length cannot be right."""
    if not 0 <= index < size:
        return None
    number, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if number & 1 or number == last:
            value = node_hash(sibling, value)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        number, last = number >> 1, last >> 1
    return value if last == 0 else None


def consistency_proof(node: Node, old: int, new: int) -> list[bytes]:
    """Return PROOF(old, D[new]) of RFC 6962 section 2.1.2."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new} leaves")
    return _subproof(node, old, 0, new, whole=True)


def _subproof(node: Node, old: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    size = end - start
    if old == size:
        return [] if whole else [range_hash(node, start, end)]
    cut = 1 << ((size - 1).bit_length() - 1)
    if old <= cut:
        return [*_subproof(node, old, start, start + cut, whole=whole), range_hash(node, start + cut, end)]
    return [*_subproof(node, old - cut, start + cut, end, whole=False), range_hash(node, start, start + cut)]


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """Return whether *proof* shows that the tree of *new* leaves continues that of *old* (RFC 9162 section 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    if not path:
        return False
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
