"""What `build` and `check` tell of the zips that were built: judged once for each state of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerforge.cache import Cache, sha256_of
from layerforge.commands.options import Options
from layerforge.errors import EXIT_OK, EXIT_VERIFICATION
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Project

if TYPE_CHECKING:
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
            manifest or read_manifest(path), judging, cache, jobs=options.jobs, progress=options.output
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
    return Judging(folder=folder, ignored=project.settings.ignored, probed=probed)


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
