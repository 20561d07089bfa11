"""Whether the locks fit the project, and if not, what has changed: without pip, index or network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from layerforge.model.function import Function, Project
from layerforge.model.lock import FunctionRoots, Lock, Root
from layerforge.model.requirement import Requirement
from layerforge.resolve.digest import ReadFile, input_digest, specifier_key


def stale_reasons(
    project: Project, locks: Sequence[Lock], *, read: ReadFile | None = None
) -> tuple[str, ...]:
    """Return one sentence for each change since the locks were made; none if they fit the project.

    A function belongs to the lock that names it, so a split cohort is judged part by part. `read`
    defaults to the files below the project root.
    """
    read = read or reader_below(project.root)
    functions = {function.name: function for function in project.functions}
    serving = {roots.function: lock for lock in locks for roots in lock.functions}
    reasons = [
        *_new_functions(project.functions, serving),
        *(f"function {name} is gone" for name in sorted(set(serving) - set(functions))),
    ]
    for lock in sorted(locks, key=lambda lock: lock.cohort):
        ours = [functions[roots.function] for roots in lock.functions if roots.function in functions]
        moved = [function for function in ours if function.target != lock.target]
        if moved:
            reasons += [
                f"the target of {f.name} changed from {lock.target.name} to {f.target.name}" for f in moved
            ]
            continue
        if len(ours) == len(lock.functions) and is_fresh(lock, ours, project, read):
            continue
        reasons += _changes(lock, ours, complete=len(ours) == len(lock.functions))
    return tuple(dict.fromkeys(reasons))


def is_fresh(lock: Lock, functions: Sequence[Function], project: Project, read: ReadFile) -> bool:
    """Whether a lock was made for exactly what these functions ask for now."""
    digest = input_digest(
        functions,
        target=lock.target,
        options=project.settings.options,
        local=[one.local.path for one in lock.distributions if one.local],
        read=read,
    )
    return digest == lock.input_digest


def reader_below(root: Path) -> ReadFile:
    """Return what reads files by their path relative to `root`; None for what is not a file."""

    def read(path: str) -> bytes | None:
        try:
            return (root / path).read_bytes()
        except OSError:
            return None

    return read


def _new_functions(functions: Iterable[Function], serving: dict[str, Lock]) -> Iterator[str]:
    for function in sorted(functions, key=lambda function: function.name):
        if function.name not in serving:
            yield f"function {function.name} is new ({function.origin})"


def _changes(lock: Lock, functions: Sequence[Function], *, complete: bool) -> list[str]:
    """What differs, as precisely as the lock can tell; a lone missing function was told already."""
    roots = {held.function: held for held in lock.functions}
    reasons = [
        reason
        for function in sorted(functions, key=lambda function: function.name)
        for reason in (
            *_asked_and_not_held(function, roots[function.name], lock),
            *_no_longer_asked(function, roots[function.name]),
            *_broken_constraints(function, lock),
        )
    ]
    if not reasons and complete:
        names = ", ".join(sorted(function.name for function in functions))
        reasons.append(
            f"the constraints, index options, hashes, URLs or local projects that {names} "
            "are resolved with have changed"
        )
    return reasons


def _asked_and_not_held(function: Function, held: FunctionRoots, lock: Lock) -> Iterator[str]:
    versions = {d.name: d.version for d in lock.distributions}
    environment = lock.target.marker_environment()
    for requirement in function.requirements.requirements:
        if requirement.name is None or not applies(requirement, environment):
            continue
        asked = display(requirement)
        version = versions.get(requirement.name)
        matching = [root for root in held.roots if _same(root, requirement)]
        if version is None:
            yield f"{requirement.origin} asks for {asked}, which the lock has not"
        elif not _meets(version, requirement.specifier):
            yield f"{requirement.origin} asks for {asked}, which is not met by the locked {version}"
        elif not matching:
            before = ", ".join(sorted(_display_root(r) for r in held.roots if r.name == requirement.name))
            told = f"where the lock was made for {before}" if before else "which it did not before"
            yield f"{requirement.origin} asks for {asked}, {told}"


def _no_longer_asked(function: Function, held: FunctionRoots) -> Iterator[str]:
    asked = {requirement.name for requirement in function.requirements.requirements}
    if None in asked:
        return
    for root in sorted(held.roots):
        if root.name not in asked:
            yield f"{function.name} no longer asks for {_display_root(root)}"


def _broken_constraints(function: Function, lock: Lock) -> Iterator[str]:
    versions = {d.name: d.version for d in lock.distributions}
    environment = lock.target.marker_environment()
    for constraint in function.requirements.constraints:
        version = versions.get(constraint.name or "")
        if version and applies(constraint, environment) and not _meets(version, constraint.specifier):
            allowed = display(constraint)
            yield f"{constraint.origin} allows {allowed}, which is not met by the locked {version}"


def applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    """Whether a requirement's marker is true in the environment of a target."""
    if requirement.marker is None:
        return True
    from packaging.markers import Marker

    return Marker(requirement.marker).evaluate({**environment, "extra": ""})


def display(requirement: Requirement) -> str:
    """`pydantic[email]>=2`, as messages show it; never a URL with its secrets."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name or requirement.path or 'a URL'}{extras}{specifier_key(requirement.specifier)}"


def _display_root(root: Root) -> str:
    extras = f"[{','.join(root.extras)}]" if root.extras else ""
    return f"{root.name}{extras}{root.specifier}"


def _same(root: Root, requirement: Requirement) -> bool:
    return (
        root.name == requirement.name
        and root.extras == tuple(sorted(requirement.extras))
        and specifier_key(root.specifier) == specifier_key(requirement.specifier)
    )


def _meets(version: str, specifier: str) -> bool:
    if not specifier:
        return True
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(specifier).contains(version, prereleases=True)
