"""From a function's handler through all modules that are the user's own. Reads only what is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from layerforge.check.imports import Import, ModuleImports, Need, parse_imports


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnModule:
    """A module that the user has written. `path` is of its zip; `is_code`: of the function's own folder.

    Otherwise it is of a package that the user keeps beside, and has among the requirements.
    """

    zip: str
    path: str
    is_code: bool = True


# The imports of a module in a package, its text being read by the last argument. Raises SyntaxError.
Parse = Callable[[OwnModule, str, Callable[[], bytes]], ModuleImports]


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A module that cannot be parsed, and the reason."""

    module: OwnModule
    line: int | None
    reason: str


@dataclass(kw_only=True, slots=True)
class Traced:
    """Every import that was reached, with the module that has it."""

    imports: list[tuple[OwnModule, Import]] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    broken: list[Broken] = field(default_factory=list)
    is_certain: bool = True


def parse_anew(module: OwnModule, package: str, read: Callable[[], bytes]) -> ModuleImports:  # noqa: ARG001
    """A `Parse` that remembers nothing."""
    return parse_imports(read(), package)


def trace_imports(
    modules: Mapping[str, OwnModule],
    handler: str | None,
    read: Callable[[OwnModule], bytes],
    parse: Parse = parse_anew,
) -> Traced:
    """Follow the imports of the handler's module; of all modules of the code, where it is not among them.

    `modules` by dotted name. What `parse` knows already is not read. A handler that comes from elsewhere
    (a layer that wraps the function's own) names no module of ours: any of them may be the one that it
    calls.
    """
    traced = Traced()
    start = handler_module(handler)
    waiting = _with_parents(start, modules) if start in modules else []
    if not waiting:
        waiting = [name for name, one in modules.items() if one.is_code]
        if start:
            traced.words.add(start.partition(".")[0])
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = _parse(name, modules[name], read, traced, parse)
        for one in found.imports:
            traced.imports.append((modules[name], one))
            if one.need is not Need.TYPING:
                waiting += _own(one, modules)
    return traced


def handler_module(handler: str | None) -> str:
    """`src.app` of `src/app.handler`; empty where nothing says it."""
    return (handler or "").rpartition(".")[0].replace("/", ".")


def _parse(
    name: str, module: OwnModule, read: Callable[[OwnModule], bytes], traced: Traced, parse: Parse
) -> ModuleImports:
    package = name if module.path.endswith("/__init__.py") else name.rpartition(".")[0]
    try:
        found = parse(module, package, lambda: read(module))
    except SyntaxError as error:
        traced.broken.append(Broken(module=module, line=error.lineno, reason=error.msg))
        return ModuleImports(imports=())
    traced.words |= found.words
    traced.is_certain &= found.is_certain
    return found


def _own(one: Import, modules: Mapping[str, OwnModule]) -> Iterator[str]:
    for dotted in (one.module, *one.candidates):
        yield from _with_parents(dotted, modules)


def _with_parents(dotted: str, modules: Mapping[str, OwnModule]) -> list[str]:
    """The module and the packages around it, as far as they are the user's own."""
    parts = dotted.split(".")
    names: Iterable[str] = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return [name for name in names if name in modules]
