"""Where the files that a function mounts get in each other's way. Pure: told from names, sizes and digests.

Layers are unpacked one after the other into /opt, so that of two files of one path the later layer's
stays (https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html); what RECORDs list tells which
distributions brought a path of one layer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from layerforge.check.contents import BuiltFunction, Installed, ListedFile, ZipContents
from layerforge.check.problems import Problem
from layerforge.model.finding import Severity

_EXCLUDE = (
    "two distributions of one project (such as opencv-python and opencv-python-headless) "
    "exclude each other: require only one of them"
)
# Tops that every project may use for itself: `import tests` means whichever comes first.
_STRAYS = frozenset(
    {
        "tests",
        "test",
        "testing",
        "docs",
        "doc",
        "examples",
        "example",
        "benchmarks",
        "benchmark",
        "scripts",
        "src",
    }
    | {"setup.py", "conftest.py", "tests.py", "test.py"}
)
# The sha256 of nothing, as RECORD writes it.
_EMPTY = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
_MODULES = (".py", ".so", ".pth", ".pyi")


def find_collisions_in(contents: ZipContents) -> Iterator[Problem]:
    """What gets in the way inside of one zip."""
    yield from _same_paths_of(contents)
    yield from _cases(contents, contents.files)
    yield from _pths(contents)
    yield from _strays(contents)


def find_collisions_between(function: BuiltFunction) -> Iterator[Problem]:
    """What gets in the way between the zips of a function."""
    yield from _overwritten(function)
    yield from find_twice(function)
    yield from _cases_between(function)


def _same_paths_of(contents: ZipContents) -> Iterator[Problem]:
    if not contents.contested:
        return
    brought: dict[str, list[Installed]] = {}
    for one in contents.installed:
        for path in contents.contested.keys() & one.files.keys():
            brought.setdefault(path, []).append(one)
    for path, ones in sorted(brought.items()):
        there = contents.contested[path]
        winner = next((one for one in ones if one.files[path] == there), ones[0])
        for loser in ones:
            # Where a namespace's few lines stay, who had to give way had the like: see build/assembly.py.
            if loser.files[path] in ("", winner.files[path], _EMPTY) or path in contents.namespaces:
                continue
            yield Problem(
                severity=Severity.WARNING,
                code="file-collision",
                zip=contents.name,
                place=contents.label,
                path=path,
                verb="has",
                item="",
                rest=f"other contents in {loser.label}, which had to give way",
                owner=winner.label,
                hint=_EXCLUDE,
                names=(loser.name, loser.label),
            )


def _overwritten(function: BuiltFunction) -> Iterator[Problem]:
    """Files of earlier layers that later ones replace with others."""
    seen: dict[str, tuple[ZipContents, ListedFile]] = {}
    for layer in function.layers:
        owners = layer.owners
        for path, listed in layer.files.items():
            known = seen.get(path)
            seen[path] = (layer, listed)
            if known is None or known[1] == listed:
                continue
            earlier = known[0]
            loser, winner = earlier.owners.get(path), owners.get(path)
            if _is_same_distribution(loser, winner) or _are_namespaces(path, earlier, layer):
                continue
            yield Problem(
                severity=Severity.WARNING,
                code="file-collision",
                zip=layer.name,
                place=layer.label,
                path=path,
                verb="has",
                rest=f"other contents in {_named(loser, earlier)}: the later layer's stays",
                owner=winner.label if winner else None,
                hint=_EXCLUDE,
                names=(loser.name, loser.label) if loser else (),
                functions=frozenset({function.name}),
            )


def _named(owner: Installed | None, contents: ZipContents) -> str:
    return f"{owner.label} ({contents.label})" if owner else contents.label


def _is_same_distribution(first: Installed | None, second: Installed | None) -> bool:
    """The same in two layers may differ where one of them has bytecode: in RECORD alone."""
    return first is not None and second is not None and first.label == second.label


def _are_namespaces(path: str, *layers: ZipContents) -> bool:
    return all(path in layer.namespaces for layer in layers)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Held:
    zip: ZipContents
    installed: Installed
    position: int


def find_twice(function: BuiltFunction) -> Iterator[Problem]:
    """Distributions that are there at several versions; sys.path begins with the function's code."""
    held: dict[str, list[_Held]] = {}
    for position, contents in enumerate(function.zips):
        for one in contents.installed:
            held.setdefault(one.name, []).append(_Held(zip=contents, installed=one, position=position))
    for name, ones in sorted(held.items()):
        if len({one.installed.version for one in ones}) < 2:
            continue
        in_code = [one for one in ones if one.zip.is_code]
        winner = in_code[0] if in_code else max(ones, key=lambda one: one.position)
        others = [one for one in ones if one.installed.version != winner.installed.version]
        told = ", ".join(f"{one.installed.version} in {one.zip.label}" for one in others)
        why = "the function's own code goes first" if in_code else "the later layer's files stay"
        yield Problem(
            severity=Severity.WARNING,
            code="distribution-twice",
            zip=winner.zip.name,
            place=winner.zip.label,
            path=winner.installed.label,
            verb="is",
            rest=f"there as {told}, too: {why}",
            hint="the files of both are there, and importlib.metadata finds either: let one of them go",
            names=(name, *(one.installed.label for one in others)),
            functions=frozenset({function.name}),
        )


