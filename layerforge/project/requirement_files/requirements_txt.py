"""requirements.in and requirements.txt, with all that they include."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from layerforge.errors import ConfigError
from layerforge.model.requirement import Origin, Requirement
from layerforge.model.url import redact
from layerforge.project.requirement_files.contents import Contents, Setting, joined
from layerforge.project.requirement_files.directives import Option, parse_directive
from layerforge.project.requirement_files.places import (
    Places,
    absolute,
    path_of_file_url,
    read_bytes,
    stamp,
)
from layerforge.project.requirement_files.references import Reference, read_reference
from layerforge.project.requirement_files.text import (
    LogicalLine,
    decode,
    expand_variables,
    logical_lines,
    variables_in,
)

_INCLUDES = ("requirement", "constraint")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Include:
    path: Path
    as_constraints: bool
    origin: Origin


_Item = Requirement | Setting | _Include
_Stamp = tuple[str, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Chain:
    """The files that led here, to find circles; and whether everything below is a constraint."""

    paths: tuple[Path, ...] = ()
    as_constraints: bool = False


def read_requirements_txt(path: Path, places: Places) -> Contents:
    """Read a requirements file and what it includes with `-r` and `-c`.

    What a constraints file includes with `-r` is a constraint too: a constraints file never
    installs anything.
    """
    return _read(path, places, _Chain())


def _read(path: Path, places: Places, chain: _Chain) -> Contents:
    chain = _Chain(paths=(*chain.paths, path.resolve()), as_constraints=chain.as_constraints)
    parts = [Contents(files=(places.relative(path),))]
    for item in _items_of(path, places):
        if isinstance(item, _Include):
            parts.append(_included(item, places, chain))
        elif isinstance(item, Setting):
            parts.append(Contents(settings=(item,)))
        elif chain.as_constraints:
            parts.append(Contents(constraints=(_checked_constraint(item),)))
        else:
            parts.append(Contents(requirements=(item,)))
    return joined(parts)


def _included(item: _Include, places: Places, chain: _Chain) -> Contents:
    resolved = item.path.resolve()
    if resolved in chain.paths:
        circle = [*chain.paths[chain.paths.index(resolved) :], resolved]
        root = places.root.resolve()
        shown = [Path(os.path.relpath(path, root)).as_posix() for path in circle]
        raise ConfigError(
            f"files include each other in a circle: {' > '.join(shown)}", where=str(item.origin)
        )
    below = _Chain(paths=chain.paths, as_constraints=chain.as_constraints or item.as_constraints)
    return _read(item.path, places, below)


def _checked_constraint(item: Requirement) -> Requirement:
    if item.extras:
        raise ConfigError(
            f"a constraint cannot have extras, and this one has [{','.join(item.extras)}]",
            where=str(item.origin),
            hint="take the extras away here and write them where it is required",
        )
    if item.name is None:
        raise ConfigError(
            "a constraint must have a name",
            where=str(item.origin),
            hint="write `name @` in front of the URL or path",
        )
    if item.editable:
        raise ConfigError("a constraint cannot be editable", where=str(item.origin), hint="take -e away")
    return item


def _items_of(path: Path, places: Places) -> tuple[_Item, ...]:
    # 200 functions may include the same file: it is parsed once as long as neither it nor the
    # variables that it uses change.
    mark = stamp(path)
    if mark is None:
        read_bytes(path, shown=places.relative(path))
        return ()
    names = _variables_of(mark)
    values = tuple((name, value) for name in names if (value := places.environ.get(name)))
    return _parse(mark, str(places.root), values, places.keep_unset)


@lru_cache(maxsize=2048)
def _variables_of(mark: _Stamp) -> tuple[str, ...]:
    try:
        return variables_in(decode(Path(mark[0]).read_bytes()))
    except (OSError, ValueError, LookupError):
        return ()


@lru_cache(maxsize=2048)
def _parse(
    mark: _Stamp, root: str, variables: tuple[tuple[str, str], ...], keep_unset: bool
) -> tuple[_Item, ...]:
    path = Path(mark[0])
    places = Places(root=Path(root), environ=dict(variables), keep_unset=keep_unset)
    shown = places.relative(path)
    text = _decoded(read_bytes(path, shown=shown), shown=shown)
    return tuple(item for line in logical_lines(text) for item in _items_of_line(line, path, places))


def _decoded(data: bytes, *, shown: str) -> str:
    try:
        return decode(data)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"this file is not {error.encoding.upper()} text (byte 0x{data[error.start]:02x})",
            where=f"{shown}:{line}",
            hint="save it as UTF-8, or name its encoding in its first line: # -*- coding: latin-1 -*-",
        ) from error
    except LookupError as error:
        raise ConfigError(f"its coding comment names no encoding: {error}", where=f"{shown}:1") from error


def _items_of_line(line: LogicalLine, path: Path, places: Places) -> Iterator[_Item]:
    origin = Origin(path=places.relative(path), line=line.number)
    directive = parse_directive(expand(line.text, places, origin), where=str(origin))
    if directive.text:
        yield read_reference(
            Reference(
                text=directive.text,
                places=places,
                holder=path,
                origin=origin,
                editable=directive.editable,
                hashes=directive.hashes,
            )
        )
    for option in directive.options:
        if option.name in _INCLUDES:
            yield _include(option, path, places, origin)
        else:
            yield setting(option, path, places, origin)


def expand(text: str, places: Places, origin: Origin) -> str:
    """`text` with its variables expanded. Raises ConfigError naming the first that is not set."""
    names = variables_in(text)
    unset = [name for name in names if not places.environ.get(name)]
    if unset and not places.keep_unset:
        raise ConfigError(
            f"the environment variable {unset[0]} is not set",
            where=str(origin),
            hint=f"set {unset[0]} before running layerforge (export {unset[0]}=...)",
        )
    return expand_variables(text, places.environ) if names else text


def _include(option: Option, path: Path, places: Places, origin: Origin) -> _Include:
    text = option.value
    flag = "-r" if option.name == "requirement" else "-c"
    if text.lower().startswith(("http:", "https:", "ftp:")):
        raise ConfigError(
            f"{flag} {redact(text)} lies on the network, and requirements are read from files alone",
            where=str(origin),
            hint=f"download it, commit it beside this file, and name that with {flag}",
        )
    local = path_of_file_url(text) if text.lower().startswith("file:") else text
    found = places.locate(local, path) if local else None
    if found is None:
        what = "the requirements file" if flag == "-r" else "the constraints file"
        raise places.missing(what, local or text, path, origin)
    return _Include(path=found, as_constraints=option.name == "constraint", origin=origin)


def setting(option: Option, path: Path, places: Places, origin: Origin) -> Setting:
    """An index option with its path, if it holds one, made relative to the project root."""
    on_network = "://" in option.value and not option.value.startswith("file:")
    if option.name != "find-links" or on_network:
        return Setting(option=option.name, value=option.value, origin=origin)
    local = path_of_file_url(option.value) if option.value.startswith("file:") else option.value
    found = places.locate(local, path) if local else None
    if found is None:
        raise places.missing("the folder of --find-links", local or option.value, path, origin)
    return Setting(option=option.name, value=places.relative(absolute(found, ".")), origin=origin)
