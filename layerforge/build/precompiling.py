"""Which bytecode a build ships: who compiles it, what of it fits, and what is to be said of that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from layerforge.build.bytecode import (
    Compilation,
    Part,
    WheelBytecode,
    choose_within_limits,
    make_bytecode,
)
from layerforge.build.compilers import (
    ModuleCompiler,
    container_compiler,
    find_interpreter,
    host_compiler,
)
from layerforge.build.fetch import Fetcher, Wanted
from layerforge.build.inputs import Packs
from layerforge.build.pack import Pack, PackStore
from layerforge.containers.engine import ContainerEngine
from layerforge.containers.images import Images
from layerforge.errors import LayerforgeError, ToolError
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Project
from layerforge.model.lock import Distribution, Lock
from layerforge.model.plan import LayerPlan
from layerforge.model.sizes import format_size
from layerforge.model.target import Target
from layerforge.project.used_modules import USED_FILE, read_used_modules

Made = Mapping[Compilation, WheelBytecode]


@dataclass(kw_only=True)
class Precompiler:
    """Makes the bytecode that the config asks for.

    `open_engine` gives an engine or raises ToolError; it is asked only where `builder` allows
    containers. `findings` grow with what was left out, and why.
    """

    project: Project
    fetcher: Fetcher
    open_engine: Callable[[], ContainerEngine]
    environment: Mapping[str, str]
    findings: list[Finding] = field(default_factory=list)

    def bytecode(self, asked: Collection[Compilation]) -> dict[Compilation, WheelBytecode]:
        """Bytecode of what is asked, where an interpreter is at hand. Raises ToolError under "on"."""
        mode = self.project.settings.bytecode
        used = self._used_modules() if mode == "used" else None
        if mode == "off" or (mode == "used" and used is None):
            return {}
        packs = PackStore(self.fetcher.store.cache)
        made: dict[Compilation, WheelBytecode] = {}
        for runtime in sorted({one.runtime for one in asked}):
            ours = sorted((one.wanted for one in asked if one.runtime == runtime), key=str)
            compiler = self._compiler(replace(ours[0].target, runtime=runtime))
            if compiler is not None:
                codes = make_bytecode(ours, self.fetcher, packs, compiler, self.fetcher.progress)
                made |= {Compilation(runtime, one): code for one, code in codes.items()}
        if used is None:
            return made
        return {one: code.only(used.get(one.runtime, frozenset())) for one, code in made.items()}

    def _used_modules(self) -> dict[str, frozenset[str]] | None:
        """By runtime: bytecode is the same for both architectures, and so are the layers that share it."""
        used = read_used_modules(self.project.root)
        if used is None:
            self.findings.append(
                Finding(
                    severity=Severity.WARNING,
                    code="no-used-modules",
                    subject=USED_FILE,
                    sentence='there is no such file yet, so that bytecode = "used" compiles nothing',
                    hint="run `layerforge verify`, which writes it, commit it, and build again",
                )
            )
            return None
        runtimes = {target: target.partition("-")[0] for target in used}
        return {
            runtime: frozenset(one for target in used if runtimes[target] == runtime for one in used[target])
            for runtime in set(runtimes.values())
        }

    def _compiler(self, target: Target) -> ModuleCompiler | None:
        """See docs/explanation/bytecode.md for the order in which interpreters are taken."""
        settings = self.project.settings
        refused: list[LayerforgeError] = []
        engine = self._engine(refused)
        images = Images(engine, settings.container, self.fetcher.progress) if engine else None
        like = replace(target, architecture=engine.info.architecture) if engine else target
        here = images is not None and images.run_is_here(like)
        host = None if here or settings.builder == "container" else self._host(target, refused)
        if engine and images and (here or (host is None and not self.fetcher.offline)):
            try:
                return container_compiler(
                    engine,
                    settings.container,
                    images.run(like),
                    runtime=target.runtime,
                    cache=self.fetcher.store.cache,
                )
            except ToolError as error:
                if settings.builder == "container" or settings.bytecode == "on":
                    raise
                refused.append(error)
                # An image that does not work leaves the interpreter of this machine.
                host = self._host(target, refused) if here else host
        if host is None:
            self._tell_of_none(target, refused)
        return host

    def _engine(self, refused: list[LayerforgeError]) -> ContainerEngine | None:
        if self.project.settings.builder == "wheels":
            return None
        try:
            return self.open_engine()
        except ToolError as error:
            if self.project.settings.builder == "container":
                raise
            refused.append(error)
            return None

    def _host(self, target: Target, refused: list[LayerforgeError]) -> ModuleCompiler | None:
        """The interpreter of this machine, if it works: one on PATH may be a shim that leads nowhere."""
        interpreter = find_interpreter(target.python, self.environment)
        if interpreter is None:
            return None
        try:
            return host_compiler(interpreter, target.python, self.fetcher.store.cache)
        except ToolError as error:
            refused.append(error)
            return None

    def _tell_of_none(self, target: Target, refused: Sequence[LayerforgeError]) -> None:
        sentence = f"no interpreter of {target.runtime} is at hand"
        hint = (
            f"put python{'.'.join(map(str, target.python))} on PATH, or start a container engine "
            '(`layerforge doctor` tells what is there); bytecode = "off" builds without'
        )
        if self.project.settings.bytecode == "on":
            raise ToolError(
                f'{sentence}, and bytecode = "on" needs one',
                details=tuple(line for error in refused for line in (error.headline, *error.details)),
                hint=hint,
            )
        self.findings.append(
            Finding(
                severity=Severity.NOTE,
                code="no-bytecode",
                subject=target.runtime,
                sentence=f"its layers ship without bytecode, which slows cold starts: {sentence}",
                details=tuple(error.headline for error in refused),
                hint=hint,
            )
        )


def compilations(
    plan: LayerPlan, wanted: Mapping[str, Sequence[Wanted]]
) -> dict[str, tuple[Compilation, ...]]:
    """What there is to compile, by zip: each of its distributions, for each of its runtimes."""
    return {
        layer.name: tuple(
            Compilation(runtime, one) for one in wanted[layer.name] for runtime in layer.runtimes
        )
        for layer in plan.zips
    }


def with_bytecode_sizes(locks: Sequence[Lock], made: Made) -> tuple[Lock, ...]:
    """The locks, each distribution as large as it is with its bytecode: what plans and limits then see."""
    costs = {one.file: code.cost for one, code in made.items()}

    def grown(target: Target, distribution: Distribution) -> Distribution:
        one = Compilation(target.runtime, Wanted(target=target, distribution=distribution))
        return replace(distribution, unzipped_size=distribution.unzipped_size + costs.get(one.file, 0))

    return tuple(
        replace(lock, distributions=tuple(grown(lock.target, one) for one in lock.distributions))
        for lock in locks
    )


def place_bytecode(asked: Mapping[str, Sequence[Compilation]], made: Made) -> Packs:
    """All of it, in the layers that hold its distributions (`asked`, by layer name)."""
    return _packs(_parts(asked, made))


def fill_with_bytecode(
    plan: LayerPlan, asked: Mapping[str, Sequence[Compilation]], made: Made
) -> tuple[Packs, tuple[Finding, ...]]:
    """As much of it as every function has room for below its limit, and what has no room."""
    parts = _parts(asked, made)
    costs = {layer: {part: code.cost for part, code in held.items()} for layer, held in parts.items() if held}
    functions = {
        one.function: (
            (*one.layers, *((one.bundle.name,) if one.bundle else ())),
            one.limit - one.unzipped_size,
        )
        for one in plan.functions
    }
    chosen = choose_within_limits(costs, functions)
    findings = []
    for layer, held in sorted(costs.items()):
        out = {part: cost for part, cost in held.items() if (layer, part) not in chosen}
        if out:
            several = len({runtime for _, runtime in held}) > 1
            findings.append(_left_out(layer, {_name(part, several=several): out[part] for part in out}))
    fitting = {
        layer: {part: code for part, code in held.items() if (layer, part) in chosen}
        for layer, held in parts.items()
    }
    return _packs(fitting), tuple(findings)


def _parts(asked: Mapping[str, Sequence[Compilation]], made: Made) -> dict[str, dict[Part, WheelBytecode]]:
    """What was made of what is asked, by layer; a wheel without modules has none."""
    return {
        layer: {
            (one.wanted.distribution.name, one.runtime): code
            for one in ones
            if (code := made.get(one)) is not None and code.pack.entries
        }
        for layer, ones in asked.items()
    }


def _packs(parts: Mapping[str, Mapping[Part, WheelBytecode]]) -> Packs:
    packs: dict[tuple[str, str], tuple[Pack, ...]] = {}
    for layer, held in parts.items():
        for (name, _), code in sorted(held.items(), key=lambda one: one[0]):
            packs[layer, name] = (*packs.get((layer, name), ()), code.pack)
    return packs


def _name(part: Part, *, several: bool) -> str:
    name, runtime = part
    return f"{name} ({runtime})" if several else name


def _left_out(layer: str, costs: Mapping[str, int]) -> Finding:
    named = sorted(costs, key=lambda name: (-costs[name], name))
    return Finding(
        severity=Severity.NOTE,
        code="bytecode-left-out",
        subject=layer,
        sentence=(
            f"{format_size(sum(costs.values()))} of bytecode has no room below the limit of a function that "
            "takes this layer, so it ships without"
        ),
        details=tuple(f"{name}  {format_size(costs[name])}" for name in named),
        hint='bytecode = "used" compiles only what handlers import (`layerforge verify` records it)',
    )


def over_with_bytecode(locks: Sequence[Lock], grown: Sequence[Lock]) -> Finding:
    """What to say beside a limit that holds without bytecode, and not with it."""
    before, after = (
        sum(one.unzipped_size for lock in several for one in lock.distributions) for several in (locks, grown)
    )
    return Finding(
        severity=Severity.NOTE,
        code="bytecode-over-limit",
        subject="bytecode",
        sentence=f"bytecode takes {format_size(after - before)} of this; without it, every function fits",
        hint='bytecode = "auto" ships as much of it as fits, "used" only that of modules which are imported',
    )


def interpreters_at_hand(project: Project, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Which programs could compile for the project's targets: told without starting one."""
    versions = sorted({function.target.python for function in project.functions})
    found = (find_interpreter(version, environment) for version in versions)
    return tuple(str(Path(one)) if one else "" for one in found)
