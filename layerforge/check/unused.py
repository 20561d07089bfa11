"""What a function's code imports against what it declares: findings, not verdicts.

Nothing is said of what only a run can tell: plug-ins, modules that are named in texts, what optional
extras of others look for. Import names are those of the files that were built.
"""

from __future__ import annotations

import configparser
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from layerforge.check.contents import BuiltFunction
from layerforge.check.import_tracing import OwnModule, Parse, Traced, parse_anew, trace_imports
from layerforge.check.imports import Import, Need
from layerforge.check.mounted_modules import OWN, MountedModules
from layerforge.model.lock import Distribution, Root, closure
from layerforge.model.target import RUNTIMES, Target
from layerforge.native.runtime import stdlib_modules
from layerforge.project.runtime_provided import SDK_FAMILY

# What every Python runtime brings beside the standard library, as modules:
# https://docs.aws.amazon.com/lambda/latest/dg/python-package.html, and for hooks of SnapStart
# https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
_RUNTIME_MODULES = frozenset(
    {*SDK_FAMILY, "dateutil", "six", "urllib3", "awslambdaric", "snapshot_restore_py"}
)
# Entry points of these groups are programs: nobody loads the distribution because of them.
_PROGRAMS = frozenset({"console_scripts", "gui_scripts"})


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a function asks for, and what that was locked to. `source` is where its code lies."""

    handler: str | None
    source: str | None
    roots: tuple[Root, ...]
    distributions: Mapping[str, Distribution]
    runtime_provided: tuple[str, ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of what it asks for."""
        return frozenset(root.name for root in self.roots)

    @cached_property
    def needed(self) -> frozenset[str]:
        """All that it gets for that."""
        return self.without(None)

    def without(self, name: str | None) -> frozenset[str]:
        """What it would still get if it did not ask for `name`."""
        roots = [root for root in self.roots if root.name != name]
        return closure(dict(self.distributions), roots) - frozenset(self.runtime_provided)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unused:
    """A requirement that nothing imports: bytes unzipped of all that only it brings, itself among them."""

    root: Root
    size: int
    along: tuple[str, ...]
    is_for_typing: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Undeclared:
    """A module whose distribution is no requirement. `askers`: why it is there; empty if by chance."""

    module: OwnModule
    line: int
    name: str
    distribution: str
    askers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A module that nobody brings."""

    module: OwnModule
    line: int
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportVerdict:
    """All that was found for one function."""

    traced: Traced
    unused: tuple[Unused, ...] = ()
    undeclared: tuple[Undeclared, ...] = ()
    missing: tuple[Missing, ...] = ()


def judge_imports(
    function: BuiltFunction,
    declared: Declared,
    read: Callable[[str, str], bytes | None],
    parse: Parse = parse_anew,
) -> ImportVerdict:
    """Follow a function's imports, and hold them against its requirements. `read` by zip and path."""
    local = [name for name, one in declared.distributions.items() if one.local is not None]
    mounted = MountedModules(function, declared.distributions.keys(), local)

    def text(module: OwnModule) -> bytes:
        data = read(module.zip, module.path)
        if data is None:
            raise SyntaxError("it cannot be read")
        return data

    traced = trace_imports(mounted.own, declared.handler, text, parse)
    judging = _Judging(function, declared, mounted, traced, read)
    return ImportVerdict(
        traced=traced,
        unused=tuple(judging.unused()),
        undeclared=tuple(judging.undeclared()),
        missing=tuple(judging.missing()),
    )


