"""What a file is, by how it begins: for who was given another than the tar that was asked for."""

import re

from cli.streams.compression import stored_as
from projections.tar.header import BLOCK, verify
from projections.tar.pax_headers import HeaderError

HEAD = BLOCK
_LFS = b"version https://git-lfs.github.com/spec/"
_KINDS = (
    (b"PK\x03\x04", "a zip file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file"),
    (b"\x7fELF", "a program (ELF)"),
    (b"!<arch>\n", "a package or library (ar)"),
    (b"\xed\xab\xee\xdb", "an RPM package"),
    (b"hsqs", "a squashfs image"),
    (b"QFI\xfb", "a disk image (qcow2)"),
    (b"070701", "a cpio archive"),
    (b"\x04\x22\x4d\x18", "lz4 data, which is not read; unpack it with `lz4 -d`"),
    (b"\x1f\x9d", "compress data (.Z), which is not read; unpack it with `uncompress`"),
    (b"SQLite format 3\0", "a SQLite database"),
)


def is_tar(head: bytes) -> bool:
    """Whether a file that begins with *head* (its first HEAD bytes, if it has so many) can be a tar: zeros are an empty one."""
    if len(head) < BLOCK:
        return False
    try:
        verify(head[:BLOCK])
    except HeaderError:
        return not any(head)
    return True


def kind_of(head: bytes) -> str:
    """Return what a file that is no tar seems to be, behind "is": "text", "a zip file"; and what to do, where that is known."""
    if head.startswith(_LFS):
        return "a pointer of Git LFS; `git lfs pull` brings the file that it stands for"
    for magic, kind in _KINDS:
        if head.startswith(magic):
            return kind
    if re.match(rb"\s*<(?:!doctype|html|\?xml)", head, re.IGNORECASE):
        return "a web page; a download that needed a login or a redirect (`curl -L`) ends so"
    if stored_as(head):
        return f"{stored_as(head)} data, packed twice; unpack it once"
    return "text" if head and _is_text(head) else "something else, or damaged"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if len(head) < HEAD or error.start < len(head) - 3:  # a character may be cut at the end
            return False
        text = head[: error.start].decode()
    return all(c.isprintable() or c in "\n\r\t\f" for c in text)
