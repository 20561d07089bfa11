"""From a plan to zips and their manifest: builds what changed, and nothing else."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from layerforge.build.archive import Written, write_archive
from layerforge.build.assembly import Assembly, assemble
from layerforge.build.code import Code, read_code, write_code
from layerforge.build.fetch import Fetcher, Wanted
from layerforge.build.manifest import read_manifest, write_manifest
from layerforge.build.output_folder import FUNCTIONS, LAYERS, OutputFolder, ZipFile
from layerforge.build.pack import Pack
from layerforge.build.provenance import bytecode_of, stripping_of
from layerforge.build.store import DamagedWheelError, DigestCheck, StoredWheel, WheelStore
from layerforge.cache import Cache
from layerforge.errors import BuildError
from layerforge.model.artifact import (
    Artifact,
    BuiltDistribution,
    CodeArtifact,
    Manifest,
    ManifestFunction,
)
from layerforge.model.finding import Finding
from layerforge.model.function import Function, Project
from layerforge.model.lock import Lock
from layerforge.model.plan import FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.progress import Progress
from layerforge.model.requirement import IndexOptions, urls_with_credentials
from layerforge.plan.demands import item_of
from layerforge.resolve.index import Index
from layerforge.wheels.layout import LAYOUT_VERSION


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildResult:
    """What a build did. `built` and `reused` name zips: layers by name, code as `<function> (code)`."""

    manifest: Manifest
    findings: tuple[Finding, ...]
    built: tuple[str, ...]
    reused: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _LayerInput:
    """A layer and all that decides its bytes. `packs` are by distribution."""

    layer: PlannedLayer
    wanted: tuple[Wanted, ...]
    packs: Mapping[str, tuple[Pack, ...]]
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """What the project is to become, and what of it is there."""

    layers: tuple[_LayerInput, ...]
    codes: Mapping[str, Code]
    reused_layers: Mapping[str, Artifact]
    reused_codes: Mapping[str, CodeArtifact]
    previous: Manifest | None


def make_fetcher(
    project: Project,
    *,
    index: Index,
    cache: Cache,
    progress: Progress,
    offline: bool = False,
    jobs: int = 2,
    source_context: Callable[[Wanted], str | None] | None = None,
) -> Fetcher:
    """What brings the project's wheels; `source_context` as in `Fetcher`."""
    fetcher = Fetcher(
        index=index,
        store=WheelStore(cache),
        root=project.root,
        options=places_to_look(project),
        progress=progress,
        offline=offline,
        jobs=jobs,
    )
    return replace(fetcher, source_context=source_context) if source_context else fetcher


def wanted_by_layer(plan: LayerPlan, locks: Sequence[Lock]) -> dict[str, tuple[Wanted, ...]]:
    """The locked distributions of each layer, sorted, by the layer's name."""
    pinned = {(lock.target, item_of(one).file): one for lock in locks for one in lock.distributions}

    def wanted(layer: PlannedLayer, item: Item) -> Wanted:
        # Of a file that serves several targets, it is the same whichever of them asks for it.
        target = next(target for target in layer.targets if (target, item.file) in pinned)
        return Wanted(target=target, distribution=pinned[target, item.file])

    return {layer.name: tuple(wanted(layer, item) for item in sorted(layer.items)) for layer in plan.layers}


def build_project(
    plan: LayerPlan,
    locks: Sequence[Lock],
    project: Project,
    *,
    output: Path,
    fetcher: Fetcher,
    packs: Mapping[tuple[str, str], tuple[Pack, ...]] | None = None,
) -> BuildResult:
    """Build every layer of `plan` and the code of every function into the folder `output`.

    `packs` go in beside the wheels, by layer and distribution. A zip whose inputs are as they were is
    left alone; if all are, nothing is read or written. The manifest is written last, and what no
    entry of it names is removed after that. Raises BuildError.
    """
    for function in plan.functions:
        if function.infeasible:
            raise BuildError(f"{function.function} gets no layers: {function.infeasible}")
    builder = _Builder(OutputFolder(path=output), plan, project, fetcher)
    layers = _layer_inputs(plan, locks, fetcher, packs or {})
    codes = _read_codes(project)
    work = builder.compare(layers, codes)
    manifest = builder.manifest(work.reused_layers, work.reused_codes) if _is_done(work) else None
    if manifest is not None and manifest == work.previous:
        return _result(manifest, (), work, ())
    with builder.folder.locked(fetcher.progress):
        # Another build may have done it all while this one waited.
        return builder.run(builder.compare(layers, codes))


