"""Which distribution of the built layers brings which module."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from layerforge.errors import BuildError
from layerforge.model.artifact import Artifact, CodeArtifact


def read_providers(folder: Path, layers: Iterable[Artifact | CodeArtifact]) -> dict[str, tuple[str, ...]]:
    """The distributions that bring each module that can be imported first, from the RECORDs of all zips."""
    found: dict[str, set[str]] = {}
    for layer in layers:
        try:
            with zipfile.ZipFile(folder / layer.path) as archive:
                for name in archive.namelist():
                    if name.endswith(".dist-info/RECORD"):
                        distribution = name.split("/")[-2].partition("-")[0].replace("_", "-").lower()
                        for top in top_modules(archive.read(name).decode("utf-8", "replace")):
                            found.setdefault(top, set()).add(distribution)
        except FileNotFoundError:
            # Of a function that is not verified now: those that are have been held against the manifest.
            continue
        except (OSError, zipfile.BadZipFile) as error:
            raise BuildError(
                f"the zip cannot be read ({error})",
                where=str(folder / layer.path),
                hint="run `layerforge build`",
            ) from error
    return {top: tuple(sorted(names)) for top, names in sorted(found.items())}


def top_modules(record: str) -> set[str]:
    """Top-level packages and modules of a RECORD; of a namespace, what lies in it by its dotted name."""
    paths = [row[0] for row in csv.reader(io.StringIO(record)) if row]
    files = [path.split("/") for path in paths if path.endswith((".py", ".so")) and path[:3] != "../"]
    packages = {tuple(parts[:-1]) for parts in files if parts[-1].startswith("__init__.")}
    found = set()
    for *folders, file in files:
        prefixes = (tuple(folders[:length]) for length in range(1, len(folders) + 1))
        package = next((prefix for prefix in prefixes if prefix in packages), None)
        name = package or (*folders, file.partition(".")[0])
        if all(part.isidentifier() for part in name):
            found.add(".".join(name))
    return found
