"""`layerforge report`: what was built, as tables or as a page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document, recall_project
from layerforge.errors import EXIT_OK, ConfigError, ResolutionError
from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.sizes import format_size

if TYPE_CHECKING:
    from layerforge.build.zip_listing import ZipListing
    from layerforge.model.artifact import Manifest
    from layerforge.model.function import Project
    from layerforge.report.inventory import Inventory

# Code zips below this have no file that is large, and there may be a thousand of them.
_WORTH_READING = 65_536
# The year 9999 has twelve digits.
_LONGEST_EPOCH = 11


@click.command("report")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page that needs no network: a map of the bytes, and tables.",
)
@click.option(
    "--sbom",
    "sboms",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a CycloneDX SBOM of each layer into DIR.",
)
@click.option(
    "-o",
    "--output",
    "output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where `build` put the zips, if it was told so too.",
)
@common_options
def command(options: Options, *, page: Path | None, sboms: Path | None, output: Path | None) -> int:
    """Show what was built: layers, functions, copies, the largest files, licences, findings.

    Reads the zips that `layerforge build` left; needs no network.
    """
    from layerforge.report.overview import inventory_document

    cache = Cache()
    project, _ = recall_project(options, cache)
    folder = output.absolute() if output else project.root / project.settings.output
    epoch = _source_date_epoch(os.environ) if sboms else None
    manifest, listings, inventory = _take(options, project, folder, cache)
    written = [_write_page(page, inventory)] if page else []
    files = _write_sboms(sboms, project, manifest, listings, epoch) if sboms else ()
    written += [f"wrote {count(files, 'SBOM')} into {sboms}"] if sboms else []

    def document() -> dict[str, Any]:
        return {
            **inventory_document(inventory),
            "html": str(page) if page else None,
            "sboms": [str(path) for path in files],
            "findings": findings_document(inventory.findings),
        }

    options.output.result(
        document, lambda: "\n".join(written) or _tables(options, project, manifest, inventory)
    )
    return EXIT_OK


def _write_page(path: Path, inventory: Inventory) -> str:
    from layerforge.report.page import write_page

    size = write_page(path, inventory)
    return f"wrote {path} ({format_size(size)})"


def _write_sboms(
    folder: Path,
    project: Project,
    manifest: Manifest,
    listings: Mapping[str, ZipListing],
    epoch: int | None,
) -> tuple[Path, ...]:
    from layerforge.report.sbom import subjects_of, write_sboms
    from layerforge.resolve.lockfile import read_locks

    return write_sboms(folder, subjects_of(manifest), listings, read_locks(project.root), epoch=epoch)


def _source_date_epoch(environment: Mapping[str, str]) -> int | None:
    """Seconds that SOURCE_DATE_EPOCH gives: https://reproducible-builds.org/specs/source-date-epoch/."""
    told = environment.get("SOURCE_DATE_EPOCH")
    if not told:
        return None
    if not told.isdecimal() or len(told) > _LONGEST_EPOCH:
        raise ConfigError(
            f"SOURCE_DATE_EPOCH is {told!r}, which is not a number of seconds",
            hint="set it to `git log -1 --format=%ct`, or not at all",
        )
    return int(told)


def _tables(options: Options, project: Project, manifest: Manifest, inventory: Inventory) -> str:
    from layerforge.report.overview import format_overview
    from layerforge.report.tables import format_tables, rows_of_manifest

    width = options.output.width
    own = {one.name: one.limit for one in inventory.functions}
    tables = format_tables(
        *rows_of_manifest(manifest, own), limit=project.settings.limits.unzipped, width=width
    )
    return f"{tables}\n\n{format_overview(inventory, width=width)}"


def _take(
    options: Options, project: Project, folder: Path, cache: Cache
) -> tuple[Manifest, dict[str, ZipListing], Inventory]:
    from layerforge.report.inventory import take_inventory
    from layerforge.verify.built import read_built

    manifest = read_built(folder)
    limits = {f.name: f.planning.limits.unzipped for f in project.functions if f.planning.limits}
    listings = _read_zips(options, manifest, folder, cache)
    inventory = take_inventory(
        manifest,
        listings,
        limits=limits,
        default_limit=project.settings.limits.unzipped,
        findings=_findings(options, cache, folder),
    )
    options.output.findings(inventory.findings)
    return manifest, listings, inventory


def _read_zips(options: Options, manifest: Manifest, folder: Path, cache: Cache) -> dict[str, ZipListing]:
    from layerforge.build.zip_listing import read_zip_listing

    codes = [one.code for one in manifest.functions.values() if one.code is not None]
    wanted = {layer.path: layer.sha256 for layer in manifest.layers}
    wanted |= {
        code.path: code.sha256 for code in codes if code.distributions or code.zipped_size >= _WORTH_READING
    }
    contents = {}
    with options.output.task("reading zips", total=len(wanted), unit="items") as advance:
        for path, sha256 in sorted(wanted.items()):
            contents[path] = read_zip_listing(folder / path, sha256=sha256, cache=cache)
            advance(1)
    return contents


def _findings(options: Options, cache: Cache, folder: Path) -> tuple[Finding, ...]:
    """What `check` finds; where it cannot judge, that is what was found."""
    from layerforge.commands.check import find_verdicts

    try:
        verdict, built = find_verdicts(options, cache, folder)
        return (*verdict.findings, *(built.findings if built else ()))
    except (ConfigError, ResolutionError) as error:
        return (
            Finding(
                severity=Severity.ERROR,
                code="not-checked",
                subject="the project",
                sentence=error.sentence,
                where=error.where,
                details=error.details,
                hint=error.hint,
            ),
        )