def _read_codes(project: Project) -> dict[str, Code]:
    """The code of each function that has some; functions that share a folder share the reading."""
    sources = {
        function.name: function.source for function in project.functions if function.source is not None
    }
    read = {source: read_code(project.root, source) for source in sorted(set(sources.values()))}
    return {name: read[source] for name, source in sources.items()}


def _layer_inputs(
    plan: LayerPlan,
    locks: Sequence[Lock],
    fetcher: Fetcher,
    packs: Mapping[tuple[str, str], tuple[Pack, ...]],
) -> tuple[_LayerInput, ...]:
    wanted = wanted_by_layer(plan, locks)
    inputs = []
    for layer in plan.layers:
        ours = {name: held for (of_layer, name), held in packs.items() if of_layer == layer.name}
        digest = _input_digest(layer, wanted[layer.name], ours, fetcher)
        inputs.append(_LayerInput(layer=layer, wanted=wanted[layer.name], packs=ours, digest=digest))
    return tuple(inputs)


def _input_digest(
    layer: PlannedLayer,
    wanted: Iterable[Wanted],
    packs: Mapping[str, tuple[Pack, ...]],
    fetcher: Fetcher,
) -> str:
    targets = " ".join(target.name for target in layer.targets)
    digest = hashlib.sha256(f"layer {LAYOUT_VERSION}\0{targets}\0".encode())
    for one in wanted:
        digest.update(f"{one.distribution.name}\0{fetcher.input_key(one)}\0".encode())
        for pack in packs.get(one.distribution.name, ()):
            names = "\0".join([entry.name for entry in pack.entries])
            digest.update(f"pack {pack.sha256}\0{names}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def places_to_look(project: Project) -> IndexOptions:
    """Where any of the project's files lets us look; a lock names each file by its URL and digest."""
    every = [project.settings.options, *(one.requirements.options for one in project.functions)]

    def union(values: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value for group in values for value in group))

    urls = [options.index_url for options in every if options.index_url]
    return IndexOptions(
        index_url=urls[0] if urls else None,
        extra_index_urls=union([(*options.extra_index_urls,) for options in every] + [tuple(urls[1:])]),
        find_links=union(options.find_links for options in every),
        trusted_hosts=union(options.trusted_hosts for options in every),
        no_index=all(options.no_index for options in every),
        direct_urls=union(urls_with_credentials(one.requirements.requirements) for one in project.functions),
    )


def _is_done(work: _Work) -> bool:
    return len(work.reused_layers) == len(work.layers) and len(work.reused_codes) == len(work.codes)


def _result(
    manifest: Manifest, built: Sequence[str], work: _Work, findings: Sequence[Finding]
) -> BuildResult:
    reused = (*work.reused_layers, *(f"{name} (code)" for name in work.reused_codes))
    return BuildResult(
        manifest=manifest, findings=tuple(findings), built=tuple(sorted(built)), reused=tuple(sorted(reused))
    )


