"""`layerforge check`: limits and lock freshness from what is recorded, and what was built, in a blink."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layerforge.cache import Cache
from layerforge.commands.findings_format import choose_format, format_options
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document
from layerforge.errors import EXIT_LIMIT, EXIT_OK, EXIT_VERIFICATION, BuildError, LayerforgeError
from layerforge.model.codec import decode, encode
from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Project
from layerforge.model.sizes import format_size

if TYPE_CHECKING:
    from layerforge.check.verdicts import BuiltVerdict
    from layerforge.commands.growth import Base
    from layerforge.commands.pipeline import Planned

_KIND = "verdict"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was found for one state of project, locks, code and build. Sizes in bytes.

    `built` is what lies in the output folder: `none`, `stale` (not looked into) or `current`; what was
    found there is kept by itself.
    """

    findings: tuple[Finding, ...]
    functions: int
    names: tuple[str, ...]
    largest: str
    largest_size: int
    limit: int
    built: str = "none"


@click.command("check")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where `layerforge build` put the zips, if it was told so too.",
)
@click.option(
    "--probe",
    is_flag=True,
    help="First read libraries and versions out of the run images, into layerforge-runtimes.toml.",
)
@click.option(
    "--against",
    "revision",
    metavar="REVISION",
    help="Also tell which functions grew since a git revision (origin/main), and why.",
)
@format_options
@common_options
def command(
    options: Options,
    *,
    folder: Path | None,
    probe: bool,
    revision: str | None,
    form: str,
    output_file: Path | None,
) -> int:
    """Hold every function against Lambda's limits and your budgets, and look into what was built.

    Reads the lock, the templates, the code and the zips that are there; needs neither network nor a
    resolver. Exit 3 if the lock is stale, 5 if a limit is exceeded, 8 if what was built would fail.
    """
    shape = choose_format(options, form, output_file)
    cache = Cache()
    try:
        if probe:
            _probe(options, cache)
        base = _base(options, revision)
        verdict, built = find_verdicts(options, cache, folder, base)
    except LayerforgeError as error:
        shape.write_error(options, error)
        raise
    findings = (*verdict.findings, *(built.findings if built else ()))
    shape.write(options, findings, functions=verdict.names)
    if shape.shows_text:
        options.output.findings(findings)
        options.output.result(
            lambda: _document(verdict, built, findings, base), lambda: _summary(verdict, _errors(findings))
        )
    if _errors(verdict.findings):
        return EXIT_LIMIT
    return EXIT_VERIFICATION if _errors(findings) else EXIT_OK


def _probe(options: Options, cache: Cache) -> None:
    """Write what the run images of the project's targets have. Needs a container engine."""
    from layerforge.commands.pipeline import recall_project
    from layerforge.containers.images import Images
    from layerforge.containers.opening import LazyEngine
    from layerforge.native.probed import write_probed
    from layerforge.verify.probing import probe_runtimes

    project, _ = recall_project(options, cache)
    with LazyEngine(options.output) as lazy:
        engine = lazy.get()
        images = Images(engine, project.settings.container, options.output)
        targets = [function.target for function in project.functions]
        probed = probe_runtimes(targets, engine, images.run, options.output)
    path = write_probed(project.root, probed)
    options.output.note(f"wrote {path.name}: {count(len(probed), 'runtime')}; commit it")


def _base(options: Options, revision: str | None) -> Base | None:
    if revision is None:
        return None
    from layerforge.commands.growth import find_base_of

    return find_base_of(options, revision)


def find_verdicts(
    options: Options, cache: Cache, folder: Path | None, base: Base | None = None
) -> tuple[Verdict, BuiltVerdict | None]:
    """Judge the project (its growth since `base` too), and what was built of it.

    What is remembered is not judged again. Raises StaleLockError for a stale lock.
    """
    from layerforge.commands.pipeline import measure_code, recall_project

    project, snapshot = recall_project(options, cache)
    output = folder.absolute() if folder else project.root / project.settings.output
    code_sizes = measure_code(project)
    key = _key(snapshot.key, project, code_sizes, output) if snapshot else None
    verdict = _recall_verdict(cache, key) if key else None
    if verdict is None:
        verdict = _judge(project, code_sizes, output)
        if key:
            cache.write_facts(_KIND, key, encode(verdict))
    if base:
        verdict = _with_growth(verdict, options, project, cache, base, key)
    if verdict.built != "current":
        return verdict, None
    return _look_into(options, project, cache, output, verdict)


def _with_growth(
    verdict: Verdict, options: Options, project: Project, cache: Cache, base: Base, key: str | None
) -> Verdict:
    from dataclasses import replace

    from layerforge.commands.growth import find_grown

    grown = find_grown(options, project, cache, base, key=key)
    return replace(verdict, findings=(*verdict.findings, *grown))


