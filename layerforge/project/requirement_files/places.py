"""Where files are: paths relative to the project root, looked up as pip's users expect."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from layerforge.errors import ConfigError
from layerforge.model.requirement import Origin


@dataclass(frozen=True, kw_only=True)
class Places:
    """The project root (absolute), and the environment that `${NAME}` is taken from.

    With `keep_unset`, a variable that is not set stays as it is; else it is an error.
    """

    root: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    keep_unset: bool = False

    def relative(self, path: Path) -> str:
        """`path` relative to the root, with `/`; above the root it starts with `..`."""
        return relative_path(str(path), str(self.root))

    def candidates(self, text: str, holder: Path) -> tuple[Path, ...]:
        """Where `text` may point: from the folder of the file that holds it, then from the root."""
        found = (absolute(holder.parent, text), absolute(self.root, text))
        return tuple(dict.fromkeys(found))

    def locate(self, text: str, holder: Path) -> Path | None:
        """The first candidate that exists."""
        return next((path for path in self.candidates(text, holder) if path.exists()), None)

    def missing(self, what: str, text: str, holder: Path, origin: Origin) -> ConfigError:
        """The error for a path that is nowhere, with all places where it was looked for."""
        looked = [self.relative(path) for path in self.candidates(text, holder)]
        return ConfigError(
            f"{what} {text} does not exist; looked for {' and '.join(looked)}",
            where=str(origin),
            hint="a relative path is taken from the file that holds it, then from the project root",
        )


@lru_cache(maxsize=8192)
def relative_path(path: str, root: str) -> str:
    """`path` relative to `root`, both absolute, with `/`."""
    return os.path.relpath(path, root).replace(os.sep, "/")


def absolute(folder: Path, text: str) -> Path:
    """`text` taken from `folder`, `..` removed without following links (as a shell user means it)."""
    return Path(os.path.normpath(folder / text))


def path_of_file_url(url: str) -> str | None:
    """The path in a `file:` URL (`file:///a/b`, `file:../b`); None if it names another host."""
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        return None
    return unquote(parts.path)


def read_bytes(path: Path, *, shown: str) -> bytes:
    """What the file holds. Raises ConfigError if it cannot be read."""
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise ConfigError("this is a folder, not a file", where=shown) from error
    except FileNotFoundError as error:
        raise ConfigError("this file does not exist", where=shown) from error
    except OSError as error:
        raise ConfigError(f"this file cannot be read: {error.strerror}", where=shown) from error


def stamp(path: Path) -> tuple[str, int, int] | None:
    """What tells whether a file changed since it was read in this process; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return str(path), status.st_mtime_ns, status.st_size
