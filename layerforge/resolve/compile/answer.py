"""What a build container answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from layerforge.containers.engine import Outcome
from layerforge.containers.stripping import Stripping, parse_stripping

_LINES_KEPT = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltInContainer:
    """A wheel by its filename. `vendored` pairs each library that was put in with where it came from.

    `stripping` is None where nobody asked for it, or the image has no program to do it (`cannot_strip`).
    """

    filename: str
    vendored: tuple[tuple[str, str], ...] = ()
    packages: tuple[str, ...] = ()
    stripping: Stripping | None = None
    cannot_strip: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedInContainer:
    """Why there is no wheel.

    `stage` is packages, unpack, build, metadata, architecture, missing-libraries, symbols, libraries or
    patchelf; crash where the program itself did not come to its end. `manager` is the image's package
    manager, None if it has none or nobody told; `packages` are those that it could not bring.
    """

    stage: str
    lines: tuple[str, ...]
    manager: str | None = None
    wheel: str | None = None
    platforms: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    out_of_memory: bool = False

    def hidden(self, hide: Callable[[str], str]) -> FailedInContainer:
        """The same, its lines without what may not be shown."""
        return replace(self, lines=tuple(map(hide, self.lines)))


@dataclass(frozen=True, kw_only=True, slots=True)
class MetadataInContainer:
    """The text of METADATA, as far as a resolution reads it."""

    text: str


Answer = BuiltInContainer | MetadataInContainer | FailedInContainer


def read_answer(outcome: Outcome) -> Answer:
    """The last line of stdout; a container that gave none has failed."""
    said = outcome.stdout.decode(errors="replace").splitlines()
    try:
        value = json.loads(said[-1]) if outcome.code == 0 and said else {}
    except ValueError:
        value = {}
    match value:
        case {"failed": dict(failed), "manager": manager}:
            return _failed(failed, manager, outcome)
        case {"wheel": str(filename), "vendored": list(vendored), "packages": list(packages)}:
            stripping: Mapping[str, Any] = value.get("stripping", {})
            return BuiltInContainer(
                filename=filename,
                vendored=tuple((str(name), str(path)) for name, path in vendored),
                packages=tuple(packages),
                stripping=parse_stripping(stripping) if "stripped" in stripping else None,
                cannot_strip="missing" in stripping,
            )
        case {"metadata": dict(fields)}:
            return MetadataInContainer(text=format_metadata(fields))
    lines = tuple(outcome.stderr.splitlines()[-_LINES_KEPT:])
    return FailedInContainer(stage="crash", lines=lines, out_of_memory=outcome.out_of_memory)


def _failed(failed: Mapping[str, Any], manager: str | None, outcome: Outcome) -> FailedInContainer:
    return FailedInContainer(
        stage=failed["stage"],
        lines=tuple(failed["lines"]),
        manager=manager,
        wheel=failed.get("wheel"),
        platforms=tuple(failed.get("platforms", ())),
        packages=tuple(failed.get("packages", ())),
        out_of_memory=outcome.out_of_memory,
    )


def format_metadata(fields: Mapping[str, Any]) -> str:
    """METADATA of the JSON that pip reports (PEP 566): names, requirements and extras."""
    lines = [f"Metadata-Version: {fields.get('metadata_version', '2.1')}"]
    lines += [f"Name: {fields['name']}", f"Version: {fields['version']}"]
    if fields.get("requires_python"):
        lines.append(f"Requires-Python: {fields['requires_python']}")
    lines += [f"Provides-Extra: {extra}" for extra in fields.get("provides_extra", ())]
    lines += [f"Requires-Dist: {requirement}" for requirement in fields.get("requires_dist", ())]
    return "\n".join([*lines, "", ""])