def _look_into(
    options: Options, project: Project, cache: Cache, output: Path, verdict: Verdict
) -> tuple[Verdict, BuiltVerdict | None]:
    from layerforge.commands.built_checks import check_built

    try:
        return verdict, check_built(options, project, cache, folder=output)
    except BuildError as error:
        return _stale(verdict, error.headline), None


def _stale(verdict: Verdict, reason: str) -> Verdict:
    from dataclasses import replace

    from layerforge.check.staleness import stale_build

    return replace(verdict, built="stale", findings=(*verdict.findings, stale_build(reason)))


def _recall_verdict(cache: Cache, key: str) -> Verdict | None:
    try:
        verdict = decode(cache.read_facts(_KIND, key), (Verdict, Finding, Severity))
    except (KeyError, TypeError):
        return None
    return verdict if isinstance(verdict, Verdict) else None


def _key(snapshot_key: str, project: Project, code_sizes: dict[str, int], output: Path) -> str:
    from layerforge.model.previous import PLAN_FILE
    from layerforge.resolve.lock_files import lock_paths

    digest = hashlib.sha256(snapshot_key.encode())
    # A plan starts from its record, or from what was built last.
    starts = {
        project.root / PLAN_FILE,
        project.root / project.settings.output / _MANIFEST,
        output / _MANIFEST,
    }
    for path in (*lock_paths(project.root), *sorted(path for path in starts if path.is_file())):
        digest.update(f"{path}\0".encode(errors="surrogateescape") + path.read_bytes())
    digest.update(repr(sorted(code_sizes.items())).encode())
    return digest.hexdigest()


def _judge(project: Project, code_sizes: dict[str, int], output: Path) -> Verdict:
    from layerforge.check.licenses import find_license_problems
    from layerforge.commands.pipeline import plan_layers, stale_error
    from layerforge.commands.planning import find_unrecorded
    from layerforge.resolve.freshness import stale_reasons
    from layerforge.resolve.lockfile import read_locks

    locks = read_locks(project.root)
    reasons = stale_reasons(project, locks)
    if reasons:
        raise stale_error(reasons, missing=not locks)
    planned = plan_layers(project, locks, code_sizes)
    largest = max(
        planned.plan.functions, key=lambda f: (f.unzipped_size / max(f.limit, 1), f.function), default=None
    )
    verdict = Verdict(
        findings=(
            *project.findings,
            *planned.findings,
            *find_unrecorded(project, planned),
            *find_license_problems(planned.demands, locks, project.settings.licenses),
        ),
        functions=len(planned.plan.functions),
        names=tuple(sorted(one.function for one in planned.plan.functions)),
        largest=largest.function if largest else "",
        largest_size=largest.unzipped_size if largest else 0,
        limit=largest.limit if largest else project.settings.limits.unzipped,
    )
    return _with_build(verdict, planned, output)


def _with_build(verdict: Verdict, planned: Planned, output: Path) -> Verdict:
    """Say whether there is a build, and whether it is of what is planned now."""
    from dataclasses import replace

    if not (output / _MANIFEST).is_file():
        return verdict
    from layerforge.build.manifest import read_manifest
    from layerforge.check.staleness import stale_reason

    try:
        reason = stale_reason(read_manifest(output / _MANIFEST), planned.demands)
    except BuildError as error:
        reason = error.headline
    return _stale(verdict, reason) if reason else replace(verdict, built="current")


def _errors(findings: Sequence[Finding]) -> int:
    return sum(1 for finding in findings if finding.severity is Severity.ERROR)


def _summary(verdict: Verdict, errors: int) -> str:
    if errors:
        return f"{count(errors, 'problem')} in {count(verdict.functions, 'function')}"
    are = "is" if verdict.functions == 1 else "are"
    return (
        f"{count(verdict.functions, 'function')} {are} within the limits; the largest, {verdict.largest}, "
        f"uses {format_size(verdict.largest_size)} of {format_size(verdict.limit)}"
    )


def _document(
    verdict: Verdict, built: BuiltVerdict | None, findings: Sequence[Finding], base: Base | None
) -> dict[str, Any]:
    from layerforge.commands.built_checks import natives_document

    return {
        "ok": not _errors(findings),
        "functions": verdict.functions,
        "largest": {
            "function": verdict.largest,
            "unzipped_size": verdict.largest_size,
            "limit": verdict.limit,
        },
        "built": verdict.built,
        "against": {"revision": base.name, "commit": base.commit} if base else None,
        "native": natives_document(built.natives) if built else {},
        "findings": findings_document(findings),
    }
