"""The report as tables for a terminal, and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layerforge.model.counts import count
from layerforge.model.sizes import format_size
from layerforge.report.columns import AnyColumn, Column, ListColumn, lay_out
from layerforge.report.inventory import Copies, Inventory, LargeFile
from layerforge.report.tables import SHOWN_ROWS

_SHOWN_FILES = 10


def format_overview(inventory: Inventory, *, width: int | None) -> str:
    """Copies, largest files, licences and the sum of it; layers and functions have tables of their own."""
    blocks = [
        _copies_table(inventory.copies, width),
        _files_table(inventory.files, width),
        _license_table(inventory, width),
        [summarise(inventory)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def summarise(inventory: Inventory) -> str:
    """`8 functions, 9 layers (52.6 MB zipped, 271.0 MB unzipped), 30 distributions; 2 findings`."""
    return (
        f"{count(inventory.functions, 'function')}, {count(inventory.layers, 'layer')} "
        f"({format_size(inventory.zipped_size)} zipped, {format_size(inventory.unzipped_size)} unzipped), "
        f"{count(inventory.releases, 'distribution')}; {count(inventory.findings, 'finding')}"
    )


def _copies_table(copies: Sequence[Copies], width: int | None) -> list[str]:
    if not copies:
        return []
    shown = copies if width is None else copies[:SHOWN_ROWS]
    columns: list[AnyColumn] = [
        Column("stored more than once", [one.name for one in shown]),
        ListColumn("versions", [one.versions for one in shown]),
        Column("copies", [str(len(one.places)) for one in shown], right=True),
        Column("needless", [format_size(one.needless) if one.needless else "" for one in shown], right=True),
        ListColumn("where", [[place for place, _, _ in one.places] for one in shown]),
    ]
    lines = lay_out(columns, width, dispensable=("where", "versions"))
    return [*lines, *_rest(copies, shown)]


def _files_table(files: Sequence[LargeFile], width: int | None) -> list[str]:
    if not files:
        return []
    shown = files if width is None else files[:_SHOWN_FILES]
    columns = [
        Column("largest files", [one.path for one in shown]),
        Column("unzipped", [format_size(one.unzipped_size) for one in shown], right=True),
        Column("distribution", [one.distribution or "own code" for one in shown]),
        Column("in", [one.zip for one in shown]),
    ]
    lines = lay_out(columns, width, dispensable=("in", "distribution"))
    return [*lines, *_rest(files, shown)]


def _license_table(inventory: Inventory, width: int | None) -> list[str]:
    if not inventory.licenses:
        return []
    shown = inventory.licenses if width is None else inventory.licenses[:SHOWN_ROWS]
    columns: list[AnyColumn] = [
        Column("licence", [name or "unknown" for name, _ in shown]),
        ListColumn("distributions", [[name for name, _ in held] for _, held in shown]),
    ]
    return [*lay_out(columns, width), *_rest(inventory.licenses, shown)]


def _rest(every: Sequence[object], shown: Sequence[object]) -> list[str]:
    more = len(every) - len(shown)
    return [f"and {more:,} more; -v shows all"] if more else []


def inventory_document(inventory: Inventory) -> dict[str, Any]:
    """All of it, as --json shows it; findings stand beside it."""
    return {
        "project": inventory.project,
        "zipped_size": inventory.zipped_size,
        "unzipped_size": inventory.unzipped_size,
        "layers": [
            {
                "name": layer.name,
                "path": layer.path,
                "targets": list(layer.targets),
                "zipped_size": layer.zipped_size,
                "unzipped_size": layer.unzipped_size,
                "functions": list(layer.functions),
                "distributions": [
                    {
                        "name": one.name,
                        "version": one.version,
                        "unzipped_size": one.unzipped_size,
                        "license": one.license,
                        "files": one.file_count,
                    }
                    for one in layer.distributions
                ],
            }
            for layer in inventory.layers
        ],
        "functions": {
            one.name: {
                "target": one.target,
                "layers": list(one.layers),
                "external_layers": list(one.external_layers),
                "external_size": one.external_size,
                "code_size": one.code_size,
                "bundled": [
                    {"name": held.name, "version": held.version, "unzipped_size": held.unzipped_size}
                    for held in one.bundled
                ],
                "unzipped_size": one.unzipped_size,
                "carried_excess": one.carried_excess,
                "limit": one.limit,
            }
            for one in inventory.functions
        },
        "copies": [
            {
                "name": one.name,
                "versions": list(one.versions),
                "needless_size": one.needless,
                "places": [
                    {"zip": place, "version": version, "unzipped_size": size}
                    for place, version, size in one.places
                ],
            }
            for one in inventory.copies
        ],
        "largest_files": [
            {
                "path": one.path,
                "unzipped_size": one.unzipped_size,
                "zip": one.zip,
                "distribution": one.distribution,
            }
            for one in inventory.files
        ],
        "licenses": [
            {"license": name, "distributions": [f"{held} {version}" for held, version in releases]}
            for name, releases in inventory.licenses
        ],
    }
