"""The user's cache: content-addressed files, remembered facts, locks between processes.

Every write is a temporary file in the same directory followed by `os.replace`, so that a reader
sees all of a file or none of it, whatever dies in between.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from layerforge.errors import ConfigError


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once, while there is one thread: the only way to read it is to change it.
_UMASK = _read_umask()
# What `atomic_file` is in the middle of, in any thread.
_unfinished: set[Path] = set()


# What the cache may grow to, in bytes, unless LAYERFORGE_CACHE_MAX_MB says otherwise.
_DEFAULT_MAX_SIZE = 10 * 2**30


def max_cache_size() -> int:
    """Bytes that the cache may hold after a build.

    Raises ConfigError if LAYERFORGE_CACHE_MAX_MB is not a whole number.
    """
    told = os.environ.get("LAYERFORGE_CACHE_MAX_MB")
    if not told:
        return _DEFAULT_MAX_SIZE
    if not told.isdecimal():
        raise ConfigError(
            f"LAYERFORGE_CACHE_MAX_MB is {told!r}, which is not a whole number of megabytes",
            hint="for example LAYERFORGE_CACHE_MAX_MB=2048",
        )
    return int(told) * 2**20


def default_cache_dir() -> Path:
    """`LAYERFORGE_CACHE_DIR`, or `layerforge` in the platform's user cache directory."""
    if configured := os.environ.get("LAYERFORGE_CACHE_DIR"):
        return Path(configured).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("layerforge", appauthor=False)


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = False) -> Iterator[IO[bytes]]:
    """A binary file that appears at `path` only if the block ends well.

    `durable` also waits until the bytes are on disk (for what the user keeps, such as locks).
    """
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    _unfinished.add(temporary)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        _unfinished.discard(temporary)


def remove_unfinished() -> None:
    """Remove what other threads are in the middle of writing: for a process that ends without waiting."""
    for temporary in tuple(_unfinished):
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put `data` at `path`, all or nothing."""
    with atomic_file(path, durable=durable) as stream:
        stream.write(data)


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Cache:
    """`blobs/` by sha256, `facts/<kind>/` by key, `locks/`. Safe under several processes."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_cache_dir()

    def blob(self, sha256: str) -> Path:
        """Where the file with this digest lies, if it is there."""
        return self.root / "blobs" / sha256[:2] / sha256

    def facts(self, kind: str, key: str) -> Path:
        """Where facts of `kind` about `key` (a hex digest) lie, if they are there."""
        return self.root / "facts" / kind / key[:2] / f"{key}.json"

    def read_facts(self, kind: str, key: str) -> Any | None:
        """What was remembered, or None; an unreadable entry counts as absent and is removed."""
        path = self.facts(kind, key)
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            # Nor is a cache that we may read only, or that has a folder where a file should be, an error.
            with contextlib.suppress(OSError):
                path.unlink()
            return None

    def write_facts(self, kind: str, key: str, value: Any) -> None:
        """Remember `value` (JSON). A cache that cannot be written is not an error."""
        with contextlib.suppress(OSError):
            write_atomically(self.facts(kind, key), json.dumps(value, separators=(",", ":")).encode())

    def temporary(self, suffix: str = "") -> Path:
        """A fresh path inside the cache, on the same file system as the blobs."""
        import tempfile

        directory = self.root / "tmp"
        directory.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=directory, suffix=suffix)
        os.close(descriptor)
        return Path(name)

    def adopt(self, temporary: Path, sha256: str) -> Path:
        """Move a file whose digest the caller has verified to its place."""
        path = self.blob(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes files for one user; a cache may be shared by several (a group on a build machine).
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)
        return path

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep other processes out of what `name` stands for; waits for its turn."""
        from filelock import FileLock

        path = self.root / "locks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            yield

    def intact(self, sha256: str) -> Path | None:
        """The file with this digest if it is there and still is what its name says; a damaged one goes."""
        path = self.blob(sha256)
        try:
            if sha256_of(path) == sha256:
                return path
        except OSError:
            return None
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def touch(self, sha256: str) -> None:
        """Tell that a blob is used, so that pruning takes it last."""
        with contextlib.suppress(OSError):
            os.utime(self.blob(sha256))

    def usage(self) -> tuple[int, int]:
        """Count files and their bytes."""
        held = self._held()
        return len(held), sum(size for _, size, _ in held)

    def prune(self, max_size: int) -> int:
        """Remove what was not used for longest until at most `max_size` bytes stay; the bytes freed.

        A build that runs at the same time fetches again what it misses.
        """
        held = sorted(self._held())
        excess = sum(size for _, size, _ in held) - max_size
        freed = 0
        for _, size, path in held:
            if freed >= excess:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                freed += size
        return freed

    def _held(self) -> list[tuple[float, int, Path]]:
        held = []
        for area in ("blobs", "facts", "tmp"):
            for folder, _, names in os.walk(self.root / area):
                for name in names:
                    path = Path(folder) / name
                    with contextlib.suppress(OSError):
                        status = path.stat()
                        held.append((status.st_mtime, status.st_size, path))
        return held
