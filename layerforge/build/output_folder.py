"""The folder that a build writes into: one build at a time, nothing half-written, nothing left over."""

from __future__ import annotations

import base64
import contextlib
import errno
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from layerforge.build.archive import Written
from layerforge.build.manifest import MANIFEST_FILE
from layerforge.cache import atomic_file
from layerforge.errors import BuildError
from layerforge.model.progress import Progress

LAYERS = "layers"
FUNCTIONS = "functions"
_LOCK = ".lock"
_DIGITS = 12
_OURS = re.compile(rf".+-[0-9a-f]{{{_DIGITS}}}\.zip|\..+\.part")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_FULL = {errno.ENOSPC, errno.EDQUOT}


class ZipFile(NamedTuple):
    """A zip in the folder, as the manifest tells of it. `path` is relative, with `/`."""

    path: str
    sha256: str
    code_sha256: str
    zipped_size: int
    unzipped_size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputFolder:
    """Zips below `layers/` and `functions/`, named by their own digest, and the manifest."""

    path: Path

    @property
    def manifest(self) -> Path:
        """Where the manifest lies."""
        return self.path / MANIFEST_FILE

    def holds(self, path: str, size: int) -> bool:
        """Whether a zip is there in the size (bytes) that it should have."""
        try:
            return (self.path / path).stat().st_size == size
        except OSError:
            return False

    @contextlib.contextmanager
    def locked(self, progress: Progress) -> Iterator[None]:
        """Keep other builds out; says so if it has to wait for one."""
        from filelock import FileLock, Timeout

        with self.errors_named(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / _LOCK)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                progress.note(f"another build is writing to {self.path}: waiting for it")
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def write_zip(self, kind: str, name: str, write: Callable[[IO[bytes]], Written]) -> ZipFile:
        """Let `write` fill a zip, and put it in its place once its digest is known.

        Raises BuildError if the disk does not take it; nothing of it is left then.
        """
        folder = self.path / kind
        stem = _UNSAFE.sub("-", name)
        with self.errors_named(folder):
            # Its name is only known at the end: it is first whole under another, then renamed.
            whole = folder / f".{stem}.whole.part"
            with atomic_file(whole) as stream:
                written = write(stream)
            path = f"{kind}/{stem}-{written.sha256.hex()[:_DIGITS]}.zip"
            whole.replace(self.path / path)
        return ZipFile(
            path,
            written.sha256.hex(),
            base64.b64encode(written.sha256).decode(),
            written.zipped_size,
            written.unzipped_size,
        )

    def link_zip(self, kind: str, name: str, known: str, *, sha256: str) -> str:
        """Give a zip that was just written (at the path `known`) another name: functions may share code.

        Returns the path.
        """
        path = f"{kind}/{_UNSAFE.sub('-', name)}-{sha256[:_DIGITS]}.zip"
        target = self.path / path
        with self.errors_named(target.parent):
            target.unlink(missing_ok=True)
            try:
                target.hardlink_to(self.path / known)
            except OSError:
                # Not every file system has links.
                with atomic_file(target) as stream, (self.path / known).open("rb") as source:
                    shutil.copyfileobj(source, stream)
        return path

    def remove_others(self, kept: Iterable[str]) -> None:
        """Remove zips of earlier builds, and what killed builds left, except `kept` (relative paths)."""
        named = set(kept)
        for folder in (self.path / LAYERS, self.path / FUNCTIONS):
            if not folder.is_dir():
                continue
            with self.errors_named(folder):
                for path in sorted(folder.iterdir()):
                    if f"{folder.name}/{path.name}" not in named and _OURS.fullmatch(path.name):
                        path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def errors_named(self, path: Path) -> Iterator[None]:
        """Turn errors of the file system into sentences about `path`."""
        try:
            yield
        except OSError as error:
            raise _disk_error(error, path) from error


def _disk_error(error: OSError, path: Path) -> BuildError:
    if error.errno in _FULL:
        return BuildError(
            "no space is left on the disk of the output folder",
            where=str(path),
            hint="make room, or choose another folder with --output",
        )
    reason = error.strerror or str(error)
    return BuildError(
        f"the output folder cannot be written to ({reason})",
        where=str(path),
        hint="change its permissions, or choose another folder with --output",
    )
