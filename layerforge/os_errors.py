"""What the machine refuses (a full disk, no permission, a file where a folder should be), in sentences."""

from __future__ import annotations

import errno

from layerforge.errors import BuildError
from layerforge.model.url import redact

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What the machine, not our code, is the reason of.
_OF_THE_MACHINE = _FULL | {
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EIO, errno.ESTALE, errno.EBUSY, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS),
}


def as_expected(error: OSError) -> BuildError | None:
    """Return what the machine refused as an error of its own kind; None for what is our bug."""
    if error.errno not in _OF_THE_MACHINE:
        return None
    what = f"cannot use {redact(str(error.filename))}" if error.filename else "cannot go on"
    hint = (
        "free some space"
        if error.errno in _FULL
        else "check that it is what it should be, and its permissions"
    )
    return BuildError(f"{what}: {error.strerror}", hint=f"{hint}, then run the same command again")
