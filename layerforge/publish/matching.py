"""Which live function each function of the manifest is: by name, by stack or by tag."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from layerforge.model.publishing import AttachSettings, LiveName
from layerforge.publish.client import CallError, Failure, LambdaService, LookupService
from layerforge.publish.values import LiveAlias, LiveFunction, MatchedFunction


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What is looked for: `name` (or ARN) is None where the stack or the tags have no such function."""

    function: str
    name: str | None
    words: str


def find_candidates(
    functions: Iterable[str], settings: AttachSettings, lookup: LookupService
) -> tuple[Candidate, ...]:
    """Names under which the functions of the manifest are in a region, as the config says to find them.

    Raises CallError.
    """
    found, words = _find(settings, lookup)
    explicit = {one.function: one.live for one in settings.functions}
    candidates = []
    for function in sorted(functions):
        name = explicit.get(function)
        if name is None and found is None:
            name = settings.name.replace("{function}", function)
        if name is not None:
            candidates.append(Candidate(function=function, name=name, words=f"function {name}"))
        else:
            live = (found or {}).get(function)
            candidates.append(
                Candidate(function=function, name=live, words=words.replace("{function}", function))
            )
    return tuple(candidates)


def _find(settings: AttachSettings, lookup: LookupService) -> tuple[dict[str, str] | None, str]:
    """What the stack or the tags have, and how to say it; None where names follow from a pattern."""
    if settings.stack is not None:
        found = _single(_stack_functions(settings.stack, lookup))
        return found, f"function {{function}} in the stack {settings.stack}"
    if settings.tags:
        tagged = lookup.tagged_functions(settings.tags).items()
        key = settings.name_tag
        found = _single(LiveName(function=tags[key], live=arn) for arn, tags in tagged if key in tags)
        shown = " ".join(f"{tag.key}={tag.value}" for tag in settings.tags)
        return found, f"function tagged {key}={{function}} {shown}"
    return None, ""


def _stack_functions(stack: str, lookup: LookupService) -> tuple[LiveName, ...]:
    try:
        return lookup.stack_functions(stack)
    except CallError as error:
        # It may be in other regions only.
        if error.failure is Failure.NOT_FOUND:
            return ()
        raise


def _single(names: Iterable[LiveName]) -> dict[str, str]:
    """By the function's own name; one that several live functions claim is nobody's."""
    found: dict[str, set[str]] = {}
    for one in names:
        found.setdefault(one.function, set()).add(one.live)
    return {name: next(iter(live)) for name, live in found.items() if len(live) == 1}


def read_match(candidate: Candidate, settings: AttachSettings, service: LambdaService) -> MatchedFunction:
    """Look a candidate up, with its alias. Raises CallError."""
    live = _look_up(candidate.name, service) if candidate.name is not None else None
    if live is None or settings.alias is None:
        return MatchedFunction(function=candidate.function, name=candidate.words, live=live)
    alias = read_alias(live.name, settings.alias, service)
    return MatchedFunction(
        function=candidate.function,
        name=candidate.words,
        live=live,
        alias=alias,
        alias_missing=alias is None,
    )


def _look_up(name: str, service: LambdaService) -> LiveFunction | None:
    try:
        return service.function(name)
    except CallError as error:
        if error.failure is Failure.NOT_FOUND:
            return None
        raise


def read_alias(function: str, name: str, service: LambdaService) -> LiveAlias | None:
    """An alias and the layers that it serves; None if there is none. Raises CallError."""
    try:
        alias = service.alias(function, name)
    except CallError as error:
        if error.failure is Failure.NOT_FOUND:
            return None
        raise
    return LiveAlias(alias=alias, layers=service.function(function, qualifier=alias.version).layer_arns)