class _Builder:
    """One build; its methods follow each other in the order in which they stand."""

    def __init__(self, folder: OutputFolder, plan: LayerPlan, project: Project, fetcher: Fetcher) -> None:
        self.folder = folder
        self._plan = plan
        self._project = project
        self._fetcher = fetcher
        self._jobs = max(1, fetcher.jobs)
        self._told_of_damage = False

    def compare(self, layers: tuple[_LayerInput, ...], codes: Mapping[str, Code]) -> _Work:
        """Find what the last build left and still holds."""
        previous = self._previous()
        known = {layer.name: layer for layer in previous.layers} if previous else {}
        functions = previous.functions if previous else {}
        reused_layers = {
            one.layer.name: layer
            for one in layers
            if (layer := known.get(one.layer.name)) and self._holds(layer, one.digest)
        }
        reused_codes = {
            name: artifact
            for name, code in codes.items()
            if name in functions
            and (artifact := functions[name].code)
            and self._holds(artifact, code.input_digest)
        }
        return _Work(
            layers=layers,
            codes=codes,
            reused_layers=reused_layers,
            reused_codes=reused_codes,
            previous=previous,
        )

    def _holds(self, artifact: Artifact | CodeArtifact, digest: str) -> bool:
        return artifact.input_digest == digest and self.folder.holds(artifact.path, artifact.zipped_size)

    def _previous(self) -> Manifest | None:
        if not self.folder.manifest.exists():
            return None
        try:
            return read_manifest(self.folder.manifest)
        except BuildError as error:
            # Read again once the folder is ours.
            if not self._told_of_damage:
                self._told_of_damage = True
                self._fetcher.progress.note(f"everything is built anew, because of {error.headline}")
            return None

    def run(self, work: _Work) -> BuildResult:
        """Build what is missing, then write the manifest, then clean up."""
        missing = [one for one in work.layers if one.layer.name not in work.reused_layers]
        wheels = self._fetcher.fetch(wanted for one in missing for wanted in one.wanted)
        built, findings = self._build_layers(missing, wheels)
        codes = self._build_codes(work)
        manifest = self.manifest({**work.reused_layers, **built}, {**work.reused_codes, **codes})
        if manifest != work.previous:
            with self.folder.errors_named(self.folder.manifest):
                write_manifest(self.folder.manifest, manifest)
        self.folder.remove_others(_paths(manifest))
        names = [*built, *(f"{name} (code)" for name in codes)]
        return _result(manifest, names, work, findings)

    def _build_layers(
        self, missing: Sequence[_LayerInput], wheels: Mapping[Wanted, StoredWheel]
    ) -> tuple[dict[str, Artifact], list[Finding]]:
        if not missing:
            return {}, []
        largest_first = sorted(missing, key=lambda one: -one.layer.unzipped_size)
        label = f"building {len(missing)} layers" if len(missing) > 1 else "building 1 layer"
        built: dict[str, Artifact] = {}
        findings: list[Finding] = []
        with (
            self._fetcher.progress.task(label, total=len(missing), unit="items") as advance,
            ThreadPoolExecutor(min(self._jobs, len(missing)), thread_name_prefix="layer") as pool,
        ):
            futures = [pool.submit(self._build_layer, one, wheels) for one in largest_first]
            try:
                for one, future in zip(largest_first, futures, strict=True):
                    built[one.layer.name], assembly = future.result()
                    findings += assembly.findings
                    advance(1)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return built, sorted(findings, key=lambda finding: (finding.subject, finding.sentence))

    def _build_layer(
        self, one: _LayerInput, wheels: Mapping[Wanted, StoredWheel]
    ) -> tuple[Artifact, Assembly]:
        try:
            return self._write_layer(one, wheels)
        except DamagedWheelError as error:
            if isinstance(error.stored, Pack):
                # It is gone now, and nothing but a new build makes it again.
                raise BuildError(
                    f"what was compiled for {one.layer.name} was damaged in the cache, and has been removed",
                    hint="build again, which compiles it anew; check the disk that holds the cache",
                ) from error
            # Found while copying: fetched again, once.
            self._fetcher.progress.note(f"{error.stored.filename} in the cache is damaged: fetching it again")
            return self._write_layer(one, self._fetcher.fetch(one.wanted))

    def _write_layer(
        self, one: _LayerInput, wheels: Mapping[Wanted, StoredWheel]
    ) -> tuple[Artifact, Assembly]:
        stored = [wheels[wanted] for wanted in one.wanted]
        layer = one.layer
        packs = {
            wheel.sha256: held
            for wheel, wanted in zip(stored, one.wanted, strict=True)
            if (held := one.packs.get(wanted.distribution.name))
        }
        every = [pack for held in packs.values() for pack in held]
        with DigestCheck([*stored, *every]) as check:
            try:
                assembly = assemble(stored, python=layer.python, layer=layer.name, packs=packs)
                file = self.folder.write_zip(LAYERS, layer.name, _checked(assembly, check, layer.name))
            except BuildError:
                _raise_damaged(check, self._fetcher.store)
                raise
        artifact = Artifact(
            name=layer.name,
            path=file.path,
            sha256=file.sha256,
            code_sha256=file.code_sha256,
            zipped_size=file.zipped_size,
            unzipped_size=file.unzipped_size,
            runtimes=layer.runtimes,
            architectures=layer.architectures,
            distributions=tuple(
                BuiltDistribution(
                    name=wanted.distribution.name,
                    version=wheel.version,
                    unzipped_size=size,
                    built_in=self._fetcher.built_in(wanted),
                )
                for wanted, wheel, size in zip(one.wanted, stored, assembly.sizes, strict=True)
            ),
            # Known of a source only now: whether a container built it, and which.
            input_digest=_input_digest(layer, one.wanted, one.packs, self._fetcher),
            bytecode=bytecode_of(every),
            stripped=stripping_of(every),
        )
        return artifact, assembly

    def _build_codes(self, work: _Work) -> dict[str, CodeArtifact]:
        built = {}
        written: dict[str, ZipFile] = {}
        for name, code in sorted(work.codes.items()):
            if name in work.reused_codes:
                continue
            if known := written.get(code.input_digest):
                file = self.folder.link_zip(FUNCTIONS, name, known)
            else:
                file = self.folder.write_zip(FUNCTIONS, name, functools.partial(write_code, code))
            written[code.input_digest] = file
            built[name] = CodeArtifact(
                path=file.path,
                sha256=file.sha256,
                code_sha256=file.code_sha256,
                zipped_size=file.zipped_size,
                unzipped_size=file.unzipped_size,
                input_digest=code.input_digest,
            )
        return built

    def manifest(self, layers: Mapping[str, Artifact], codes: Mapping[str, CodeArtifact]) -> Manifest:
        """Say what is there."""
        functions = {function.name: function for function in self._project.functions}
        return Manifest(
            project=self._project.settings.name,
            layers=tuple(layers[name] for name in sorted(layers)),
            functions={
                plan.function: _manifest_function(plan, functions[plan.function], layers, codes)
                for plan in sorted(self._plan.functions, key=lambda plan: plan.function)
            },
        )


