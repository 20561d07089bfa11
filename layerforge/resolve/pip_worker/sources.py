"""Sources (sdist, git, folder of the user) built into wheels, once for each content."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import threading
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pip._internal.exceptions import BadCommand, InstallationError
from pip._internal.utils.misc import hide_url
from pip._internal.vcs.versioncontrol import vcs

from layerforge.cache import Cache, sha256_of
from layerforge.errors import BuildError, PackageIndexError, ResolutionError, ToolError
from layerforge.model.lock import Archive, VcsSource
from layerforge.model.progress import Progress
from layerforge.model.target import Target
from layerforge.model.url import redact, strip_credentials
from layerforge.processes import failure_details, run_process
from layerforge.resolve.engine import describe_target
from layerforge.resolve.index import Selected
from layerforge.resolve.pip_worker.access import Access
from layerforge.resolve.pip_worker.failures import output_of
from layerforge.resolve.pip_worker.neighbours import BuiltFrom, take_neighbours
from layerforge.resolve.pip_worker.settle import settle
from layerforge.resolve.pip_worker.transfer import bring, disk_error
from layerforge.resolve.tree import copy_tree, tree_digest

_CONTAINER_HINT = (
    "ask for a version that has a wheel that fits, or take another runtime; "
    "compiling needs a container, which this release does not do yet"
)
# 1980-01-01, the first moment that a zip can tell.
_EPOCH = "315532800"
_git_lock = threading.Lock()
# What the index offers instead, in sentences, by the name of a project without a fitting wheel.
offered_of: dict[str, tuple[str, ...]] = {}
# Backends that are there to compile: nothing is won by trying, and numpy takes minutes.
_NATIVE_BACKENDS = ("mesonpy", "maturin", "scikit_build_core", "sipbuild", "py_build_cmake")


class Built(NamedTuple):
    """A wheel in the cache, its filename, and where it takes requirements from: folders by name."""

    path: Path
    filename: str
    beside: Mapping[str, str]


class Builder:
    """Builds with the index access of one request."""

    def __init__(
        self, access: Access, cache: Cache, *, target: Target, root: Path, progress: Progress
    ) -> None:
        self._access = access
        self.cache = cache
        self._target = target
        self._root = root
        self._progress = progress

    def build(self, source: Selected) -> Built:
        """A wheel of `source` in the cache. Raises BuildError."""
        label = f"{source.name} {source.version}"
        if source.sdist is not None:
            sdist = self.bring_sdist(source.sdist)
            key = f"sdist {sdist.sha256}"
            return self._built(label, key, lambda folder: self._place_sdist(sdist, folder))
        if source.vcs is not None:
            return self.build_git(source.vcs, label)
        if source.local is not None:
            return self.build_folder(source.local.path, label)
        raise BuildError(f"{label} is a wheel already")

    def build_folder(self, path: str, label: str) -> Built:
        """The wheel of a project folder, `path` relative to the project root."""
        folder = (self._root / path).resolve()
        if not (folder / "pyproject.toml").is_file() and not (folder / "setup.py").is_file():
            raise ResolutionError(f"{path} is not a Python project: it has no pyproject.toml and no setup.py")

        def copied(scratch: Path) -> Path:
            # The name counts: setuptools looks at it when nothing else tells a name.
            copy_tree(folder, scratch / folder.name)
            return scratch / folder.name

        return self._built(label, f"tree {tree_digest(folder)}", copied, in_place=folder)

    def build_git(self, source: VcsSource, label: str) -> Built:
        """The wheel of a commit."""

        def checked_out(scratch: Path) -> Path:
            self.check_out(replace(source, requested_revision=source.commit), scratch / "checkout")
            return scratch / "checkout" / (source.subdirectory or "")

        return self._built(label, f"git {source.url} {source.commit} {source.subdirectory}", checked_out)

    def check_out(self, source: VcsSource, destination: Path) -> str:
        """Bring `requested_revision` (None: the default branch) to `destination`; its commit."""
        backend = vcs.get_backend("git")
        if backend is None:
            raise ToolError("git is not installed, and a requirement comes from a git repository")
        url = _without_credentials(self._access.with_credentials(source.url))
        revision = f"@{source.requested_revision}" if source.requested_revision else ""
        try:
            backend.unpack(str(destination), url=hide_url(f"git+{url}{revision}"), verbosity=0)
            return backend.get_revision(str(destination))
        except BadCommand as error:
            raise ToolError("git is not installed, and a requirement comes from a git repository") from error
        except InstallationError as error:
            what = f" at {source.requested_revision}" if source.requested_revision else ""
            raise PackageIndexError(
                f"{redact(url)}{what} cannot be fetched with git",
                details=output_of(error) or [redact(line) for line in str(error).splitlines()[:5]],
                hint="check the URL and the revision, and that git itself may read it without asking "
                "(ssh key, credential helper, netrc)",
            ) from error

    def bring_sdist(self, sdist: Archive) -> Archive:
        """`sdist` in the cache, with its digest and size."""
        if not sdist.sha256 or self.cache.intact(sdist.sha256) is None:
            sdist = replace(sdist, sha256=bring(self._access, sdist, self.cache))
        return replace(sdist, size=self.cache.blob(sdist.sha256).stat().st_size)

    def _place_sdist(self, sdist: Archive, folder: Path) -> Path:
        placed = folder / sdist.filename
        shutil.copyfile(self.cache.blob(sdist.sha256), placed)
        return placed

    def _built(
        self, label: str, key: str, prepare: Callable[[Path], Path], *, in_place: Path | None = None
    ) -> Built:
        # A backend may ask for the interpreter that runs it, so that counts as well.
        digest = hashlib.sha256(f"{key} {sys.version_info[:2]}".encode()).hexdigest()
        with self.cache.locked(f"build-{digest[:32]}"):
            found = self._remembered(digest)
            if found is None:
                found = self._build(label, prepare, in_place)
                facts = {"sha256": found.path.name, "filename": found.filename, "beside": dict(found.beside)}
                self.cache.write_facts("built", digest, facts)
        self._check_fits(label, found.filename)
        return found

    def _remembered(self, digest: str) -> Built | None:
        value = self.cache.read_facts("built", digest)
        match value:
            case {"sha256": str(sha256), "filename": str(filename), "beside": dict(beside)}:
                # What was built here can be fetched from nowhere: a damaged copy has to be built again.
                blob = self.cache.intact(sha256)
                return Built(blob, filename, beside) if blob else None
        return None

    def _build(self, label: str, prepare: Callable[[Path], Path], in_place: Path | None) -> Built:
        self._progress.note(f"building {label}")
        try:
            with tempfile.TemporaryDirectory(prefix="build-") as name:
                scratch = Path(name)
                (scratch / "source").mkdir()
                source = prepare(scratch / "source")
                wheel = self._run(label, source, scratch / "wheel", in_place)
                temporary = self.cache.temporary(".whl")
                shutil.copyfile(wheel, temporary)
                beside = {}
                if in_place is not None:
                    beside = take_neighbours(temporary, BuiltFrom(copy=source, original=in_place))
                settle(temporary)
                return Built(self.cache.adopt(temporary, sha256_of(temporary)), wheel.name, beside)
        except OSError as error:
            raise disk_error(error, self.cache.root) from error

    def _run(self, label: str, source: Path, directory: Path, in_place: Path | None) -> Path:
        if (backend := build_backend(source)).startswith(_NATIVE_BACKENDS):
            raise self._native(label, f"its build backend is {backend}")
        environment = self._access.environment() | {
            "SOURCE_DATE_EPOCH": _EPOCH,
            "PYTHONHASHSEED": "0",
            "PYTHONWARNINGS": "ignore",
            "TZ": "UTC",
        }
        command = [sys.executable, "-P", "-m", "layerforge.resolve.pip_worker.wheel_command", "wheel"]
        command += ["--no-deps", "--ignore-requires-python", "--wheel-dir", str(directory)]
        # Backends that reach outside of their folder (a README above it) only work in place.
        for place in filter(None, (source, in_place)):
            done = run_process([*command, "--", str(place)], env=environment)
            wheels = sorted(directory.glob("*.whl")) if directory.is_dir() else []
            if done.code == 0 and wheels:
                return wheels[0]
        details = failure_details(["pip", *command[4:7], source.name], done)
        raise BuildError(
            f"{label} cannot be built into a wheel", details=details, hint=self._failure_hint(done.stderr)
        )

    def _failure_hint(self, said: str) -> str:
        if any(mark in said for mark in ("gcc", "error: command", "compil", "cmake", "rust", "Rust")):
            return f"it seems to have native code; {_CONTAINER_HINT}"
        return "the lines above are its build backend's own; `pip wheel` on this source shows all of them"

    def _check_fits(self, label: str, filename: str) -> None:
        from packaging.utils import parse_wheel_filename

        tags = parse_wheel_filename(filename)[3]
        # `linux_*` tells no glibc: what was compiled here need not load there.
        fitting = {tag for tag in self._target.tags() if not tag.platform.startswith("linux_")}
        if tags & fitting:
            return
        if all(tag.platform == "any" for tag in tags):
            raise BuildError(
                f"{label} builds {filename}, which does not fit {describe_target(self._target)}",
                hint="its build backend makes wheels for one Python only; " + _CONTAINER_HINT,
            )
        raise self._native(label, f"it builds {filename}")

    def refuse_native_sdist(self, path: Path, filename: str) -> None:
        """Raise ResolutionError if the backend of an sdist is there to compile: no wheel comes of it here."""
        backend = build_backend(path)
        if backend.startswith(_NATIVE_BACKENDS):
            stem = filename.removesuffix(".tar.gz").removesuffix(".zip")
            label = " ".join(stem.rsplit("-", maxsplit=1))
            raise ResolutionError(
                self._native_sentence(label, f"its build backend is {backend}"), hint=_CONTAINER_HINT
            )

    def _native_sentence(self, label: str, why: str) -> str:
        return (
            f"{label} has native code ({why}): it must be compiled for {self._target.name} in a container, "
            "as no wheel fits"
        )

    def _native(self, label: str, why: str) -> BuildError:
        return BuildError(
            self._native_sentence(label, why),
            details=offered_of.get(label.split(" ", maxsplit=1)[0], ()),
            hint=_CONTAINER_HINT,
        )


def build_backend(source: Path) -> str:
    """The backend that a project folder or an sdist names; "" if none or if it cannot be read."""
    if source.is_dir():
        path = source / "pyproject.toml"
        text = path.read_bytes() if path.is_file() else b""
    else:
        text = read_from_sdist(source, "pyproject.toml") or b""
    try:
        backend = tomllib.loads(text.decode()).get("build-system", {}).get("build-backend", "")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError):
        return ""
    return str(backend)


def read_from_sdist(path: Path, name: str) -> bytes | None:
    """The file `name` at the top of an sdist; None if there is none, or it is no sdist."""
    try:
        if path.name.endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                inside = next((one for one in archive.namelist() if _is_at_top(one, name)), None)
                return archive.read(inside) if inside else None
        with tarfile.open(path) as tar:
            for member in tar:
                if _is_at_top(member.name, name) and (stream := tar.extractfile(member)):
                    return stream.read()
    except (OSError, tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError):
        return None
    return None


def _is_at_top(inside: str, name: str) -> bool:
    return inside.endswith(f"/{name}") and inside.removeprefix("./").count("/") == 1


def _without_credentials(url: str) -> str:
    """`url` for git's command line; git learns of the credentials through its environment."""
    stripped = strip_credentials(url)
    if stripped == url:
        return url
    secret, _, path = url.partition("://")[2].partition("/")
    scheme = url.partition("://")[0]
    plain = f"{scheme}://{secret.rpartition('@')[2]}/"
    with _git_lock:
        count = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
        known = {os.environ.get(f"GIT_CONFIG_VALUE_{number}") for number in range(count)}
        if plain not in known:
            os.environ[f"GIT_CONFIG_KEY_{count}"] = f"url.{scheme}://{secret}/.insteadOf"
            os.environ[f"GIT_CONFIG_VALUE_{count}"] = plain
            os.environ["GIT_CONFIG_COUNT"] = str(count + 1)
    return plain + path
