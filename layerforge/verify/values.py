"""What is verified and what came of it, as values: checks to make, steps that failed, reports."""

from __future__ import annotations

from dataclasses import dataclass

from layerforge.model.artifact import Artifact, CodeArtifact
from layerforge.model.finding import Finding
from layerforge.model.target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedDistribution:
    """A distribution that a function asks for. `version` is None where the runtime brings it."""

    name: str
    version: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionCheck:
    """What there is to verify of one function. Layers in the order in which they are attached."""

    function: str
    target: Target
    handler: str | None
    layers: tuple[Artifact, ...]
    external_layers: tuple[str, ...]
    code: CodeArtifact | None
    distributions: tuple[ExpectedDistribution, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NativeFile:
    """A shared object that an error named: word size in bits and ELF machine, None if it is not ELF."""

    path: str
    bits: int | None
    machine: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RaisedError:
    """One exception of a chain, outermost first. `bases` are the names of its classes."""

    type: str
    message: str
    bases: tuple[str, ...] = ()
    errno: int | None = None
    filename: str | None = None
    name: str | None = None
    path: str | None = None
    raised_in: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A step that did not end as it should.

    `step`: metadata, import, script or handler; `what`: the module, program or handler. `ending`:
    raised, shadowed, timeout, signal (`code` is its number), exit, not-started (`errno` says why),
    `handler missing`, `handler not callable`. `optional`: what only an extra of the distribution
    brings, as normalised name and extra.
    """

    step: str
    what: str
    ending: str
    distribution: str | None = None
    code: int | None = None
    errno: int | None = None
    stderr: tuple[str, ...] = ()
    errors: tuple[RaisedError, ...] = ()
    traceback: tuple[str, ...] = ()
    files: tuple[NativeFile, ...] = ()
    libc: str | None = None
    optional: tuple[tuple[str, str], ...] = ()
    winner: str | None = None
    winner_path: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportTime:
    """One module's import in milliseconds: its own, and with all that it imported."""

    module: str
    self_ms: float
    cumulative_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """What came of an invocation. `status` is `answered`, or says how it did not come to that.

    `error` is the function's error (type and message), `response` the text of its answer (bounded).
    """

    status: str
    ok: bool
    seconds: float | None = None
    response: str | None = None
    truncated: bool = False
    error: str | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionReport:
    """A verified function. `import_time` in seconds, `peak_memory` in bytes: of its cold start.

    `imports` slowest first. `modules_used` are source files below /opt/python that the start imported.
    """

    function: str
    target: Target
    findings: tuple[Finding, ...]
    ok: bool
    import_time: float | None = None
    peak_memory: int | None = None
    imports: tuple[ImportTime, ...] = ()
    modules_used: tuple[str, ...] = ()
    invocation: Invocation | None = None
