"""What functions ask of the boto3 family, where it is left out, against what the runtime has of it. Pure.

Only for runtimes that were probed: the versions that AWS has today are in no table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from layerforge.check.chains import Chain, ChainFinder
from layerforge.check.problems import is_ignored
from layerforge.check.unused import Declared
from layerforge.model.counts import count, some_of
from layerforge.model.finding import Finding, Severity
from layerforge.native.runtime import ProbedRuntime

# Who asks for a distribution: so many ways from a function's requirements are looked at.
_MOST_CHAINS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """What the runtime's version of `name` does not meet; `asker` in words, if it is a distribution."""

    code: str
    name: str
    asked: str
    asker: str
    origin: str
    target: str
    version: str


def find_unmet_sdk(
    declared: Mapping[str, Declared],
    targets: Mapping[str, str],
    probed: Mapping[str, ProbedRuntime],
    ignored: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """Return a warning for each requirement that the runtime does not meet, with all its functions.

    `targets` holds the target's name of each function. A user's own requirement counts if it wants what
    is newer than the runtime's: the SDK takes back nothing. What a distribution asks for counts always.
    """
    groups: dict[_Told, list[str]] = {}
    for function in sorted(declared.keys() & targets.keys()):
        runtime = probed.get(targets[function])
        for one in _unmet(declared[function], targets[function], runtime) if runtime else ():
            if not is_ignored(ignored, one.code, (one.name, function)):
                groups.setdefault(one, []).append(function)
    return tuple(_finding(one, functions) for one, functions in groups.items())


def _unmet(declared: Declared, target: str, runtime: ProbedRuntime) -> Iterator[_Told]:
    distributions = dict(declared.distributions)
    for name in declared.runtime_provided:
        has, locked = _version(runtime.distributions.get(name)), distributions.get(name)
        if has is None or locked is None:
            continue
        wanted = _version(locked.version)
        chains = ChainFinder(distributions, name).find(declared.roots, limit=_MOST_CHAINS, count=False)
        for asker, chain in {_asker(chain): chain for chain in reversed(chains.shown)}.items():
            asked = chain.edges[-1].specifier if chain.edges else chain.root.specifier
            if asker in declared.runtime_provided or wanted is None or _meets(has, asked):
                continue
            if asker or wanted > has:
                yield _Told(
                    code="sdk-too-old" if wanted > has else "sdk-too-new",
                    name=name,
                    asked=f"{name}{asked}",
                    asker=f"{asker} {distributions[asker].version}" if asker else "",
                    origin=str(chain.root.origin),
                    target=target,
                    version=str(has),
                )


def _asker(chain: Chain) -> str:
    """The distribution that asks; empty if it is the user."""
    return chain.owners[-1] if chain.edges else ""


def _version(text: str | None) -> Version | None:
    try:
        return Version(text) if text else None
    except InvalidVersion:
        return None


def _meets(version: Version, specifier: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True


def _finding(one: _Told, functions: Sequence[str]) -> Finding:
    who = functions[0] if len(functions) == 1 else count(functions, "function")
    by = f"{one.asker}, which {who} {_need(functions)}," if one.asker else who
    verb = "ask" if len(functions) > 1 and not one.asker else "asks"
    stance = "older" if one.code == "sdk-too-old" else "newer"
    return Finding(
        severity=Severity.WARNING,
        code=one.code,
        subject=functions[0],
        sentence=f"{by} {verb} for {one.asked}, which is left out of layers, and the "
        f"{one.name} of {one.target} is {stance}: {one.version}",
        where=one.origin,
        details=() if len(functions) == 1 else (f"in {some_of(functions)}",),
        hint='take "boto3" out of [runtime-provided] exclude, so that layers hold what is locked; '
        "or require what the runtime has. `layerforge check --probe` reads its versions again",
    )


def _need(functions: Sequence[str]) -> str:
    return "needs" if len(functions) == 1 else "need"
