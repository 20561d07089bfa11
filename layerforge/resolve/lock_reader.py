"""The text of a lock file of ours to a Lock; what is damaged is named by its key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from layerforge.errors import ResolutionError
from layerforge.model.lock import (
    Archive,
    Distribution,
    Edge,
    FunctionRoots,
    LocalSource,
    Lock,
    Root,
    VcsSource,
)
from layerforge.model.requirement import Origin
from layerforge.model.target import ARCHITECTURES, RUNTIMES, Target

_T = TypeVar("_T", str, int, list[Any], dict[str, Any])
FORMAT = 1
_HINT = (
    "restore it from version control; or delete it and run `layerforge lock`, "
    "which then takes the newest versions that fit"
)
_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?: |$)", re.MULTILINE)
_ROOT = re.compile(
    r"(?P<name>[a-z0-9._-]+)(?:\[(?P<extras>[^\]]*)\])?(?P<specifier>[^ ]*) \((?P<origin>.*)\)"
)
_EDGE = re.compile(
    r"(?P<name>[a-z0-9._-]+)(?:\[(?P<extras>[^\]]*)\])?(?P<specifier>[^; ]*)"
    r"(?:; (?!extra == ')(?P<marker>.+)|; extra == '(?P<extra>[^']+)'(?: and \((?P<rest>.+)\))?)?"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def parse_lock(text: str, *, path: str, root: Path | None = None) -> Lock:
    """Read a lock. `path` is its name in messages; `root` completes the paths that it holds.

    Raises ResolutionError, naming line or key, if it is damaged or of a format that is not ours.
    """
    if found := _CONFLICT.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ResolutionError(
            "the lock holds the conflict markers of an unfinished merge",
            where=f"{path}:{line}",
            hint="take either side, then run `layerforge lock`: it keeps the pins that still fit",
        )
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ResolutionError(f"the lock is not TOML: {error}", where=path, hint=_HINT) from error
    return _Reader(path, root).lock(document)


class _Reader:
    """Typed reading, with the key in every error."""

    def __init__(self, path: str, root: Path | None) -> None:
        self.path = path
        self.root = root

    def lock(self, document: dict[str, Any]) -> Lock:
        ours = self.need(self.need(document, "tool", dict, ""), "layerforge", dict, "tool")
        at = "tool.layerforge"
        version = self.need(ours, "format", int, at)
        if version != FORMAT:
            raise self.error(
                f"the lock has format {version}, this layerforge reads {FORMAT}",
                f"{at}.format",
                hint="update layerforge" if version > FORMAT else _HINT,
            )
        packages = self.need(document, "packages", list, "")
        distributions = tuple(self.distribution(p, f"packages[{i}]") for i, p in enumerate(packages))
        functions = self.need(ours, "functions", dict, at)
        return Lock(
            cohort=self.need(ours, "cohort", str, at),
            target=self.target(self.need(ours, "target", str, at), f"{at}.target"),
            distributions=distributions,
            functions=tuple(self.roots(name, value) for name, value in sorted(functions.items())),
            input_digest=self.need(ours, "input-digest", str, at),
        )

    def target(self, name: str, at: str) -> Target:
        runtime, _, architecture = name.partition("-")
        if runtime not in RUNTIMES or architecture not in ARCHITECTURES:
            raise self.error(f"{name!r} is not a target that this layerforge knows", at)
        return Target(runtime=runtime, architecture=architecture)

    def roots(self, function: str, value: Any) -> FunctionRoots:
        at = f"tool.layerforge.functions.{function}"
        texts = self.strings(value, at)
        return FunctionRoots(
            function=function, roots=tuple(self.one_root(t, f"{at}[{i}]") for i, t in enumerate(texts))
        )

    def one_root(self, text: str, at: str) -> Root:
        match = _ROOT.fullmatch(text)
        if match is None:
            raise self.error(f"{text!r} is not a requirement with its place in brackets", at)
        path, _, line = match["origin"].rpartition(":")
        has_line = bool(path) and line.isdecimal()
        return Root(
            name=match["name"],
            extras=_split(match["extras"]),
            specifier=match["specifier"],
            origin=Origin(path=path, line=int(line)) if has_line else Origin(path=match["origin"]),
        )

    def distribution(self, package: Any, at: str) -> Distribution:
        self.check(package, dict, at)
        tool = self.need(self.need(package, "tool", dict, at), "layerforge", dict, f"{at}.tool")
        ours = f"{at}.tool.layerforge"
        wheels = self.maybe(package, "wheels", list, at) or []
        sdist = self.maybe(package, "sdist", dict, at) or self.maybe(package, "archive", dict, at)
        vcs = self.maybe(package, "vcs", dict, at)
        directory = self.maybe(package, "directory", dict, at)
        if not (wheels or sdist or vcs or directory):
            raise self.error("there is no wheel, sdist, archive, vcs or directory", at)
        return Distribution(
            name=self.need(package, "name", str, at),
            version=self.maybe(package, "version", str, at) or self.need(tool, "version", str, ours),
            wheel=self.archive(wheels[0], f"{at}.wheels[0]") if wheels else None,
            sdist=self.archive(sdist, f"{at}.sdist") if sdist else None,
            vcs=self.vcs(vcs, f"{at}.vcs") if vcs else None,
            local=LocalSource(path=self.need(directory, "path", str, f"{at}.directory"))
            if directory
            else None,
            unzipped_size=self.need(tool, "unzipped-size", int, ours),
            edges=self.edges(package, tool, at),
            provided_extras=tuple(self.strings(tool.get("provided-extras", []), f"{ours}.provided-extras")),
            requires_python=self.maybe(package, "requires-python", str, at),
            license=self.maybe(tool, "license", str, ours),
        )

    def archive(self, value: Any, at: str) -> Archive:
        self.check(value, dict, at)
        sha256 = self.need(self.need(value, "hashes", dict, at), "sha256", str, f"{at}.hashes")
        if not _SHA256.fullmatch(sha256):
            raise self.error(f"{sha256!r} is not a sha256 digest", f"{at}.hashes.sha256")
        url = self.maybe(value, "url", str, at)
        if url is None:
            path = self.need(value, "path", str, at)
            url = (self.root / path).as_uri() if self.root else path
        filename = self.maybe(value, "name", str, at) or unquote(urlsplit(url).path.rpartition("/")[2])
        return Archive(filename=filename, url=url, sha256=sha256, size=self.maybe(value, "size", int, at))

    def vcs(self, value: dict[str, Any], at: str) -> VcsSource:
        return VcsSource(
            url=self.need(value, "url", str, at),
            commit=self.need(value, "commit-id", str, at),
            requested_revision=self.maybe(value, "requested-revision", str, at),
            subdirectory=self.maybe(value, "subdirectory", str, at),
        )

    def edges(self, package: dict[str, Any], tool: dict[str, Any], at: str) -> tuple[Edge, ...]:
        """Edges stand in `dependencies` alone where no extra is involved."""
        if "edges" in tool:
            where = f"{at}.tool.layerforge.edges"
            return tuple(
                self.edge(t, f"{where}[{i}]") for i, t in enumerate(self.strings(tool["edges"], where))
            )
        found = []
        for i, dependency in enumerate(self.maybe(package, "dependencies", list, at) or []):
            self.check(dependency, dict, f"{at}.dependencies[{i}]")
            found.append(Edge(name=self.need(dependency, "name", str, f"{at}.dependencies[{i}]")))
        return tuple(found)

    def edge(self, text: str, at: str) -> Edge:
        match = _EDGE.fullmatch(text)
        if match is None:
            raise self.error(f"{text!r} is not a dependency", at)
        return Edge(
            name=match["name"],
            extras=_split(match["extras"]),
            extra=match["extra"],
            specifier=match["specifier"],
            marker=match["marker"] or match["rest"],
        )

    def need(self, table: dict[str, Any], key: str, kind: type[_T], at: str) -> _T:
        value = self.maybe(table, key, kind, at)
        if value is None:
            raise self.error("the value is missing", f"{at}.{key}" if at else key)
        return value

    def maybe(self, table: dict[str, Any], key: str, kind: type[_T], at: str) -> _T | None:
        value = table.get(key)
        if value is not None:
            self.check(value, kind, f"{at}.{key}" if at else key)
        return value

    def check(self, value: Any, kind: type, at: str) -> None:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(
                f"expected {_KINDS[kind]}, found {_KINDS.get(type(value), 'something else')}", at
            )

    def strings(self, value: Any, at: str) -> list[str]:
        self.check(value, list, at)
        for i, item in enumerate(value):
            self.check(item, str, f"{at}[{i}]")
        return list(value)

    def error(self, sentence: str, at: str, hint: str = _HINT) -> ResolutionError:
        return ResolutionError(sentence, where=f"{self.path}: {at}", hint=hint)


_KINDS: dict[type, str] = {
    str: "a string",
    int: "an integer",
    list: "an array",
    dict: "a table",
    bool: "a boolean",
    float: "a float",
}


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