def _fold(text: str) -> str:
    """What file systems that ignore case (or normalise) take for the same name."""
    return unicodedata.normalize("NFC", text).casefold()


def _spellings(paths: Iterable[str]) -> dict[str, set[str]]:
    """Every path and folder by its folded name; only parents that are spelled alike are compared."""
    found: dict[str, set[str]] = {}
    folders: set[str] = set()
    for path in paths:
        parts = path.split("/")
        folders.update("/".join(parts[:length]) for length in range(1, len(parts)))
        found.setdefault(_fold(path), set()).add(path)
    for folder in folders:
        found.setdefault(_fold(folder), set()).add(folder)
    return {
        folded: names
        for folded, names in found.items()
        if len(names) > 1 and len({name.rpartition("/")[0] for name in names}) == 1
    }


def _cases(contents: ZipContents, paths: Iterable[str]) -> Iterator[Problem]:
    for names in _spellings(paths).values():
        first, *others = sorted(names)
        yield _case_problem(contents, first, others, function=None)


def _case_problem(
    contents: ZipContents, path: str, others: Iterable[str], *, function: str | None
) -> Problem:
    return Problem(
        severity=Severity.WARNING,
        code="case-collision",
        zip=contents.name,
        place=contents.label,
        path=path,
        verb="is",
        rest=f"spelled {' and '.join(repr(one) for one in others)}, too: where case does not count "
        "(macOS, Windows) one of them is lost",
        hint="Lambda keeps both; unpack it nowhere else, or let one of the distributions go",
        names=tuple(others),
        functions=frozenset({function} if function else ()),
    )


def _cases_between(function: BuiltFunction) -> Iterator[Problem]:
    if len(function.layers) < 2:
        return
    alone: set[str] = set()
    for layer in function.layers:
        alone.update(_spellings(layer.files))
    union = {path: layer for layer in function.layers for path in layer.files}
    for folded, names in _spellings(union).items():
        if folded in alone:
            continue
        first, *others = sorted(names)
        owner = next(layer for path, layer in union.items() if path == first or path.startswith(f"{first}/"))
        yield _case_problem(owner, first, others, function=function.name)


def _pths(contents: ZipContents) -> Iterator[Problem]:
    """Lines that Python's site module runs, or adds to sys.path, at each start; /opt is such a place."""
    if contents.is_code:
        return
    owners = contents.owners
    for path, text in sorted(contents.pths.items()):
        inside = contents.module_path(path)
        lines = [line.strip() for line in text.splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        if inside is None or "/" in inside or not lines:
            continue
        code = [line for line in lines if line.startswith(("import ", "import\t"))]
        owner = owners.get(path)
        yield Problem(
            severity=Severity.NOTE,
            code="pth-file",
            zip=contents.name,
            place=contents.label,
            path=path,
            verb="runs",
            rest="at every start of Python" if code else "at every start of Python, and adds to sys.path",
            owner=owner.label if owner else None,
            details=tuple(line[:100] for line in (code or lines)[:3]),
        )


def _strays(contents: ZipContents) -> Iterator[Problem]:
    """What distributions put where other things may be looked for."""
    if contents.is_code:
        return
    for one in contents.installed:
        for item, rest in sorted(_strays_of(contents, one).items()):
            yield Problem(
                severity=Severity.NOTE,
                code="stray-file",
                zip=contents.name,
                place=contents.label,
                path=item,
                verb="lies",
                rest=rest,
                owner=one.label,
                names=(one.name,),
            )


def _strays_of(contents: ZipContents, one: Installed) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for path in one.files:
        inside = contents.module_path(path)
        if inside is None:
            top = path.partition("/")[0]
            if top == "lib":
                found[path] = "in lib/, where the loader looks for libraries of every function"
            elif top not in ("bin", "share"):
                found[f"{top}/"] = "outside of python/, bin/, lib/ and share/"
            continue
        top, slash, _ = inside.partition("/")
        if top in _STRAYS:
            found[f"python/{top}{slash}"] = "at the top of sys.path, where it is in everybody's way"
        elif not slash and not top.endswith(_MODULES):
            found[f"python/{top}"] = "at the top of sys.path, and is no module"
    return found