class _Judging:
    def __init__(
        self,
        function: BuiltFunction,
        declared: Declared,
        mounted: MountedModules,
        traced: Traced,
        read: Callable[[str, str], bytes | None],
    ) -> None:
        self._function = function
        self._declared = declared
        self._mounted = mounted
        self._traced = traced
        self._read = read

    def unused(self) -> Iterator[Unused]:
        """Requirements that could go."""
        if not self._traced.is_certain or self._traced.broken:
            return
        used = self._used(Need.OPTIONAL)
        for_typing = self._used(Need.TYPING)
        for name in sorted(self._declared.names - used):
            gone = self._declared.needed - self._declared.without(name)
            if name not in gone or self._may_be_loaded(name):
                continue
            sizes = [self._declared.distributions[one].unzipped_size for one in gone]
            yield Unused(
                root=next(root for root in self._declared.roots if root.name == name),
                size=sum(sizes),
                along=tuple(sorted(gone - {name})),
                is_for_typing=name in for_typing,
            )

    def _used(self, need: Need) -> frozenset[str]:
        return frozenset(
            name
            for _, one in self._traced.imports
            if one.need >= need
            for dotted in (one.module, *one.candidates)
            for name in self._mounted.bringers(dotted)
        )

    def _may_be_loaded(self, name: str) -> bool:
        """Whether something else than an import may want it, or nothing is known of it."""
        if name not in self._mounted.installed or name.startswith("types-") or name.endswith("-stubs"):
            return True
        tops = self._mounted.top_names(name)
        return (
            not tops
            or not tops.isdisjoint(self._traced.words)
            or self._is_optional_of_another(name)
            or self._is_plugin(name)
        )

    def _is_optional_of_another(self, name: str) -> bool:
        """Pandas looks for pyarrow by itself: it has an extra that asks for it."""
        return any(
            edge.name == name
            for other in self._declared.needed - {name}
            for edge in self._declared.distributions[other].edges
        )

    def _is_plugin(self, name: str) -> bool:
        contents, installed = self._mounted.installed[name]
        path = next((path for path in installed.files if path.endswith(".dist-info/entry_points.txt")), None)
        if path is None:
            return False
        text = (self._read(contents.label, path) or b"").decode("utf-8", "replace")
        parser = configparser.RawConfigParser(strict=False, delimiters=("=",), allow_no_value=True)
        try:
            parser.read_string(text)
        except configparser.Error:
            return True
        return not _PROGRAMS.issuperset(parser.sections())

    def undeclared(self) -> Iterator[Undeclared]:
        """Modules that are there for somebody else's sake."""
        allowed = self._allowed()
        told: set[str] = set()
        for module, one in self._imports():
            for dotted in one.candidates:
                bringers = self._mounted.bringers(dotted)
                if not bringers or not bringers.isdisjoint(allowed) or not bringers.isdisjoint(told):
                    continue
                name = min(bringers)
                told.add(name)
                yield Undeclared(
                    module=module,
                    line=one.line,
                    name=dotted if len(self._mounted.bringers(one.module)) > 1 else one.module,
                    distribution=name,
                    askers=self._askers(name),
                )

    def _askers(self, name: str) -> tuple[str, ...]:
        """Requirements of the function that bring it along."""
        if name not in self._declared.needed:
            return ()
        every = dict(self._declared.distributions)
        return tuple(sorted({root.name for root in self._declared.roots if name in closure(every, [root])}))

    def _allowed(self) -> frozenset[str]:
        """What the function asks for, in so many words or not."""
        allowed = {OWN, *self._declared.names}
        every = dict(self._declared.distributions)
        for root in self._declared.roots:
            if not self._mounted.top_names(root.name):
                # It is there for what it requires.
                allowed |= closure(every, [root])
            elif root.extras and root.name in every:
                allowed |= {edge.name for edge in every[root.name].edges if edge.extra in root.extras}
        if not allowed.isdisjoint(SDK_FAMILY):
            allowed |= {*SDK_FAMILY}
        return frozenset(allowed)

    def missing(self) -> Iterator[Missing]:
        """Modules that an import would not find."""
        if self._function.external_layers:
            # What is in them is not known here.
            return
        told: set[str] = set()
        for module, one in self._imports():
            for dotted in one.candidates:
                shown = one.module if not self._mounted.bringers(one.module) else dotted
                if self._is_there(dotted) or shown in told:
                    continue
                told.add(shown)
                yield Missing(module=module, line=one.line, name=shown)

    def _is_there(self, dotted: str) -> bool:
        top = dotted.partition(".")[0]
        return (
            bool(self._mounted.bringers(dotted))
            or top in _RUNTIME_MODULES
            or is_stdlib(top, self._function.target)
        )

    def _imports(self) -> Iterable[tuple[OwnModule, Import]]:
        """What the function's own code surely imports, by place."""
        own = [(m, one) for m, one in self._traced.imports if m.is_code and one.need is Need.RUN]
        return sorted(own, key=lambda pair: (pair[0].path, pair[1].line, pair[1].module))


def is_stdlib(name: str, target: Target) -> bool:
    """Whether the target's standard library has a module, whatever Python runs layerforge."""
    if name in stdlib_modules(target.python):
        return True
    others = {Target(runtime=runtime, architecture=target.architecture).python for runtime in RUNTIMES}
    changing = any(name in stdlib_modules(python) for python in others)
    return not changing and name in sys.stdlib_module_names
