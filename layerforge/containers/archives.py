"""Files into and out of containers, as tar streams: written piece by piece, read with distrust."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from layerforge.containers.engine import FileIn
from layerforge.errors import ToolError

_PIECE = 1 << 20
# 1980-01-01, the date of every file in a layer.
_EPOCH = 315532800


def write_tar(files: Iterable[FileIn]) -> Iterator[bytes]:
    """A tar of `files` in pieces: owned by root, dated alike, the folders above them made once.

    Folders at the top (/tmp, /run) are there and keep their modes: an archive would change them.
    """
    folders: set[str] = set()
    for file in files:
        path = PurePosixPath(file.path.lstrip("/"))
        for parent in reversed(path.parents[:-2]):
            name = str(parent)
            if name not in folders:
                folders.add(name)
                yield _header(name, tarfile.DIRTYPE, 0o755, 0)
        if stat.S_ISLNK(file.mode) and isinstance(file.data, bytes):
            yield _header(str(path), tarfile.SYMTYPE, 0o777, 0, link=os.fsdecode(file.data))
        elif isinstance(file.data, bytes):
            yield _header(str(path), tarfile.REGTYPE, file.mode, len(file.data))
            yield file.data
            yield _padding(len(file.data))
        else:
            yield from _from_disk(file.data, str(path), file.mode)
    yield b"\0" * 1024


def _from_disk(source: Path, name: str, mode: int) -> Iterator[bytes]:
    with source.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        yield _header(name, tarfile.REGTYPE, mode, size)
        left = size
        while left and (piece := stream.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece
        if left:
            raise ToolError(f"{source} became shorter while it was read", hint="try again")
        yield _padding(size)


def _header(name: str, kind: bytes, mode: int, size: int, *, link: str = "") -> bytes:
    member = tarfile.TarInfo(name)
    member.linkname = link
    member.type, member.mode, member.size, member.mtime = kind, mode, size, _EPOCH
    member.uname = member.gname = "root"
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padding(size: int) -> bytes:
    return b"\0" * (-size % tarfile.BLOCKSIZE)


class _Pieces(io.RawIOBase):
    """An iterator of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            try:
                self._rest = next(self._pieces)
            except StopIteration:
                return 0
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def extract_tar(pieces: Iterator[bytes], into: Path) -> None:
    """Write the regular files of a folder's archive below `into`, without the folder's own name.

    A container may say what it likes: whatever is no regular file is passed over, and a name that
    would lead outside of `into` is refused with ToolError.
    """
    stream = io.BufferedReader(_Pieces(pieces), _PIECE)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                if not member.isreg():
                    continue
                parts = PurePosixPath(member.name).parts
                if member.name.startswith("/") or ".." in parts or "\0" in member.name:
                    raise ToolError(f"a container gave a file named {member.name!r}, which leads elsewhere")
                place = into.joinpath(*parts[1:])
                if len(parts) < 2 or place.is_dir():
                    continue
                source = tar.extractfile(member)
                assert source is not None
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("wb") as target:
                    while piece := source.read(_PIECE):
                        target.write(piece)
    except (tarfile.TarError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ToolError(f"what came out of a container broke off ({error})", hint="try again") from error