def _checked(assembly: Assembly, check: DigestCheck, name: str) -> Callable[[IO[bytes]], Written]:
    """Write the layer, and let it count only if every wheel that it was copied from is intact."""

    def write(stream: IO[bytes]) -> Written:
        written = write_archive(assembly.entries, stream, subject=name)
        if damaged := check.damaged():
            raise DamagedWheelError(damaged[0])
        return written

    return write


def _raise_damaged(check: DigestCheck, store: WheelStore) -> None:
    damaged = check.damaged()
    for wheel in damaged:
        store.discard(wheel.sha256)
    if damaged:
        raise DamagedWheelError(damaged[0])


def _manifest_function(
    plan: FunctionPlan, function: Function, layers: Mapping[str, Artifact], codes: Mapping[str, CodeArtifact]
) -> ManifestFunction:
    code = codes.get(plan.function)
    code_size = code.unzipped_size if code else plan.code_size
    return ManifestFunction(
        target=plan.target.name,
        layers=plan.layers,
        external_layers=tuple(layer.arn for layer in function.external_layers),
        code=code,
        code_size=code_size,
        unzipped_size=code_size
        + plan.external_size
        + sum(layers[name].unzipped_size for name in plan.layers),
        carried_excess=plan.carried_excess,
    )


def _paths(manifest: Manifest) -> list[str]:
    codes = [function.code.path for function in manifest.functions.values() if function.code]
    return [*(layer.path for layer in manifest.layers), *codes]
