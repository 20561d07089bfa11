"""Native files that are there several times, byte for byte, and what that costs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from layerforge.check.contents import BuiltFunction, ZipContents
from layerforge.check.problems import Problem
from layerforge.model.finding import Severity
from layerforge.model.sizes import format_size

# Less is not worth a line.
_WORTH_TELLING = 262_144


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """A native file and where it lies, as zip and path; `size` in bytes of one of them."""

    size: int
    places: tuple[tuple[str, str], ...]

    @property
    def wasted(self) -> int:
        """Bytes of all copies but one."""
        return self.size * (len(self.places) - 1)


def find_copies(zips: Sequence[ZipContents]) -> tuple[Copies, ...]:
    """Files that several of `zips` hold, or one of them several times; what wastes most first."""
    places: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for contents in zips:
        for path, native in contents.natives.items():
            if native.sha256 is not None:
                places.setdefault((native.sha256, native.size), []).append((contents.name, path))
    copies = [
        Copies(size=size, places=tuple(sorted(found)))
        for (_, size), found in places.items()
        if len(found) > 1
    ]
    return tuple(sorted(copies, key=lambda one: (-one.wasted, one.places)))


def wasted_bytes(zips: Sequence[ZipContents]) -> int:
    """Bytes that identical native files take beyond the first."""
    return sum(one.wasted for one in find_copies(zips))


def find_identical_in(contents: ZipContents) -> Iterator[Problem]:
    """Copies inside of one zip, which links can take the place of."""
    copies = find_copies((contents,))
    total = sum(one.wasted for one in copies)
    if total < _WORTH_TELLING:
        return
    hint = None if contents.is_code else "dedupe-native = true in the config leaves one, and links to it"
    for one in copies:
        yield Problem(
            severity=Severity.NOTE,
            code="identical-native",
            zip=contents.name,
            place=contents.label,
            path=one.places[0][1],
            verb="is",
            rest=f"there more than once, which costs {format_size(total)}",
            hint=hint,
            details=(f"{' = '.join(path for _, path in one.places)}  {format_size(one.size)} each",),
        )


def find_identical_between(function: BuiltFunction) -> Iterator[Problem]:
    """Copies in different zips of a function, of its code if it has some: only another plan spares them."""
    code = function.code.name if function.code else None
    across = [
        one
        for one in find_copies(function.zips)
        if len(names := {name for name, _ in one.places}) > 1 and (code is None or code in names)
    ]
    total = sum(one.size * (len({name for name, _ in one.places}) - 1) for one in across)
    if total < _WORTH_TELLING:
        return
    for one in across:
        zip_name, path = one.places[0]
        places = " = ".join(f"{name}:{path}" for name, path in one.places)
        yield Problem(
            severity=Severity.NOTE,
            code="identical-native",
            zip=zip_name,
            place=next(contents.label for contents in function.zips if contents.name == zip_name),
            path=path,
            verb="is",
            rest=f"in other zips too, which costs who mounts them {format_size(total)}",
            details=(f"{places}  {format_size(one.size)} each",),
            functions=frozenset({function.name}),
        )
