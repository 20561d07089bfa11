"""What the page of a report draws, as one JSON document that stays small for a thousand functions."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

from layerforge.build.zip_listing import HeldFile
from layerforge.model.finding import Finding, Severity
from layerforge.model.url import redact
from layerforge.report.inventory import FunctionEntry, Inventory, LayerEntry, Placed, Release

# Files that the map shows inside of distributions, over all of them.
_MOST_FILES = 3000
_MOST_FINDINGS = 500
_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def page_document(inventory: Inventory) -> dict[str, Any]:
    """Return the document; what occurs often (releases, layers) is named by its position."""
    releases = _releases(inventory)
    positions = {release: at for at, release in enumerate(releases)}
    layers = {layer.name: at for at, layer in enumerate(inventory.layers)}
    smallest = _smallest_file(inventory)
    findings = sorted(inventory.findings, key=lambda finding: _ORDER[finding.severity])
    return {
        "releases": [[*release, license_] for release, license_ in releases.items()],
        "layers": [_layer(layer, positions, smallest) for layer in inventory.layers],
        "functions": [_function(one, positions, layers, smallest) for one in inventory.functions],
        "copies": [
            {
                "name": copies.name,
                "versions": list(copies.versions),
                "places": [list(place) for place in copies.places],
                "needless": copies.needless,
            }
            for copies in inventory.copies
        ],
        "files": [[one.path, one.unzipped_size, one.zip, one.distribution] for one in inventory.files],
        "licenses": [[name, [positions[one] for one in held]] for name, held in inventory.licenses],
        "findings": [_finding(finding) for finding in findings[:_MOST_FINDINGS]],
        "moreFindings": max(0, len(findings) - _MOST_FINDINGS),
    }


def _every(inventory: Inventory) -> Iterable[Placed]:
    for layer in inventory.layers:
        yield from layer.distributions
    for function in inventory.functions:
        yield from function.bundled


def _releases(inventory: Inventory) -> dict[Release, str | None]:
    found = {(one.name, one.version): one.license for one in _every(inventory)}
    return dict(sorted(found.items()))


def _smallest_file(inventory: Inventory) -> int:
    """Bytes from which a file is shown, so that there are not too many."""
    sizes = [file.size for one in _every(inventory) for file in one.files]
    return heapq.nlargest(_MOST_FILES, sizes)[-1] if len(sizes) > _MOST_FILES else 0


def _held(
    placed: Sequence[Placed], positions: dict[Release, int], smallest: int
) -> list[tuple[int, int, int, list[tuple[str, int]]]]:
    return [
        (positions[one.name, one.version], one.unzipped_size, one.file_count, _files(one.files, smallest))
        for one in placed
    ]


def _files(files: Sequence[HeldFile], smallest: int) -> list[tuple[str, int]]:
    return [(file.path, file.size) for file in files if file.size >= smallest]


def _layer(layer: LayerEntry, positions: dict[Release, int], smallest: int) -> dict[str, Any]:
    return {
        "name": layer.name,
        "targets": list(layer.targets),
        "zipped": layer.zipped_size,
        "unzipped": layer.unzipped_size,
        "held": _held(layer.distributions, positions, smallest),
        "rest": max(0, layer.unzipped_size - sum(one.unzipped_size for one in layer.distributions)),
        "functions": list(layer.functions),
    }


def _function(
    one: FunctionEntry, positions: dict[Release, int], layers: dict[str, int], smallest: int
) -> dict[str, Any]:
    return {
        "name": one.name,
        "target": one.target,
        "layers": [layers[name] for name in one.layers],
        "external": list(one.external_layers),
        "externalSize": one.external_size,
        "code": one.code_size,
        "bundled": _held(one.bundled, positions, smallest),
        "unzipped": one.unzipped_size,
        "excess": one.carried_excess,
        "limit": one.limit,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.value,
        "code": finding.code,
        "sentence": redact(finding.sentence),
        "where": finding.where,
        "details": [redact(line) for line in finding.details],
        "hint": finding.hint and redact(finding.hint),
    }
