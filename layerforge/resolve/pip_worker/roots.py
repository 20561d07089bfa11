"""What the user asks for, as lines that pip resolves: folders and commits become wheels first."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pip._internal.models.link import Link
from pip._internal.req import InstallRequirement
from pip._internal.req.constructors import install_req_from_line
from pip._internal.vcs.git import Git
from pip._vendor.packaging.markers import Marker
from pip._vendor.packaging.utils import canonicalize_name

from layerforge.errors import BuildError, ConfigError, ResolutionError, ToolError
from layerforge.model.lock import LocalSource, VcsSource
from layerforge.model.requirement import Origin, Requirement
from layerforge.model.url import redact, strip_credentials
from layerforge.resolve.index import Selected
from layerforge.resolve.pip_worker.access import Access, repository_url
from layerforge.resolve.pip_worker.remembered import Built
from layerforge.resolve.pip_worker.sources import Builder

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A requirement in pip's own words."""

    text: str
    origin: Origin
    hashes: dict[str, list[str]]

    def ireq(self, *, constraint: bool) -> InstallRequirement:
        """Anew for each attempt: pip changes them."""
        return install_req_from_line(
            self.text, comes_from=str(self.origin), constraint=constraint, hash_options=self.hashes or None
        )


@dataclass(kw_only=True, slots=True)
class Roots:
    """Makes lines. `sources` tells, by the URL of a wheel that was built here, what it was built from.

    `beside` holds, by place, the folders that such wheels take requirements from: constraints, as
    they say where something is to come from if it is needed at all.
    """

    root: Path
    access: Access
    builder: Builder
    sources: dict[str, Selected] = field(default_factory=dict)
    beside: dict[str, Line] = field(default_factory=dict)

    def line(self, requirement: Requirement) -> Line:
        """One requirement or constraint."""
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        hashes = _hash_options(requirement)
        if requirement.path is None and requirement.url is None:
            text = f"{requirement.name}{extras}{requirement.specifier}"
            return Line(text=text, origin=requirement.origin, hashes=hashes)
        url, name = self._direct(requirement)
        text = f"{name}{extras} @ {url}" if name else url
        return Line(text=text, origin=requirement.origin, hashes=hashes)

    def relative(self, path: str) -> str:
        """`path` as seen from the project root, with `/`."""
        return Path(os.path.relpath(path, self.root)).as_posix()

    def _direct(self, requirement: Requirement) -> tuple[str, str | None]:
        """A URL that pip can read metadata from, and the name if it is known."""
        if requirement.path is not None:
            path = (self.root / requirement.path).resolve()
            if path.is_dir():
                label = requirement.name or requirement.path
                built = self._at(
                    requirement, lambda: self.builder.build_folder(requirement.path or "", label)
                )
                self._take_beside(built, path, label, requirement.origin)
                local = LocalSource(path=self.relative(str(path)))
                return self._built(built, Selected(name="", version="", local=local))
            if not path.is_file():
                raise ConfigError(f"{requirement.path} does not exist", where=str(requirement.origin))
            return path.as_uri(), requirement.name
        url = requirement.url or ""
        scheme = urlsplit(url).scheme
        if "+" not in scheme:
            return url, requirement.name
        if not scheme.startswith("git+"):
            raise ConfigError(
                f"{redact(url)} is not in git, and only git repositories can be locked",
                where=str(requirement.origin),
            )
        return self._at(requirement, lambda: self._from_git(requirement, url.removeprefix("git+")))

    def _take_beside(self, built: Built, folder: Path, label: str, origin: Origin) -> None:
        for name, place in built.beside.items():
            path = self.relative(str(folder / place))
            if path in self.beside:
                continue
            if not (self.root / path).exists():
                raise ConfigError(
                    f"{label} takes {name} from {path}, which does not exist", where=str(origin)
                )
            wanted = Requirement(name=name, path=path, origin=origin)
            # Known before it is built: two folders may take each other.
            self.beside[path] = Line(text=name, origin=origin, hashes={})
            self.beside[path] = self.line(wanted)

    def _from_git(self, requirement: Requirement, url: str) -> tuple[str, str | None]:
        repository, revision, _ = Git.get_url_rev_and_auth(f"git+{url.split('#', 1)[0]}")
        subdirectory = requirement.subdirectory or Link(url).subdirectory_fragment
        # get_url_rev_and_auth takes the credentials out; they are kept for this process.
        self.access.remember(repository_url(url))
        source = VcsSource(
            url=strip_credentials(repository),
            commit="",
            requested_revision=revision,
            subdirectory=subdirectory,
        )
        with tempfile.TemporaryDirectory(prefix="git-") as scratch:
            commit = self.builder.check_out(source, Path(scratch) / "checkout")
        pinned = VcsSource(
            url=source.url, commit=commit, requested_revision=revision, subdirectory=subdirectory
        )
        built = self.builder.build_git(pinned, requirement.name or source.url)
        return self._built(built, Selected(name="", version="", vcs=pinned))

    def _built(self, built: Built, source: Selected) -> tuple[str, str]:
        blob, filename = built.path, built.filename
        placed = Path(tempfile.gettempdir()) / blob.name[:16]
        placed.mkdir(exist_ok=True)
        link = placed / filename
        if not link.exists():
            link.symlink_to(blob)
        self.sources[link.as_uri()] = source
        return link.as_uri(), canonicalize_name(filename.split("-", 1)[0])

    def _at(self, requirement: Requirement, work: Callable[[], Result]) -> Result:
        try:
            return work()
        except (BuildError, ResolutionError, ToolError) as error:
            raise type(error)(
                error.sentence, where=str(requirement.origin), details=error.details, hint=error.hint
            ) from error


def applies(requirement: Requirement) -> bool:
    """Whether its marker holds; to be asked within `markers_of`."""
    return requirement.marker is None or Marker(requirement.marker).evaluate({"extra": ""})


def _hash_options(requirement: Requirement) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for one in requirement.hashes:
        algorithm, _, digest = one.partition(":")
        options.setdefault(algorithm, []).append(digest)
    return options
