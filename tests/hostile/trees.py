"""What stands in a folder of the host, in one line a path: to compare what layerlog, umoci and podman make of a layer."""

import hashlib
import os
import stat
from pathlib import Path


def tree(root: Path) -> dict[bytes, str]:
    """Return the summary of everything below *root*, the root itself (b"") first; symlinks are not followed."""
    found = {}
    here = os.open(root, os.O_RDONLY)
    try:
        found[b""] = summary(b".", here)
        for folder, directories, files, fd in os.fwalk(b".", dir_fd=here):
            for name in [*directories, *files]:
                found[os.path.join(folder, name)[2:]] = summary(name, fd)
    finally:
        os.close(here)
    return found


def summary(name: bytes, folder: int) -> str:
    """Mode and owner, whole seconds for what is no directory or symlink, and what it is: "-rw-r--r-- 0:0 @0 hello"."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    kind = stat.S_IFMT(status.st_mode)
    head = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if kind == stat.S_IFLNK:
        return f"{head} -> {os.readlink(name, dir_fd=folder).decode('utf-8', 'backslashreplace')}"
    if kind == stat.S_IFREG:
        with open(name, "rb", opener=lambda path, flags: os.open(path, flags, dir_fd=folder)) as file:
            data = file.read()
        text = data.decode() if len(data) < 40 and data.isascii() else hashlib.sha256(data).hexdigest()[:12]
        return f"{head} @{status.st_mtime_ns // 10**9} {text}"
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        return f"{head} {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    return head
