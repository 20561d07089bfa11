"""Sources (sdist, git, folder of the user) built into wheels, once for each content.

What is pure is built here; what has to be compiled is built in a container of the target's build image.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pip._vendor.packaging.utils import canonicalize_name

from layerforge.cache import Cache, sha256_of
from layerforge.errors import BuildError, ResolutionError, ToolError
from layerforge.model.lock import Archive, VcsSource
from layerforge.model.progress import Progress
from layerforge.model.target import Target
from layerforge.resolve.compile.compiler import Compiler
from layerforge.resolve.compile.natives import find_native_file
from layerforge.resolve.compile.order import BUILD, Order
from layerforge.resolve.compile.packing import pack_folder
from layerforge.resolve.engine import describe_target
from layerforge.resolve.index import Selected
from layerforge.resolve.pip_worker.access import Access
from layerforge.resolve.pip_worker.checkout import check_out
from layerforge.resolve.pip_worker.host_build import HostBuildError, build_here
from layerforge.resolve.pip_worker.native import (
    CONTAINER_HINT,
    Native,
    NeedsContainerError,
    fits,
    misfit,
    native_error,
    no_engine_error,
)
from layerforge.resolve.pip_worker.neighbours import BuiltFrom, take_neighbours
from layerforge.resolve.pip_worker.remembered import (
    Built,
    Latest,
    container_key,
    host_key,
    read_built,
    read_latest,
    write_built,
    write_image,
    write_latest,
)
from layerforge.resolve.pip_worker.sdist import native_backend, project_name
from layerforge.resolve.pip_worker.settle import settle
from layerforge.resolve.pip_worker.transfer import bring, disk_error
from layerforge.resolve.tree import copy_tree, tree_digest


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """A source that can be brought. `key` names its contents; `name` is None where only its files tell.

    `bring` places it in a folder: an archive, or a folder of which `subdirectory` is the project.
    `original` is the user's folder that it is a copy of.
    """

    label: str
    key: str
    bring: Callable[[Path], Path]
    name: str | None = None
    subdirectory: str = ""
    original: Path | None = None

    def project(self, placed: Path) -> Path:
        """Where the project is in what was brought; an archive is it itself."""
        return placed / self.subdirectory if self.subdirectory else placed


class Builder:
    """Builds with the index access of one request.

    `compiler` is None where nothing may be built in a container, `everything` says that all is.
    """

    def __init__(
        self,
        access: Access,
        cache: Cache,
        *,
        target: Target,
        root: Path,
        progress: Progress,
        compiler: Compiler | None = None,
        everything: bool = False,
    ) -> None:
        self._access = access
        self.cache = cache
        self._target = target
        self._root = root
        self._progress = progress
        self._compiler = compiler
        self._everything = everything and compiler is not None

    def build(self, source: Selected) -> Built:
        """A wheel of `source` in the cache. Raises BuildError, ToolError where an engine is missing."""
        label = f"{source.name} {source.version}"
        if source.sdist is not None:
            return self._built(self._sdist(self.bring_sdist(source.sdist), label, source.name))
        if source.vcs is not None:
            return self.build_git(source.vcs, label, source.name)
        if source.local is not None:
            return self.build_folder(source.local.path, label, source.name)
        raise BuildError(f"{label} is a wheel already")

    def build_folder(self, path: str, label: str, name: str | None = None) -> Built:
        """The wheel of a project folder, `path` relative to the project root."""
        folder = (self._root / path).resolve()
        if not (folder / "pyproject.toml").is_file() and not (folder / "setup.py").is_file():
            raise ResolutionError(f"{path} is not a Python project: it has no pyproject.toml and no setup.py")

        def copied(scratch: Path) -> Path:
            # The name counts: setuptools looks at it when nothing else tells a name.
            copy_tree(folder, scratch / folder.name)
            return scratch / folder.name

        key = f"tree {tree_digest(folder)}"
        return self._built(_Source(label=label, key=key, bring=copied, name=name, original=folder))

    def build_git(self, source: VcsSource, label: str, name: str | None = None) -> Built:
        """The wheel of a commit."""

        def checked_out(scratch: Path) -> Path:
            self.check_out(replace(source, requested_revision=source.commit), scratch / "checkout")
            return scratch / "checkout"

        subdirectory = source.subdirectory or ""
        key = f"git {source.url} {source.commit} {source.subdirectory}"
        return self._built(
            _Source(label=label, key=key, bring=checked_out, name=name, subdirectory=subdirectory)
        )

    def check_out(self, source: VcsSource, destination: Path) -> str:
        """Bring `requested_revision` (None: the default branch) to `destination`; its commit."""
        return check_out(self._access, source, destination)

    def bring_sdist(self, sdist: Archive) -> Archive:
        """`sdist` in the cache, with its digest and size."""
        if not sdist.sha256 or self.cache.intact(sdist.sha256) is None:
            sdist = replace(sdist, sha256=bring(self._access, sdist, self.cache))
        return replace(sdist, size=self.cache.blob(sdist.sha256).stat().st_size)

    def native_metadata(self, sdist: Archive) -> str | None:
        """METADATA of an sdist that is none of this machine's; None if its backend may run here.

        To tell what numpy 1.26 requires, its backend compiles all of it: ten minutes, for a wheel of
        this machine that no layer can hold. Raises ResolutionError where that may not be done in a
        container, ToolError where it cannot.
        """
        stem = sdist.filename.removesuffix(".tar.gz").removesuffix(".zip")
        name, _, version = stem.rpartition("-")
        source = self._sdist(sdist, f"{name} {version}", canonicalize_name(name))
        native = self._look(self.cache.blob(sdist.sha256))
        if native is None:
            return None
        if self._compiler is None:
            error = native_error(source.label, native, self._target)
            raise ResolutionError(error.sentence, details=error.details, hint=error.hint)
        try:
            context = self._compiler.context(source.name or "")
        except ToolError as error:
            if native.sure:
                raise no_engine_error(source.label, native, self._target, error) from error
            return None
        return self._describe_in_container(source, self._compiler, context)

    def _sdist(self, sdist: Archive, label: str, name: str) -> _Source:
        def placed(folder: Path) -> Path:
            copy = folder / sdist.filename
            shutil.copyfile(self.cache.blob(sdist.sha256), copy)
            return copy

        return _Source(label=label, key=f"sdist {sdist.sha256}", bring=placed, name=name)

    # --- where

    def _built(self, source: _Source) -> Built:
        if (known := self._known(source)) is not None:
            return known
        with self._placed(source) as placed:
            named = replace(source, name=source.name or project_name(source.project(placed)) or "")
            native = self._look(source.project(placed))
            if native is not None:
                return self._in_container(named, native, placed)
            try:
                return self._here(named, placed)
            except NeedsContainerError as error:
                native = error.native
        # The build here has left its own in the folder.
        with self._placed(named) as placed:
            return self._in_container(named, native, placed)

    def _known(self, source: _Source) -> Built | None:
        """What was built before, and would be built alike again."""
        if not self._everything:
            built = read_built(self.cache, host_key(source.key))
            if built is not None and fits(built.filename, self._target):
                return built
        latest = read_latest(self.cache, source.key, self._target)
        if latest is None or self._compiler is None:
            return None
        # What was built before counts where nobody can tell that it would be built otherwise now.
        context = self._compiler.known_context(latest.name) or latest.context
        return read_built(self.cache, container_key(source.key, self._target, context))

    def _look(self, project: Path) -> Native | None:
        """Why a project folder or an sdist is not to be built here; None if nothing speaks against it."""
        if self._everything:
            return Native(why='builder = "container"')
        if backend := native_backend(project):
            return Native(why=f"its build backend is {backend}")
        if self._compiler is not None and (file := find_native_file(project)):
            return Native(why=f"it holds {file}", sure=False)
        return None

    # --- here

    def _here(self, source: _Source, placed: Path, *, fallback: bool = False) -> Built:
        key = host_key(source.key, fallback=fallback)
        with self.cache.locked(f"build-{key[:32]}"):
            built = read_built(self.cache, key)
            if built is None:
                self._progress.note(f"building {source.label}")
                try:
                    with self._scratch() as directory:
                        wheel = self._run_here(source, placed, directory)
                        built = self._adopt(wheel, source, source.project(placed), context="")
                except HostBuildError as error:
                    raise self._failed_here(source, error) from error
                write_built(self.cache, key, built)
        if not fits(built.filename, self._target):
            raise NeedsContainerError(source.label, misfit(source.label, built.filename, self._target))
        return built

    def _run_here(self, source: _Source, placed: Path, directory: Path) -> Path:
        return build_here(
            source.label,
            source.project(placed),
            directory,
            access=self._access,
            in_place=source.original,
        )

    def _failed_here(self, source: _Source, error: HostBuildError) -> BuildError:
        hint = f"it seems to have native code; {CONTAINER_HINT}" if error.compiles else error.hint
        told = BuildError(error.sentence, details=error.details, hint=hint)
        if not error.compiles:
            return told
        return NeedsContainerError(source.label, Native(why="it does not build here", error=told))

    # --- in a container

    def _in_container(self, source: _Source, native: Native, placed: Path) -> Built:
        compiler, name = self._compiler, source.name or ""
        if compiler is None:
            raise native_error(source.label, native, self._target)
        try:
            context = compiler.context(name)
        except ToolError as error:
            return self._without_container(source, native, placed, error)
        key = container_key(source.key, self._target, context)
        with self.cache.locked(f"build-{key[:32]}"):
            built = read_built(self.cache, key)
            if built is None:
                with self._scratch() as directory:
                    wheel = compiler.wheel(self._order(source, placed, directory), directory / "out")
                    copy = Path(BUILD) / placed.name / source.subdirectory
                    built = self._adopt(wheel.path, source, copy, context=context)
                if not fits(built.filename, self._target):
                    raise BuildError(
                        f"{source.label} builds {built.filename}, which does not fit "
                        f"{describe_target(self._target)}",
                        hint="its build backend does not ask the interpreter what it builds for",
                    )
                write_built(self.cache, key, built)
        write_image(self.cache, context, compiler.image_name())
        write_latest(self.cache, source.key, self._target, Latest(name=name, context=context))
        return built

    def _without_container(self, source: _Source, native: Native, placed: Path, error: ToolError) -> Built:
        """What a source gives whose native code may be an extra; else the error that tells of the engine."""
        failed = no_engine_error(source.label, native, self._target, error)
        if native.sure:
            raise failed from error
        try:
            built = self._here(source, placed, fallback=True)
        except BuildError:
            raise failed from error
        self._progress.note(
            f"{source.label} is built without what could be compiled ({native.why}), as {error.headline}"
        )
        return built

    def _describe_in_container(self, source: _Source, compiler: Compiler, context: str) -> str:
        key = container_key(source.key, self._target, context)
        with self.cache.locked(f"build-{key[:32]}"):
            match self.cache.read_facts("metadata-in-container", key):
                case {"text": str(text)}:
                    return text
            with self._placed(source) as placed, self._scratch() as directory:
                described = compiler.metadata(self._order(source, placed, directory))
            self.cache.write_facts("metadata-in-container", key, {"text": described})
        return described

    def _order(self, source: _Source, placed: Path, directory: Path) -> Order:
        archive = placed
        if placed.is_dir():
            archive = directory / "source.tar"
            pack_folder(placed, archive)
        return Order(
            label=source.label,
            name=source.name or "",
            target=self._target,
            source=archive,
            filename=archive.name,
            subdirectory=source.subdirectory or None,
        )

    # --- files

    @contextlib.contextmanager
    def _placed(self, source: _Source) -> Iterator[Path]:
        with self._scratch() as directory:
            (directory / "source").mkdir()
            yield source.bring(directory / "source")

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        try:
            with tempfile.TemporaryDirectory(prefix="build-") as name:
                yield Path(name)
        except OSError as error:
            raise disk_error(error, self.cache.root) from error

    def _adopt(self, wheel: Path, source: _Source, copy: Path, *, context: str) -> Built:
        temporary = self.cache.temporary(".whl")
        shutil.copyfile(wheel, temporary)
        beside = {}
        if source.original is not None:
            beside = take_neighbours(temporary, BuiltFrom(copy=copy, original=source.original))
        settle(temporary)
        return Built(self.cache.adopt(temporary, sha256_of(temporary)), wheel.name, beside, context)
