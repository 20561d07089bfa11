"""What the engines (pip-tools, uv) have in common: how they say that nothing can be found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from layerforge.errors import ResolutionError
from layerforge.model.target import Target

Side = tuple[str, str | None]
_SHOWN_VERSIONS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What the index offers of one version: the tags of its wheels, and whether there is an sdist.

    `tags` are the compressed tag sets as the filenames spell them (`cp312-cp312-manylinux_2_28_x86_64`).
    `requires_python` is set where the index says so and it excludes the target.
    """

    version: str
    tags: tuple[str, ...]
    sdist: bool = False
    requires_python: str | None = None


class ContradictionError(ResolutionError):
    """Requirements exclude each other.

    `requirements` are the texts involved; `sides` pairs each with the distribution
    (`name version`) that asks for it, or None where it is a requirement of the user.
    """

    def __init__(self, *, sides: Sequence[Side], target: Target | None = None) -> None:
        self.sides: tuple[Side, ...] = tuple(sides)
        self.requirements: tuple[str, ...] = tuple(dict.fromkeys(text for text, _ in self.sides))
        self.target = target
        fitted = f" for {target.name}" if target else ""
        super().__init__(
            f"these requirements exclude each other{fitted}: {_listed(self.requirements)}",
            details=[_side_line(side) for side in self.sides],
            hint="loosen one of them; functions that share nothing may be given contradicting ones",
        )


class NoFittingFileError(ResolutionError):
    """No version of a distribution that is asked for has a file for the target."""

    def __init__(
        self,
        *,
        requirement: str,
        target: Target,
        offers: Sequence[Offer] = (),
        required_by: str | None = None,
        wheels_only: bool = False,
    ) -> None:
        self.requirement = requirement
        self.target = target
        self.offers = tuple(offers)
        self.required_by = required_by
        self.wheels_only = wheels_only
        asked = f"{requirement} (required by {required_by})" if required_by else requirement
        what = "no wheel" if wheels_only else "nothing"
        super().__init__(
            f"{what} that satisfies {asked} fits {describe_target(target)}",
            details=[f"{requirement_name(requirement)} {offer_sentence(offer, target)}" for offer in offers],
            hint=no_fit_hint(target, offers),
        )


def describe_target(target: Target) -> str:
    """`python3.11 on Amazon Linux 2 (x86_64), which loads cp311 wheels up to manylinux_2_26`."""
    major, minor = target.facts.glibc
    interpreter = f"cp{target.python[0]}{target.python[1]}"
    return (
        f"{target.runtime} on {target.facts.os} ({target.architecture}), "
        f"which loads {interpreter} wheels up to manylinux_{major}_{minor}_{target.machine}"
    )


def offer_sentence(offer: Offer, target: Target) -> str:
    """What one version offers, in the words that matter for `target` (its machine first)."""
    if offer.requires_python is not None:
        return f"{offer.version} wants Python {offer.requires_python}"
    if not offer.tags:
        return f"{offer.version} offers {'an sdist only' if offer.sdist else 'no file that can be used'}"
    sdist = ", and an sdist" if offer.sdist else ""
    return f"{offer.version} offers {_summarise(offer.tags, target)}{sdist}"


def no_fit_hint(target: Target, offers: Sequence[Offer]) -> str:
    """What to do when nothing fits, and what a container builder would change."""
    if any(offer.sdist and offer.requires_python is None for offer in offers):
        return (
            "ask for a version that has a wheel that fits, or take another runtime; "
            "its sdist would be compiled in a container, if nothing asked for wheels only"
        )
    if offers and all(offer.requires_python for offer in offers):
        return f"allow an older version, or take another runtime than {target.runtime}"
    return (
        "a container could not change this, as there is no sdist to compile: "
        "allow another version, or take another runtime or architecture"
    )


def requirement_name(requirement: str) -> str:
    """The leading name of a requirement text (`numpy` of `numpy[x]>=2`)."""
    for position, character in enumerate(requirement):
        if not (character.isalnum() or character in "-_."):
            return requirement[:position]
    return requirement


def newest_offers(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """The few newest, newest first: enough to see what is missing."""
    from packaging.version import InvalidVersion, Version

    def order(offer: Offer) -> Version:
        try:
            return Version(offer.version)
        except InvalidVersion:
            return Version("0.dev0")

    return tuple(sorted(offers, key=order, reverse=True)[:_SHOWN_VERSIONS])


def _summarise(tags: Sequence[str], target: Target) -> str:
    mine = [tag for tag in tags if _is_for_machine(tag.rsplit("-", 1)[-1], target.machine)]
    if not mine:
        platforms = sorted({name for tag in tags for name in tag.rsplit("-", 1)[-1].split(".")})
        return f"no wheel for {target.machine} Linux, only for {_shorten(platforms)}"
    groups: dict[str, list[str]] = {}
    for tag in mine:
        interpreter, abi, platform = tag.split("-", 2)
        if interpreter.startswith(("cp", "py")):
            python = f"{interpreter}-{abi}" if abi in {"abi3", "none"} else abi
            groups.setdefault(_lowest(platform), []).append(python)
    return _listed([f"{_interpreters(pythons)} {platform}" for platform, pythons in sorted(groups.items())])


def _is_for_machine(platforms: str, machine: str) -> bool:
    return any(
        name == "any" or (name.startswith(("manylinux", "linux")) and name.endswith(f"_{machine}"))
        for name in platforms.split(".")
    )


def _lowest(platforms: str) -> str:
    """The one of a compressed set that most systems load (`manylinux_2_27…` of 2_27 and 2_28)."""
    named = [name for name in platforms.split(".") if name.startswith("manylinux_")]
    return min(named, key=lambda name: [int(part) for part in name.split("_")[1:3]], default=platforms)


def _interpreters(pythons: Iterable[str]) -> str:
    """`cp312 to cp314` rather than each by itself; `py3` and `abi3` as they are."""
    plain: dict[int, str] = {}
    others: list[str] = []
    for python in dict.fromkeys(pythons):
        if python.startswith("cp3") and python[3:].isdecimal():
            plain[int(python[3:])] = python
        else:
            others.append(python)
    # Free-threaded builds ("cp313t") matter to nobody on Lambda.
    others = [other for other in others if not other.endswith("t") or not other.startswith("cp3")]
    named = [plain[minor] for minor in sorted(plain)]
    if len(named) > 2:
        named = [f"{named[0]} to {named[-1]}"]
    return _listed([*named, *sorted(others)])


def _shorten(names: Sequence[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _listed(texts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]])) if texts else ""


def _side_line(side: Side) -> str:
    text, parent = side
    return f"{parent} wants {text}" if parent else f"the project wants {text}"
