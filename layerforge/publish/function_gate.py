"""Whether every function fits with its layers: as it was built, and as it stands in AWS. Pure.

Sizes of layers are those of the manifest. What AWS does not tell (the unzipped size of code that is
live, and of layers from elsewhere) is said to be unknown, and counted with the least that it can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from layerforge.model.artifact import ManifestFunction
from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.layer_arn import parse_layer_arn
from layerforge.model.limits import UNZIPPED_LIMIT, Limits
from layerforge.model.sizes import format_size
from layerforge.publish.ownership import Ownership, replace_ours
from layerforge.publish.values import (
    AttachedLayer,
    LiveFunction,
    LiveRegion,
    MatchedFunction,
    Ours,
    Wanted,
    WantedLayer,
)

_SHOWN_PARTS = 5
_SHOWN_FUNCTIONS = 10


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of what a function holds, bytes unzipped."""

    name: str
    size: int
    remark: str = ""


def find_function_problems(wanted: Wanted, live: Sequence[LiveRegion], limits: Limits) -> tuple[Finding, ...]:
    """What keeps functions from taking their layers (errors), and what cannot be judged (warnings).

    A function that is live is judged as it would be in its region, another as it was built.
    """
    findings: list[Finding] = []
    matched = [(one, region) for region in live for one in region.functions if one.live]
    for name in sorted(set(wanted.functions) - {one.function for one, _ in matched}):
        findings += _judge_built(name, wanted, limits)
    for one, region in matched:
        findings += _judge_live(one, region, wanted, limits)
    return (*findings, *_unmatched(live), *_unknown_layers(wanted, live))


def _judge_built(name: str, wanted: Wanted, limits: Limits) -> list[Finding]:
    function = wanted.functions[name]
    layers = [wanted.by_name[layer] for layer in function.layers]
    ours = sum(layer.unzipped_size for layer in layers)
    elsewhere = max(function.unzipped_size - _code_size(function) - ours, 0)
    parts = [
        _Part("its own code", _code_size(function)),
        _Part("layers from elsewhere", elsewhere),
        *(_Part(layer.name, layer.unzipped_size) for layer in layers),
    ]
    runtime, _, architecture = function.target.partition("-")
    attached = len(function.layers) + len(function.external_layers)
    return [
        *_judge_size(name, parts, limits.unzipped, limits),
        *_judge_count(name, attached, limits),
        *_judge_fit(name, runtime, architecture, layers),
    ]


def _judge_live(
    matched: MatchedFunction, region: LiveRegion, wanted: Wanted, limits: Limits
) -> list[Finding]:
    function = matched.live
    if function is None:
        return []
    name = _live_name(matched, function, region.region)
    if function.package_type != "Zip":
        return [
            gate_error(
                "container-image", matched.function, f"{name} is a container image, which takes no layers",
                hint=f"leave {matched.function} out of [publish.attach]",
            )
        ]  # fmt: skip
    built = wanted.functions[matched.function]
    layers = [wanted.by_name[layer] for layer in built.layers]
    after = replace_ours(function, built.layers, _ownership(wanted))
    elsewhere = [layer for layer in function.layers if layer.arn in after]
    parts = [
        _code_part(function, built),
        *(_foreign_part(layer, wanted.layer_sizes) for layer in elsewhere),
        *(_our_part(slot, wanted) for slot in after if isinstance(slot, Ours)),
    ]
    unzipped = min(limits.unzipped, region.account.unzipped_limit if region.account else UNZIPPED_LIMIT)
    return [
        *_judge_size(name, parts, unzipped, limits),
        *_judge_count(name, len(after), limits),
        *_judge_fit(name, function.runtime or "", function.architecture, layers),
        *_judge_alias(matched, name),
    ]


def _live_name(matched: MatchedFunction, function: LiveFunction, region: str) -> str:
    other = f" ({function.name})" if function.name != matched.function else ""
    return f"{matched.function}{other} in {region}"


def _our_part(slot: Ours, wanted: Wanted) -> _Part:
    return _Part(slot.name, wanted.by_name[slot.name].unzipped_size)


def _ownership(wanted: Wanted) -> Ownership:
    return Ownership(project=wanted.project, names=frozenset(wanted.by_name))


def _code_part(function: LiveFunction, built: ManifestFunction) -> _Part:
    """The code that is live: as built here if it is the same, else at least as large as its zip."""
    if built.code is not None and built.code.code_sha256 == function.code_sha256:
        return _Part("its own code", _code_size(built))
    size = max(_code_size(built), function.zipped_size)
    return _Part("its own code", size, "at least: what is live is not what was built here")


def _code_size(built: ManifestFunction) -> int:
    """Bytes of its code zip unzipped, with what is bundled in it; of its code where it lies elsewhere."""
    return built.code.unzipped_size if built.code else built.code_size


def _foreign_part(layer: AttachedLayer, sizes: Mapping[str, int]) -> _Part:
    known = _known_size(layer.arn, sizes)
    if known is not None:
        return _Part(layer.arn, known)
    return _Part(layer.arn, layer.zipped_size, "zipped: its unzipped size is not known")


def _known_size(arn: str, sizes: Mapping[str, int]) -> int | None:
    parsed = parse_layer_arn(arn)
    return sizes.get(arn, sizes.get(parsed.without_version) if parsed else None)


