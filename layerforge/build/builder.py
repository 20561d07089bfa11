"""From a plan to zips and their manifest: builds what changed, and nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from layerforge.build.code import Code, write_code
from layerforge.build.fetch import Fetcher, Wanted
from layerforge.build.inputs import (
    CodeInput,
    LayerInput,
    Packs,
    code_inputs,
    digest_of_code,
    digest_of_layer,
    layer_inputs,
)
from layerforge.build.manifest import read_manifest, write_manifest
from layerforge.build.output_folder import FUNCTIONS, LAYERS, OutputFolder, ZipFile
from layerforge.build.provenance import bytecode_of, stripping_of
from layerforge.build.store import WheelStore
from layerforge.build.writing import Destination, WrittenZip, ZipWriter
from layerforge.cache import Cache
from layerforge.errors import BuildError
from layerforge.model.artifact import (
    Artifact,
    CodeArtifact,
    Manifest,
    ManifestFunction,
)
from layerforge.model.counts import count
from layerforge.model.function import Function, Project
from layerforge.model.lock import Lock
from layerforge.model.plan import FunctionPlan, LayerPlan
from layerforge.model.progress import Progress
from layerforge.model.requirement import IndexOptions, urls_with_credentials
from layerforge.resolve.index import Index


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildResult:
    """What a build did. `built` and `reused` name zips: layers by name, code as `<function> (code)`."""

    manifest: Manifest
    built: tuple[str, ...]
    reused: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """What the project is to become, and what of it is there."""

    layers: tuple[LayerInput, ...]
    codes: Mapping[str, CodeInput]
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


def build_project(
    plan: LayerPlan,
    locks: Sequence[Lock],
    project: Project,
    *,
    output: Path,
    fetcher: Fetcher,
    packs: Packs | None = None,
) -> BuildResult:
    """Build every layer of `plan` and the code of every function into the folder `output`.

    `packs` go in beside the wheels, by the name of the zip (`LayerPlan.zips`) and the distribution's. A
    zip whose inputs are as they were is left alone; if all are, nothing is read or written. The manifest
    is written last, and what no entry of it names is removed after that. Raises BuildError.
    """
    for function in plan.functions:
        if function.infeasible:
            raise BuildError(f"{function.function} gets no layers: {function.infeasible}")
    builder = _Builder(OutputFolder(path=output), plan, project, fetcher)
    dedupe = project.settings.dedupe_native
    inputs = layer_inputs(plan, locks, fetcher, packs or {}, dedupe=dedupe)
    layers = tuple(inputs[layer.name] for layer in plan.layers)
    codes = code_inputs(project, plan, inputs)
    work = builder.compare(layers, codes)
    manifest = builder.manifest(work.reused_layers, work.reused_codes, codes) if _is_done(work) else None
    if manifest is not None and manifest == work.previous:
        return _result(manifest, (), work)
    with builder.folder.locked(fetcher.progress):
        # Another build may have done it all while this one waited.
        return builder.run(builder.compare(layers, codes))


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


def _result(manifest: Manifest, built: Sequence[str], work: _Work) -> BuildResult:
    reused = (*work.reused_layers, *(f"{name} (code)" for name in work.reused_codes))
    return BuildResult(manifest=manifest, built=tuple(sorted(built)), reused=tuple(sorted(reused)))


class _Builder:
    """One build; its methods follow each other in the order in which they stand."""

    def __init__(self, folder: OutputFolder, plan: LayerPlan, project: Project, fetcher: Fetcher) -> None:
        self.folder = folder
        self._plan = plan
        self._project = project
        self._fetcher = fetcher
        self._jobs = max(1, fetcher.jobs)
        self._told_of_damage = False

    def compare(self, layers: tuple[LayerInput, ...], codes: Mapping[str, CodeInput]) -> _Work:
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
            if name in functions and (artifact := functions[name].code) and self._holds(artifact, code.digest)
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
        layers = [one for one in work.layers if one.layer.name not in work.reused_layers]
        codes = {name: one for name, one in work.codes.items() if name not in work.reused_codes}
        # Functions may share their code: it is written once.
        first = {one.digest: (name, one) for name, one in sorted(codes.items(), reverse=True)}
        zips = [(one, Destination(kind=LAYERS, name=one.layer.name)) for one in layers]
        zips += [
            (one.bundle, Destination(kind=FUNCTIONS, name=name, code=one.code))
            for name, one in first.values()
            if one.bundle
        ]
        written = self._write_zips(zips)
        built = {one.layer.name: self._artifact(one, written[one.layer.name]) for one in layers}
        built_codes = self._build_codes(codes, written)
        manifest = self.manifest(
            {**work.reused_layers, **built}, {**work.reused_codes, **built_codes}, work.codes
        )
        if manifest != work.previous:
            with self.folder.errors_named(self.folder.manifest):
                write_manifest(self.folder.manifest, manifest)
        self.folder.remove_others(_paths(manifest))
        names = [*built, *(f"{name} (code)" for name in built_codes)]
        return _result(manifest, names, work)

    def _write_zips(self, zips: Sequence[tuple[LayerInput, Destination]]) -> dict[str, WrittenZip]:
        """Write all zips that hold distributions; by their names."""
        if not zips:
            return {}
        wheels = self._fetcher.fetch(wanted for one, _ in zips for wanted in one.wanted)
        writer = ZipWriter(folder=self.folder, fetcher=self._fetcher)
        largest_first = sorted(zips, key=lambda zipped: -zipped[0].layer.unzipped_size)
        written: dict[str, WrittenZip] = {}
        with (
            self._fetcher.progress.task(f"building {_told(zips)}", total=len(zips), unit="items") as advance,
            ThreadPoolExecutor(min(self._jobs, len(zips)), thread_name_prefix="layer") as pool,
        ):
            futures = [pool.submit(writer.write, one, wheels, place) for one, place in largest_first]
            try:
                for (one, _), future in zip(largest_first, futures, strict=True):
                    written[one.layer.name] = future.result()
                    advance(1)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return written

    def _artifact(self, one: LayerInput, written: WrittenZip) -> Artifact:
        file = written.file
        return Artifact(
            name=one.layer.name,
            path=file.path,
            sha256=file.sha256,
            code_sha256=file.code_sha256,
            zipped_size=file.zipped_size,
            unzipped_size=file.unzipped_size,
            runtimes=one.layer.runtimes,
            architectures=one.layer.architectures,
            distributions=written.distributions,
            # Known of a source only now: whether a container built it, and which.
            input_digest=digest_of_layer(one.layer, one.wanted, one.packs, self._fetcher, dedupe=one.dedupe),
            bytecode=bytecode_of(one.all_packs),
            stripped=stripping_of(one.all_packs),
        )

    def _build_codes(
        self, codes: Mapping[str, CodeInput], zips: Mapping[str, WrittenZip]
    ) -> dict[str, CodeArtifact]:
        built: dict[str, CodeArtifact] = {}
        first: dict[str, CodeArtifact] = {}
        for name, one in sorted(codes.items()):
            if known := first.get(one.digest):
                # The path is the only thing that is its own.
                path = self.folder.link_zip(FUNCTIONS, name, known.path, sha256=known.sha256)
                built[name] = replace(known, path=path)
                continue
            written = zips[one.bundle.layer.name] if one.bundle else None
            file = written.file if written else self._write_code(name, one.code)
            first[one.digest] = built[name] = self._code_artifact(one, file, written)
        return built

    def _write_code(self, name: str, code: Code) -> ZipFile:
        return self.folder.write_zip(FUNCTIONS, name, functools.partial(write_code, code))

    def _code_artifact(self, one: CodeInput, file: ZipFile, written: WrittenZip | None) -> CodeArtifact:
        bundle = one.bundle
        return CodeArtifact(
            path=file.path,
            sha256=file.sha256,
            code_sha256=file.code_sha256,
            zipped_size=file.zipped_size,
            unzipped_size=file.unzipped_size,
            input_digest=digest_of_code(
                one.code,
                digest_of_layer(bundle.layer, bundle.wanted, bundle.packs, self._fetcher) if bundle else None,
            ),
            distributions=written.distributions if written else (),
            bytecode=bytecode_of(bundle.all_packs) if bundle else (),
            stripped=stripping_of(bundle.all_packs) if bundle else None,
        )

    def manifest(
        self,
        layers: Mapping[str, Artifact],
        codes: Mapping[str, CodeArtifact],
        inputs: Mapping[str, CodeInput],
    ) -> Manifest:
        """Say what is there."""
        functions = {function.name: function for function in self._project.functions}
        return Manifest(
            project=self._project.settings.name,
            layers=tuple(layers[name] for name in sorted(layers)),
            functions={
                plan.function: _manifest_function(
                    plan,
                    functions[plan.function],
                    [layers[name] for name in plan.layers],
                    codes.get(plan.function),
                    inputs[plan.function].code.unzipped_size if plan.function in inputs else plan.code_size,
                )
                for plan in sorted(self._plan.functions, key=lambda plan: plan.function)
            },
        )


def _manifest_function(
    plan: FunctionPlan,
    function: Function,
    layers: Iterable[Artifact],
    code: CodeArtifact | None,
    code_size: int,
) -> ManifestFunction:
    own_zip = code.unzipped_size if code else code_size
    return ManifestFunction(
        target=plan.target.name,
        layers=plan.layers,
        external_layers=tuple(layer.arn for layer in function.external_layers),
        code=code,
        code_size=code_size,
        unzipped_size=own_zip + plan.external_size + sum(layer.unzipped_size for layer in layers),
        carried_excess=plan.carried_excess,
    )


def _told(zips: Sequence[tuple[LayerInput, Destination]]) -> str:
    """`3 layers and 2 code zips`."""
    layers = sum(place.kind == LAYERS for _, place in zips)
    counts = [(layers, "layer"), (len(zips) - layers, "code zip")]
    return " and ".join(count(number, name) for number, name in counts if number)


def _paths(manifest: Manifest) -> list[str]:
    codes = [function.code.path for function in manifest.functions.values() if function.code]
    return [*(layer.path for layer in manifest.layers), *codes]
