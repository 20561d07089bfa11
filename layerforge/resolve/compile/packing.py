"""A project folder as an archive for a container: the same folder, the same bytes."""

from __future__ import annotations

import tarfile
from pathlib import Path

# 1980-01-01, the first moment that a zip can tell.
_EPOCH = 315532800


def pack_folder(folder: Path, archive: Path) -> None:
    """Write `folder` into the tar `archive`, under its own name, owned by root.

    A `.git` that is a link (`copy_tree` makes one) goes in as what it points at: backends ask it
    for the version.
    """
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(folder, arcname=folder.name, filter=_settled)
        git = folder / ".git"
        if git.is_symlink():
            tar.add(git.resolve(), arcname=f"{folder.name}/.git", filter=_settled)


def _settled(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if member.issym() and member.name.endswith("/.git"):
        return None
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        # Sockets and pipes are nothing that a build reads.
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = _EPOCH
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