def _judge_size(name: str, parts: Sequence[_Part], allowed: int, limits: Limits) -> list[Finding]:
    total = sum(part.size for part in parts)
    if total <= allowed:
        return []
    over = total - allowed
    limit = (
        f"Lambda's {format_size(allowed)}"
        if allowed >= UNZIPPED_LIMIT or allowed < limits.unzipped
        else f"the {format_size(allowed)} that [limits] allows"
    )
    return [
        gate_error(
            "unzipped-size",
            name,
            f"{name} would hold {format_size(total)} unzipped, "
            f"{format_size(over)} ({over:,} bytes) over {limit}",
            details=_table(sorted(parts, key=lambda part: (-part.size, part.name))[:_SHOWN_PARTS]),
            hint="take away one of the parts above, or split the function; `layerforge plan` shows what "
            "the layers carry",
        )
    ]


def _table(parts: Sequence[_Part]) -> tuple[str, ...]:
    shown = [part for part in parts if part.size]
    width = max((len(part.name) for part in shown), default=0)
    sizes = [format_size(part.size) for part in shown]
    size_width = max(map(len, sizes), default=0)
    return tuple(
        f"{part.name:<{width}}  {size:>{size_width}}   {part.remark}".rstrip()
        for part, size in zip(shown, sizes, strict=True)
    )


def _judge_count(name: str, attached: int, limits: Limits) -> list[Finding]:
    if attached <= limits.layers:
        return []
    return [
        gate_error(
            "too-many-layers",
            name,
            f"{name} would have {count(attached, 'layer')}, {attached - limits.layers} more than the "
            f"{limits.layers} that it may have",
            hint="remove a layer that is not layerforge's from the function, or set `layers` under [limits] "
            "lower, so that `layerforge build` makes fewer",
        )
    ]


def _judge_fit(name: str, runtime: str, architecture: str, layers: Sequence[WantedLayer]) -> list[Finding]:
    unfit = [
        layer
        for layer in layers
        if runtime not in layer.metadata.runtimes or architecture not in layer.metadata.architectures
    ]
    if not unfit:
        return []
    details = [
        f"{layer.name} is built for {_listed(layer.metadata.runtimes)} on "
        f"{_listed(layer.metadata.architectures)}"
        for layer in unfit
    ]
    return [
        gate_error(
            "incompatible",
            name,
            f"{name} runs {runtime or 'no Python'} on {architecture}, for which "
            f"{len(unfit)} of its layers {'is' if len(unfit) == 1 else 'are'} not built",
            details=details,
            hint="deploy the function with the runtime and architecture of the template, or change these "
            "there and run `layerforge build`",
        )
    ]


def _judge_alias(matched: MatchedFunction, name: str) -> list[Finding]:
    if matched.alias_missing:
        return [
            gate_error(
                "no-alias",
                name,
                f"{name} does not have the alias that is to be moved",
                hint="create it (`aws lambda create-alias`), or leave `alias` out of [publish.attach]",
            )
        ]
    if matched.alias is not None and matched.alias.alias.weighted:
        return [
            gate_error(
                "weighted-alias",
                name,
                f"the alias {matched.alias.alias.name} of {name} shares its traffic among two versions",
                hint="another deployment is under way: let it end, then run this again",
            )
        ]
    return []


def _unmatched(live: Sequence[LiveRegion]) -> list[Finding]:
    """Name, in one remark, the functions that are in no region: they may be deployed for the first time."""
    found: dict[str, list[MatchedFunction]] = {}
    for region in live:
        for matched in region.functions:
            found.setdefault(matched.function, []).append(matched)
    missing = [all_[0] for all_ in found.values() if not any(matched.live for matched in all_)]
    if not missing:
        return []
    regions = ", ".join(region.region for region in live)
    lines = [f"{one.function}: there is no {one.name} in {regions}" for one in missing[:_SHOWN_FUNCTIONS]]
    rest = len(missing) - len(lines)
    return [
        Finding(
            severity=Severity.WARNING,
            code="not-deployed",
            subject=missing[0].function,
            sentence=f"{count(missing, 'function')} of the manifest "
            f"{'is' if len(missing) == 1 else 'are'} not deployed, and nothing is attached there",
            details=(*lines, *([f"and {rest} more"] if rest else [])),
            hint="deploy them, or correct [publish.attach] if they have other names",
        )
    ]


def _unknown_layers(wanted: Wanted, live: Sequence[LiveRegion]) -> list[Finding]:
    """Warn once of each layer from elsewhere of which only the zipped size is known."""
    takers: dict[str, list[str]] = {}
    for region in live:
        for matched in region.functions:
            for layer in _elsewhere(matched, wanted):
                takers.setdefault(layer, []).append(matched.function)
    return [
        Finding(
            severity=Severity.WARNING,
            code="unknown-layer-size",
            subject=arn,
            sentence=f"{arn}, which {count(names, 'function')} {'has' if len(names) == 1 else 'have'}, "
            "counts with its zipped size, as its unzipped one is not known",
            hint=f'write it into layerforge.toml, under [layer-sizes]: "{arn}" = "12 MB"',
        )
        for arn, names in sorted(takers.items())
    ]


def _elsewhere(matched: MatchedFunction, wanted: Wanted) -> list[str]:
    if matched.live is None:
        return []
    after = replace_ours(matched.live, wanted.functions[matched.function].layers, _ownership(wanted))
    return [slot for slot in after if isinstance(slot, str) and _known_size(slot, wanted.layer_sizes) is None]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def gate_error(
    code: str, subject: str, sentence: str, *, details: Sequence[str] = (), hint: str | None = None
) -> Finding:
    """A finding for which nothing is published."""
    return Finding(
        severity=Severity.ERROR,
        code=code,
        subject=subject,
        sentence=sentence,
        details=tuple(details),
        hint=hint,
    )
