"""What matters of a compiler's lines, and which system package is likely to be missing. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from layerforge.model.recipe import SystemPackage

_LINES_SHOWN = 20
_CONTEXT = 2
_FULL = "No space left on device"
_FULL_HINT = (
    "no space is left where the container engine keeps its files: make room (`docker system df` shows what "
    "takes it), or give its virtual machine a larger disk"
)
# Stands for the distribution until it is known.
_NAME = "<name>"
_FAMILIES = {"dnf": "dnf", "microdnf": "dnf", "yum": "yum", "apt-get": "apt"}
# What GCC, Clang, Rust, ld, CMake and meson begin their errors with; make's own says nothing of them.
_ERROR = re.compile(
    r"(?:^|[\s:])(?:fatal )?error(?:\[E\d+\])?:|^(?:\S*/)?ld: |cannot find -l|undefined reference|"
    r"command not found|: not found$|executable not found|No such file or directory|No space left on device|"
    r"CMake Error|"
    r"was not found in the pkg-config search path|^ERROR: |Error: |Exception: ",
)
_NOISE = re.compile(
    r"^error: (?:subprocess-exited|metadata-generation|legacy-install)|^\s*ERROR: Failed building wheel"
)

_HEADERS = (
    re.compile(r"fatal error: (?P<name>\S+?): No such file"),
    re.compile(r"fatal error: '(?P<name>[^']+)' file not found"),
    re.compile(r"Cannot open include file: '(?P<name>[^']+)'"),
)
_LIBRARIES = (re.compile(r"cannot find -l:?(?P<name>[^\s:]+)"),)
_PROGRAMS = (
    re.compile(r"(?P<name>[\w.+-]+) executable not found"),
    re.compile(r"(?:^|[\s:])(?P<name>[\w.+-]+): (?:command )?not found"),
    re.compile(r"(?:error: command|unable to execute) '(?:\S*/)?(?P<name>[\w.+-]+)'.*No such file"),
    re.compile(r"No such file or directory: '(?:\S*/)?(?P<name>[\w.+-]+)'"),
    re.compile(r"Unknown compiler\(s\): \[\['(?P<name>[\w.+-]+)'"),
)
_MODULES = (
    re.compile(r"Package '?(?P<name>[\w.+-]+)'?,? (?:was not found|required by)"),
    re.compile(r"No package '(?P<name>[^']+)' found"),
    re.compile(r"pkg-config --exists (?P<name>[\w.+-]+)' returned non-zero"),
    re.compile(r'Dependency "(?P<name>[^"]+)" not found'),
)
_CARGO = re.compile(
    r"[Rr]ust(?:c| compiler| toolchain)?\b.*(?:not found|not installed|is not on PATH|required)"
)


def explain(
    lines: Sequence[str], manager: str | None, name: str, *, packages: Sequence[SystemPackage]
) -> tuple[Sequence[str], str | None]:
    """The lines that say what went wrong, and what to do: an `Explain` (resolve/compile/failures.py).

    `manager` is the package manager of the image, None if it has none; `name` the distribution's.
    """
    if any(_FULL in line for line in lines):
        return pick_lines(lines), _FULL_HINT
    hint = _hint(lines, _FAMILIES.get(manager or ""), packages)
    return pick_lines(lines), hint and hint.replace(_NAME, name or '"*"')


def pick_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """The first errors with what stands around them, in order, and the last lines."""
    told = [at for at, line in enumerate(lines) if _ERROR.search(line) and not _NOISE.search(line)]
    chosen: dict[int, None] = {}
    for at in told:
        around = range(max(0, at - 1), min(len(lines), at + 1 + _CONTEXT))
        if len(chosen.keys() | set(around)) > _LINES_SHOWN - 1:
            break
        chosen |= dict.fromkeys(around)
    if not chosen:
        return tuple(lines[-_LINES_SHOWN:])
    end = len(lines) - 1
    shown: list[str] = []
    before = -1
    for at in sorted(chosen.keys() | {end}):
        if at > before + 1 and shown:
            shown.append("...")
        shown.append(lines[at])
        before = at
    return tuple(shown)


def _hint(lines: Sequence[str], family: str | None, packages: Sequence[SystemPackage]) -> str | None:
    for what, patterns, held in _kinds():
        for name in _found(lines, patterns):
            known = next((one for one in packages if name in held(one)), None)
            if known is not None:
                return _advice(f"{what} {name}", known, family)
            if what == "header":
                # Whatever it is of, a header is a file of some package.
                return (
                    f"the header {name} is missing: find the package that has it "
                    f"({_search(family, name)}), and name it in the config: [container.packages] "
                    f'{_NAME} = ["..."]'
                )
    if any(_CARGO.search(line) for line in lines):
        rust = next((one for one in packages if "cargo" in one.programs), None)
        if rust is not None:
            return _advice("compiler of Rust", rust, family)
    return None


_Held = Callable[[SystemPackage], tuple[str, ...]]


def _kinds() -> Iterable[tuple[str, tuple[re.Pattern[str], ...], _Held]]:
    return (
        ("header", _HEADERS, lambda one: one.headers),
        ("library", _LIBRARIES, lambda one: one.libraries),
        ("program", _PROGRAMS, lambda one: one.programs),
        ("pkg-config module", _MODULES, lambda one: one.modules),
    )


def _found(lines: Sequence[str], patterns: Sequence[re.Pattern[str]]) -> list[str]:
    """What any of the patterns names, each once, in order."""
    matches = (pattern.search(line) for line in lines for pattern in patterns)
    return list(dict.fromkeys(match["name"] for match in matches if match))


def _advice(missing: str, known: SystemPackage, family: str | None) -> str:
    package = known.name_for(family) if family else None
    if package is None:
        every = ", ".join(f"{package} ({manager})" for manager, package in known.names)
        return f"the {missing} is missing; it is in {every}: put it into the build image"
    return (
        f"the {missing} is missing, which {package} is likely to have: in the config, "
        f'[container.packages] {_NAME} = ["{package}"]'
    )


def _search(family: str | None, name: str) -> str:
    return f"dnf provides '*/{name}'" if family in {"dnf", "yum", None} else f"apt-file search {name}"
