"""A difference as a patch in git's form with owners and xattrs beside it, and how much it is."""

import stat
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import NamedTuple

from eventstore.errors import ErasedError
from eventstore.model.entries import Entry, node_of
from eventstore.model.paths import shown
from eventstore.model.times import local
from projections.diff.line_diff import MAX_TEXT, PROBE, Match, is_binary, matches
from projections.diff.tree_diff import Difference
from projections.tree.view import View

CONTEXT = 3
_NO_NEWLINE = b"\\ No newline at end of file\n"


class Amount(NamedTuple):
    """The lines that came and went, or, where `binary`, the bytes after and before."""

    added: int
    removed: int
    binary: bool


class Hunk(NamedTuple):
    """A run of changes with the lines around it; starts count from 0."""

    old: int
    new: int
    lines: list[tuple[bytes, bytes]]  # (" ", "-" or "+", line)


def patch(before: View, after: View, difference: Difference, context: int = CONTEXT) -> Iterator[bytes]:
    """Yield the lines of one path as a patch, *context* equal lines around each change; `git apply` takes it.

    As with git, what becomes of another type is deleted and made anew.  What git knows nothing of (directories, devices,
    owners alone) stands behind `diff --layerlog`, which it passes over.
    """
    old, new = difference.before, difference.after
    if old is not None and new is not None and stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode):
        yield from _one(before, after, difference._replace(after=None), context)
        yield from _one(before, after, difference._replace(before=None), context)
    else:
        yield from _one(before, after, difference, context)


def _one(before: View, after: View, difference: Difference, context: int) -> Iterator[bytes]:
    old, new = difference.before, difference.after
    names = quoted(b"a/" + difference.path_before), quoted(b"b/" + difference.path)
    gits = _is_gits(old, new) or difference.path_before != difference.path
    yield b"diff --%b %b %b\n" % (b"git" if gits else b"layerlog", *names)
    yield from _attribute_lines(old, new)
    yield from _rename_lines(after, difference)
    if not _same_body(old, new):
        yield from _body(before, after, difference, context)


def _is_gits(old: Entry | None, new: Entry | None) -> bool:
    there = [entry for entry in (old, new) if entry is not None]
    if not all(entry.is_file or entry.is_symlink for entry in there):
        return False
    return len(there) == 1 or there[0].mode != there[1].mode or not _same_body(old, new)


_ESCAPED = dict(zip(b'\a\b\t\n\v\f\r"\\', (b"\\" + bytes([c]) for c in b'abtnvfr"\\'), strict=True))


def quoted(name: bytes) -> bytes:
    """Return a name as git writes it in a patch: in quotes where bytes of it are to be escaped (git-config, core.quotePath)."""
    parts = [_ESCAPED.get(c) or (bytes([c]) if 32 <= c < 127 else b"\\%03o" % c) for c in name]
    text = b"".join(parts)
    return name if text == name else b'"' + text + b'"'


def amount(before: View, after: View, difference: Difference) -> Amount:
    """Return how much of a path's content came and went: reads both contents, where they differ."""
    old, new = difference.before, difference.after
    if _same_body(old, new):
        return Amount(0, 0, binary=False)
    try:
        before_lines, after_lines = _texts(before, old), _texts(after, new)
    except ErasedError:
        before_lines = after_lines = None
    if before_lines is None or after_lines is None:
        return Amount(new.size if new else 0, old.size if old else 0, binary=True)
    shared = sum(count for _, _, count in matches(before_lines, after_lines))
    return Amount(len(after_lines) - shared, len(before_lines) - shared, binary=False)


def _rename_lines(after: View, difference: Difference) -> Iterator[bytes]:
    """Yield git's words for another name: a copy where something has the old one still, as a hard link leaves it."""
    source = difference.path_before
    if source != difference.path:
        verb = b"rename" if after.lookup(source) is None else b"copy"
        yield b"%b from %b\n%b to %b\n" % (verb, quoted(source), verb, quoted(difference.path))


def _attribute_lines(old: Entry | None, new: Entry | None) -> Iterator[bytes]:
    if old is None and new is not None:
        yield b"new file mode %o\n" % new.mode
        yield from _more(b"new", new) if (new.uid, new.gid) != (0, 0) else ()
    elif new is None and old is not None:
        yield b"deleted file mode %o\n" % old.mode
    elif old is not None and new is not None:
        if old.mode != new.mode:
            yield b"old mode %o\nnew mode %o\n" % (old.mode, new.mode)
        if (old.uid, old.gid) != (new.uid, new.gid):
            yield from (*_more(b"old", old), *_more(b"new", new))
        for key in sorted(old.xattrs.keys() | new.xattrs.keys()):
            if old.xattrs.get(key) != new.xattrs.get(key):
                yield b"xattr %b %b\n" % (quoted(key), _came(old.xattrs.get(key), new.xattrs.get(key)))
        if old.mtime != new.mtime and node_of(old)._replace(mtime=new.mtime) == node_of(new):
            yield b"modified time %b -> %b\n" % tuple(local(entry.mtime, exact=True).encode() for entry in (old, new))
        if old.rdev != new.rdev:
            yield b"device %b -> %b\n" % (_device(old), _device(new))


