"""What was found in the zips of a build, as values that are remembered: the same zips are judged once.

Kept apart from the judging (`built.py`), so that who only recalls a verdict imports little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layerforge import __version__
from layerforge.cache import Cache
from layerforge.model.codec import decode, encode
from layerforge.model.finding import Finding, Severity

if TYPE_CHECKING:
    from layerforge.native.runtime import ProbedRuntime

_KIND = "built"
# Raise it when the same zips would be judged differently.
_FORMAT = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class NativeSummary:
    """The native code of one zip: ELF files, their bytes, and those of bytes that only copies take.

    `zip` is the layer's or the function's name; `highest` the newest symbol versions that any of them
    needs (`GLIBC_2.28`).
    """

    zip: str
    files: int
    size: int
    copied: int
    machines: tuple[str, ...]
    highest: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltVerdict:
    """What was found in the zips of a build, and its native code by zip (those that have some)."""

    findings: tuple[Finding, ...]
    natives: tuple[NativeSummary, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judging:
    """What a judgement depends on beside the manifest. `probed` by target name.

    `declared` names the state of what functions ask for: handlers, requirements, locks.
    """

    folder: Path
    ignored: tuple[str, ...] = ()
    probed: Mapping[str, ProbedRuntime] | None = None
    declared: str = ""

    def key(self, manifest_sha256: str) -> str:
        """Names a judgement: equal keys, equal verdicts."""
        probed = sorted((name, repr(one)) for name, one in (self.probed or {}).items())
        text = repr((_FORMAT, __version__, manifest_sha256, sorted(self.ignored), probed, self.declared))
        return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def recall_verdict(cache: Cache, key: str) -> BuiltVerdict | None:
    """What was found last time, if it was remembered."""
    try:
        verdict = decode(cache.read_facts(_KIND, key), (BuiltVerdict, NativeSummary, Finding, Severity))
    except (KeyError, TypeError):
        return None
    return verdict if isinstance(verdict, BuiltVerdict) else None


def remember_verdict(cache: Cache, key: str, verdict: BuiltVerdict) -> None:
    """Keep a verdict for `recall_verdict`."""
    cache.write_facts(_KIND, key, encode(verdict))
