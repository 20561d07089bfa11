"""What a build left in the output folder, held against its own manifest and against the lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from layerforge.build.manifest import MANIFEST_FILE, read_manifest
from layerforge.cache import sha256_of
from layerforge.errors import BuildError, UsageError
from layerforge.model.artifact import Artifact, CodeArtifact, Manifest, ManifestFunction
from layerforge.model.function import Function, Project
from layerforge.model.lock import Lock, Root
from layerforge.plan.demands import whole_families
from layerforge.verify.values import ExpectedDistribution, FunctionCheck

_BUILD = "run `layerforge build`"


def read_built(folder: Path) -> Manifest:
    """Read the manifest of `folder`. Raises BuildError that says to build if there is none."""
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise BuildError("nothing is built here yet", where=str(folder), hint=_BUILD)
    return read_manifest(path)


def check_zips(folder: Path, checks: Iterable[FunctionCheck]) -> None:
    """Hold every zip that is to be verified against its digest. Raises BuildError for one that differs."""
    zips: dict[str, Artifact | CodeArtifact] = {}
    for check in checks:
        zips |= {
            artifact.path: artifact for artifact in (*check.layers, *((check.code,) if check.code else ()))
        }
    for path, artifact in sorted(zips.items()):
        where = str(folder / path)
        try:
            fits = sha256_of(folder / path) == artifact.sha256
        except FileNotFoundError:
            raise BuildError(
                "the manifest names this zip, and it is not there", where=where, hint=_BUILD
            ) from None
        except OSError as error:
            raise BuildError(
                f"the zip cannot be read ({error.strerror})", where=where, hint=_BUILD
            ) from error
        if not fits:
            raise BuildError("the zip is not the one that the manifest tells of", where=where, hint=_BUILD)


def make_checks(
    project: Project, locks: Sequence[Lock], manifest: Manifest, names: Sequence[str] = ()
) -> tuple[FunctionCheck, ...]:
    """What to verify: of `names`, or of all functions; sorted by name.

    Raises UsageError for a name that is no function, BuildError if what was built is not what is locked.
    """
    functions = {function.name: function for function in project.functions}
    for name in names:
        if name not in functions:
            raise _unknown(name, functions)
    layers = {layer.name: layer for layer in manifest.layers}
    served = {one.function: (lock, one.roots) for lock in locks for one in lock.functions}
    checks = []
    for name in sorted(set(names) or functions):
        built = manifest.functions.get(name)
        if built is None or name not in served or built.target != functions[name].target.name:
            raise BuildError(f"{name} was not built as it is now", hint=_BUILD)
        checks.append(
            _check(functions[name], built, layers, *served[name], provided=project.settings.runtime_provided)
        )
    return tuple(checks)


def _unknown(name: str, functions: Iterable[str]) -> UsageError:
    from difflib import get_close_matches

    known = sorted(functions)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"functions: {', '.join(known)}"
    return UsageError(f"there is no function {name}", hint=hint)


def _check(
    function: Function,
    built: ManifestFunction,
    layers: dict[str, Artifact],
    lock: Lock,
    roots: Sequence[Root],
    *,
    provided: Sequence[str],
) -> FunctionCheck:
    missing = [name for name in built.layers if name not in layers]
    if missing:
        raise BuildError(f"the manifest has no layer {missing[0]}, which {function.name} takes", hint=_BUILD)
    taken = tuple(layers[name] for name in built.layers)
    bundled = built.code.distributions if built.code else ()
    held = {one.name: one.version for layer in taken for one in layer.distributions}
    held |= {one.name: one.version for one in bundled}
    return FunctionCheck(
        function=function.name,
        target=function.target,
        handler=function.handler,
        layers=taken,
        external_layers=built.external_layers,
        code=built.code,
        distributions=_expected(function.name, lock, roots, held, whole_families(provided)),
    )


def _expected(
    function: str, lock: Lock, roots: Sequence[Root], held: dict[str, str], provided: frozenset[str]
) -> tuple[ExpectedDistribution, ...]:
    locked = lock.by_name()
    expected = []
    for name in sorted({root.name for root in roots if root.name in locked}):
        version = locked[name].version
        if name in provided:
            expected.append(ExpectedDistribution(name=name, version=None))
        elif held.get(name) == version:
            expected.append(ExpectedDistribution(name=name, version=version))
        else:
            found = f"{name} {held[name]}" if name in held else f"no {name}"
            raise BuildError(
                f"{function} is locked to {name} {version}, and what was built has {found}", hint=_BUILD
            )
    return tuple(expected)
