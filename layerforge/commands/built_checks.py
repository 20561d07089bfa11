"""What `build` and `check` tell of the zips that were built: judged once for each state of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerforge.cache import Cache, sha256_of
from layerforge.commands.options import Options
from layerforge.errors import EXIT_OK, EXIT_VERIFICATION
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Project

if TYPE_CHECKING:
    from layerforge.check.unused import Declared
    from layerforge.check.verdicts import BuiltVerdict, Judging, NativeSummary
    from layerforge.model.artifact import Manifest


# As layerforge.native.probed has it, which is imported only where there is such a file.
PROBED_FILE = "layerforge-runtimes.toml"


def check_built(
    options: Options, project: Project, cache: Cache, *, folder: Path, manifest: Manifest | None = None
) -> BuiltVerdict:
    """Judge what the manifest in `folder` names; a verdict on the same zips is remembered.

    `manifest` need not be read if it is at hand. Raises BuildError if a zip is not the manifest's.
    """
    from layerforge.check.verdicts import recall_verdict, remember_verdict

    path = folder / "manifest.json"
    judging = make_judging(project, folder)
    key = judging.key(sha256_of(path))
    verdict = recall_verdict(cache, key)
    if verdict is None:
        from layerforge.build.manifest import read_manifest
        from layerforge.check.built import judge_built

        verdict = judge_built(
            manifest or read_manifest(path),
            judging,
            cache,
            jobs=options.jobs,
            progress=options.output,
            declared=read_declared(project),
        )
        remember_verdict(cache, key, verdict)
    return verdict


def make_judging(project: Project, folder: Path) -> Judging:
    """What the project says about how its zips are judged. Raises ConfigError for what was probed."""
    from layerforge.check.verdicts import Judging

    probed = None
    if (project.root / PROBED_FILE).is_file():
        from layerforge.native.probed import read_probed

        probed = read_probed(project.root)
    return Judging(
        folder=folder, ignored=project.settings.ignored, probed=probed, declared=_declared_state(project)
    )


def _declared_state(project: Project) -> str:
    """Names what `read_declared` would find, without reading locks."""
    from layerforge.resolve.lock_files import lock_paths

    locks = [(path.name, sha256_of(path)) for path in lock_paths(project.root)]
    asked = [(one.name, one.handler, one.source) for one in project.functions]
    text = repr((locks, asked, project.settings.runtime_provided))
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def read_declared(project: Project) -> dict[str, Declared]:
    """What each function asks for, and what the locks make of it, by function."""
    from layerforge.check.unused import Declared
    from layerforge.resolve.lockfile import read_locks

    functions = {one.name: one for one in project.functions}
    return {
        roots.function: Declared(
            handler=functions[roots.function].handler,
            source=functions[roots.function].source,
            roots=roots.roots,
            distributions=lock.by_name(),
            runtime_provided=project.settings.runtime_provided,
        )
        for lock in read_locks(project.root)
        for roots in lock.functions
        if roots.function in functions
    }


def exit_code(findings: Iterable[Finding]) -> int:
    """The exit code that findings of what was built make."""
    errors = any(finding.severity is Severity.ERROR for finding in findings)
    return EXIT_VERIFICATION if errors else EXIT_OK


def natives_document(natives: Sequence[NativeSummary]) -> dict[str, Any]:
    """Native code by zip, as --json shows it."""
    return {
        one.zip: {
            "files": one.files,
            "bytes": one.size,
            "copied_bytes": one.copied,
            "machines": list(one.machines),
            "highest_versions": list(one.highest),
        }
        for one in natives
    }
