"""Which modules functions were seen to import, put together for `bytecode = "used"`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from layerforge.model.function import Function
from layerforge.verify.values import FunctionReport


def merge_used_modules(
    before: Mapping[str, Collection[str]], reports: Iterable[FunctionReport], functions: Iterable[Function]
) -> dict[str, tuple[str, ...]]:
    """Modules by target name, sorted.

    What is there of a target is replaced if all of its functions were verified: then what is no longer
    imported goes. Else it is added to. Targets of which nothing was verified stay, unless they are no
    function's any more.
    """
    seen: dict[str, set[str]] = {}
    verified: dict[str, set[str]] = {}
    for report in reports:
        seen.setdefault(report.target.name, set()).update(report.modules_used)
        verified.setdefault(report.target.name, set()).add(report.function)
    wanted: dict[str, set[str]] = {}
    for function in functions:
        wanted.setdefault(function.target.name, set()).add(function.name)
    merged = {}
    for target, names in sorted(wanted.items()):
        whole = names <= verified.get(target, set())
        modules = seen.get(target, set()) | (set() if whole else set(before.get(target, ())))
        if modules or target in seen or target in before:
            merged[target] = tuple(sorted(modules))
    return merged
