"""Take out of a freshly built wheel what depends on when and by whom it was built."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

# 1980-01-01 00:00, the first moment that a zip can tell, as DOS time and date.
_TIME = struct.pack("<HH", 0, (1 << 5) | 1)
_LOCAL_TIME, _CENTRAL_TIME, _CENTRAL_ATTRIBUTES = 10, 12, 38
_CENTRAL_FIXED, _CENTRAL_LENGTHS = 46, 28


def settle(path: Path) -> None:
    """Give every entry of a wheel the same time, and permissions that do not know the builder's umask.

    Most backends honour SOURCE_DATE_EPOCH; this is for the others. Contents and RECORD stay as they are.
    """
    with zipfile.ZipFile(path) as archive:
        entries, position = archive.infolist(), archive.start_dir
    with path.open("r+b") as stream:
        for entry in entries:
            stream.seek(entry.header_offset + _LOCAL_TIME)
            stream.write(_TIME)
            stream.seek(position + _CENTRAL_LENGTHS)
            lengths = struct.unpack("<HHH", stream.read(6))
            stream.seek(position + _CENTRAL_TIME)
            stream.write(_TIME)
            stream.seek(position + _CENTRAL_ATTRIBUTES)
            stream.write(struct.pack("<I", _attributes(entry)))
            position += _CENTRAL_FIXED + sum(lengths)


def _attributes(entry: zipfile.ZipInfo) -> int:
    mode = entry.external_attr >> 16
    if not stat.S_ISREG(mode):
        return entry.external_attr
    return (stat.S_IFREG | (0o755 if mode & 0o111 else 0o644)) << 16
