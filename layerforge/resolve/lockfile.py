"""Lock files: PEP 751 `pylock.<cohort>.toml`, one per cohort, with what is ours under `[tool.layerforge]`.

Written through `packaging.pylock`, so that pip and uv can install from them. Read with tomllib
alone, as every command reads them: only what we use is checked, and an error names its key.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from layerforge.cache import atomic_file
from layerforge.errors import ResolutionError
from layerforge.model.lock import Archive, Distribution, Edge, Lock, Root
from layerforge.model.url import strip_credentials
from layerforge.resolve.lock_files import lock_file_name, lock_paths
from layerforge.resolve.lock_reader import FORMAT, parse_lock

if TYPE_CHECKING:
    from packaging.pylock import Package, PackageArchive, PackageSdist, PackageWheel

__all__ = [
    "format_edge",
    "format_lock",
    "format_root",
    "lock_file_name",
    "parse_lock",
    "read_locks",
    "write_locks",
]


def format_lock(lock: Lock, *, root: Path | None = None) -> str:
    """Write a lock as PEP 751 TOML: sorted, without credentials, the same bytes for the same lock.

    Files below `root` (a wheelhouse in the repository) are written relative to it, so that the
    lock serves every machine.
    """
    import tomli_w
    from packaging.markers import Marker
    from packaging.pylock import Pylock
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    python = ".".join(map(str, lock.target.python))
    pylock = Pylock(
        lock_version=Version("1.0"),
        environments=[
            Marker(
                f"implementation_name == 'cpython' and python_version == '{python}' "
                f"and sys_platform == 'linux' and platform_machine == '{lock.target.machine}'"
            )
        ],
        requires_python=SpecifierSet(f"=={python}.*"),
        created_by="layerforge",
        packages=[_package(d, root) for d in sorted(lock.distributions, key=lambda d: d.name)],
        tool={"layerforge": _our_table(lock)},
    )
    return tomli_w.dumps(dict(pylock.to_dict()))


def write_locks(root: Path, locks: Sequence[Lock]) -> tuple[Path, ...]:
    """Write every lock into `root`, remove ours of cohorts that are no more; the path of each lock.

    All files are complete on the disk before the first one is replaced. A lock that is the same
    already is left alone, and so is every pylock file that layerforge did not write.
    """
    texts = {root / lock_file_name(lock.cohort): format_lock(lock, root=root) for lock in locks}
    ours = set(lock_paths(root))
    for path in texts:
        if path.exists() and path not in ours:
            raise ResolutionError(
                f"{path.name} is in the way: layerforge did not write it and does not replace it",
                hint="move it elsewhere, or name it as the manifest of a function",
            )
    try:
        _replace_all({path: text.encode() for path, text in texts.items() if not _holds(path, text)})
        for path in sorted(ours - set(texts)):
            path.unlink()
    except OSError as error:
        raise ResolutionError(
            f"cannot write the lock: {error.strerror}", where=str(error.filename or root)
        ) from error
    return tuple(sorted(texts))


def read_locks(root: Path) -> tuple[Lock, ...]:
    """Read every lock of ours in `root`, sorted by cohort; none if there is none.

    Raises ResolutionError if one is damaged, or two of them serve the same function.
    """
    locks = []
    for path in lock_paths(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ResolutionError(
                "the lock is not UTF-8 text", where=path.name, hint="run `layerforge lock`"
            ) from error
        locks.append(parse_lock(text, path=path.name, root=root))
    _check_served_once(locks)
    return tuple(sorted(locks, key=lambda lock: lock.cohort))


def _check_served_once(locks: Iterable[Lock]) -> None:
    served: dict[str, str] = {}
    for lock in locks:
        name = lock_file_name(lock.cohort)
        for roots in lock.functions:
            other = served.setdefault(roots.function, name)
            if other != name:
                raise ResolutionError(
                    f"both {other} and {name} say that they serve {roots.function}",
                    hint="delete the one that is out of date, then run `layerforge lock`",
                )


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def _replace_all(contents: dict[Path, bytes]) -> None:
    with contextlib.ExitStack() as stack:
        streams: list[IO[bytes]] = []
        for path, data in sorted(contents.items()):
            stream = stack.enter_context(atomic_file(path, durable=True))
            stream.write(data)
            streams.append(stream)
        # A full disk must show now: once the stack unwinds, files are being replaced.
        for stream in streams:
            stream.flush()


def _our_table(lock: Lock) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "cohort": lock.cohort,
        "target": lock.target.name,
        "input-digest": lock.input_digest,
        "functions": {
            roots.function: [format_root(root) for root in sorted(roots.roots)]
            for roots in sorted(lock.functions, key=lambda roots: roots.function)
        },
    }


def format_root(root: Root) -> str:
    """`pydantic[email]>=2 (functions/orders/requirements.in:3)`."""
    extras = f"[{','.join(root.extras)}]" if root.extras else ""
    return f"{root.name}{extras}{''.join(root.specifier.split())} ({root.origin})"


def format_edge(edge: Edge) -> str:
    """`httpx[http2]>=0.28; extra == 'web' and (python_version < "3.14")`."""
    extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
    condition = edge.marker or ""
    if edge.extra:
        condition = f"extra == '{edge.extra}'" + (f" and ({edge.marker})" if edge.marker else "")
    return f"{edge.name}{extras}{edge.specifier}" + (f"; {condition}" if condition else "")


def _package(distribution: Distribution, root: Path | None) -> Package:
    from packaging.pylock import Package, PackageDirectory, PackageVcs
    from packaging.specifiers import SpecifierSet
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    vcs, local = distribution.vcs, distribution.local
    sdist, archive = _source(distribution, root)
    requires_python = distribution.requires_python
    return Package(
        name=canonicalize_name(distribution.name),
        # PEP 751: none for a source tree, as its version may change with its code.
        version=None if local else Version(distribution.version),
        requires_python=SpecifierSet(requires_python) if requires_python else None,
        dependencies=[{"name": name} for name in sorted({edge.name for edge in distribution.edges})] or None,
        wheels=[_wheel(distribution.wheel, root)] if distribution.wheel else None,
        sdist=sdist,
        archive=archive,
        directory=PackageDirectory(path=local.path) if local else None,
        vcs=PackageVcs(
            type="git",
            url=strip_credentials(vcs.url),
            requested_revision=vcs.requested_revision,
            commit_id=vcs.commit,
            subdirectory=vcs.subdirectory,
        )
        if vcs
        else None,
        tool={"layerforge": _package_table(distribution)},
    )


def _package_table(distribution: Distribution) -> dict[str, Any]:
    table: dict[str, Any] = {"unzipped-size": distribution.unzipped_size}
    if distribution.local is not None:
        table["version"] = distribution.version
    if any(edge != Edge(name=edge.name) for edge in distribution.edges):
        table["edges"] = [format_edge(edge) for edge in distribution.edges]
    if distribution.license is not None:
        table["license"] = distribution.license
    if distribution.provided_extras:
        table["provided-extras"] = list(distribution.provided_extras)
    return table


def _wheel(archive: Archive, root: Path | None) -> PackageWheel:
    from packaging.pylock import PackageWheel

    url, path = _place(archive, root)
    return PackageWheel(name=archive.filename, url=url, path=path, size=archive.size, hashes=_hashes(archive))


def _source(
    distribution: Distribution, root: Path | None
) -> tuple[PackageSdist | None, PackageArchive | None]:
    """An sdist by its proper name; any other archive (`main.zip` of a forge) as a direct reference."""
    from packaging.pylock import PackageArchive, PackageSdist
    from packaging.utils import InvalidSdistFilename, parse_sdist_filename

    archive = distribution.sdist
    if archive is None:
        return None, None
    (url, path), hashes = _place(archive, root), _hashes(archive)
    try:
        proper = parse_sdist_filename(archive.filename)[0] == distribution.name
    except InvalidSdistFilename:
        proper = False
    if proper:
        sdist = PackageSdist(name=archive.filename, url=url, path=path, size=archive.size, hashes=hashes)
        return sdist, None
    return None, PackageArchive(url=url, path=path, size=archive.size, hashes=hashes)


def _hashes(archive: Archive) -> dict[str, str]:
    return {"sha256": archive.sha256}


def _place(archive: Archive, root: Path | None) -> tuple[str | None, str | None]:
    """URL or path, whichever serves every machine."""
    if root is not None and archive.url.startswith("file:"):
        path = Path(unquote(urlsplit(archive.url).path))
        if path.is_relative_to(root):
            return None, path.relative_to(root).as_posix()
    return strip_credentials(archive.url), None