def _more(word: bytes, entry: Entry) -> Iterator[bytes]:
    yield b"%b owner %d:%d\n" % (word, entry.uid, entry.gid)


def _came(old: bytes | None, new: bytes | None) -> bytes:
    return b"added" if old is None else b"removed" if new is None else b"changed"


def _device(entry: Entry) -> bytes:
    return b"%d, %d" % entry.rdev if entry.rdev else b"none"


def _same_body(old: Entry | None, new: Entry | None) -> bool:
    """Whether there is nothing to compare: no text or content on either side, or the same."""
    return _body_key(old) == _body_key(new)


def _body_key(entry: Entry | None) -> bytes | None:
    if entry is None:
        return None
    return entry.content if entry.is_file and entry.size else entry.target or None


def _texts(view: View, entry: Entry | None) -> list[bytes] | None:
    """Return the lines of a text, or None where it is binary or over `MAX_TEXT`; a symlink's text is its target."""
    if entry is None or not (entry.is_file or entry.is_symlink):
        return []
    if entry.is_symlink:
        return BytesIO(entry.target or b"").readlines()
    if entry.size > MAX_TEXT or is_binary(b"".join(view.read(entry, 0, PROBE))):
        return None
    return BytesIO(b"".join(view.read(entry))).readlines()


def _body(before: View, after: View, difference: Difference, context: int) -> Iterator[bytes]:
    names = _side(b"a", difference.path_before, difference.before), _side(b"b", difference.path, difference.after)
    try:
        old, new = _texts(before, difference.before), _texts(after, difference.after)
    except ErasedError as error:
        yield b"Files %b and %b differ: %b\n" % (*names, shown(str(error)).encode())
        return
    if old is None or new is None:
        large = any(entry is not None and entry.size > MAX_TEXT for entry in difference[1:])
        yield b"%b files %b and %b differ\n" % (b"Large" if large else b"Binary", *names)
        return
    yield b"--- %b\n+++ %b\n" % tuple(name + b"\t" if b" " in name and not name.startswith(b'"') else name for name in names)
    for hunk in hunks(old, new, context):
        yield from _hunk_lines(hunk)


def _side(letter: bytes, path: bytes, entry: Entry | None) -> bytes:
    return b"/dev/null" if entry is None or stat.S_ISDIR(entry.mode) else quoted(letter + b"/" + path)


def hunks(old: Sequence[bytes], new: Sequence[bytes], context: int = CONTEXT) -> Iterator[Hunk]:
    """Yield what changed between two texts, each run with up to *context* equal lines around it."""
    hunk: Hunk | None = None
    low = start = 0
    for a, b, count in _runs(old, new):
        changed = [(b"-", text) for text in old[low:a]] + [(b"+", text) for text in new[start:b]]
        if changed:
            if hunk is None:
                lead = min(context, low, start)
                hunk = Hunk(low - lead, start - lead, [(b" ", text) for text in old[low - lead : low]])
            hunk.lines.extend(changed)
        if hunk is not None:
            final = a + count == len(old) and b + count == len(new)
            near = count <= 2 * context and not final
            hunk.lines.extend((b" ", text) for text in old[a : a + (count if near else min(count, context))])
            if not near:
                yield hunk
                hunk = None
        low, start = a + count, b + count


def _runs(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[Match]:
    """Yield the runs of shared lines, each as long as it can be, and an empty one at the end."""
    low, start, count = 0, 0, 0
    for a, b, more in (*matches(old, new), (len(old), len(new), 0)):
        if (a, b) == (low + count, start + count):
            count += more
            continue
        yield low, start, count
        low, start, count = a, b, more
    yield low, start, count


def _hunk_lines(hunk: Hunk) -> Iterator[bytes]:
    old = sum(sign != b"+" for sign, _ in hunk.lines)
    new = sum(sign != b"-" for sign, _ in hunk.lines)
    yield b"@@ -%b +%b @@\n" % (_range(hunk.old, old), _range(hunk.new, new))
    for sign, text in hunk.lines:
        yield sign + text if text.endswith(b"\n") else sign + text + b"\n" + _NO_NEWLINE


def _range(start: int, count: int) -> bytes:
    """POSIX diff -u: a range without lines stands on the line before it."""
    first = start + 1 if count else start
    return b"%d" % first if count == 1 else b"%d,%d" % (first, count)
