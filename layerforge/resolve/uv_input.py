"""What `uv pip compile` is given: lines on its standard input, arguments, environment.

Secrets (credentials in URLs) go through the standard input and the environment, never through the
arguments, which every user of the machine can read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from layerforge.model.requirement import IndexOptions, Requirement
from layerforge.model.target import Target
from layerforge.resolve.freshness import applies
from layerforge.resolve.index import Pin, ResolveRequest

# glibc minors of the `*-manylinux_2_*` platforms that uv knows (`uv pip compile --help`), ascending.
_UV_GLIBC = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
# pip's setting -> uv's variable, for those that mean the same in the same words.
_SAME_WORDS = {"extra-index-url": "UV_EXTRA_INDEX_URL", "trusted-host": "UV_INSECURE_HOST"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """For which platform, and what has been learnt: who needs its sdist, which versions do not fit."""

    platform: str
    sdists: frozenset[str] = frozenset()
    unfit: tuple[Pin, ...] = ()


def platforms_of(target: Target) -> tuple[str, ...]:
    """The target's platform as uv names it; where uv does not know its glibc, the nearest ones around it.

    The one above offers all that fits, and more; all that the one below offers fits (PEP 600).
    """
    minor = target.facts.glibc[1]
    above = min(known for known in _UV_GLIBC if known >= minor)
    below = max(known for known in _UV_GLIBC if known <= minor)
    return tuple(f"{target.machine}-manylinux_2_{known}" for known in dict.fromkeys((above, below)))


def compile_arguments(
    request: ResolveRequest, attempt: Attempt, *, constraints: Path, output: Path
) -> tuple[str, ...]:
    """The arguments behind `uv`, for lines on the standard input."""
    return (
        *("pip", "compile", "-", "--quiet", "--no-header", "--no-progress", "--no-sources"),
        *("--format", "pylock.toml", "--output-file", str(output), "--constraints", str(constraints)),
        *("--python-version", ".".join(map(str, request.target.python))),
        *("--python-platform", attempt.platform),
        *_format_arguments(request.options, attempt),
        *(("--prerelease", "allow") if request.options.pre else ()),
        *(("--no-index",) if request.options.no_index else ()),
    )


def _format_arguments(options: IndexOptions, attempt: Attempt) -> tuple[str, ...]:
    """Wheels alone, but for what the user wants built and what has no wheel that fits."""
    if ":all:" in options.no_binary:
        return ("--no-binary", ":all:", *_each("--only-binary", options.only_binary))
    built = {*options.no_binary, *attempt.sdists}
    return ("--only-binary", ":all:", *_each("--no-binary", sorted(built)))


def _each(option: str, values: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for value in values for word in (option, value))


def requirement_lines(requirements: Iterable[Requirement], request: ResolveRequest) -> str:
    """Those requirements that hold on the target, one per line, markers gone."""
    environment = request.target.marker_environment()
    lines = [_line(one, request.root) for one in requirements if applies(one, environment)]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def constraint_lines(request: ResolveRequest, attempt: Attempt) -> str:
    """The constraints, and what is known not to fit."""
    unfit = "".join(f"{pin.name}!={pin.version}\n" for pin in attempt.unfit)
    return requirement_lines(request.constraints, request) + unfit


def preference_document(preferences: Iterable[Pin]) -> str:
    """A lock file that uv finds where it writes its own: it stays at these versions where it can."""
    packages = "".join(
        f'\n[[packages]]\nname = "{pin.name}"\nversion = "{pin.version}"\n' for pin in preferences
    )
    return f'lock-version = "1.0"\ncreated-by = "layerforge"\n{packages}'


def _line(requirement: Requirement, root: Path) -> str:
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    name = requirement.name
    if requirement.url is None and requirement.path is None:
        return f"{name}{extras}{requirement.specifier}"
    target = requirement.url or (root / (requirement.path or ".")).resolve().as_uri()
    subdirectory = f"subdirectory={requirement.subdirectory}" if requirement.subdirectory else ""
    # Folders have no digest; for archives, uv verifies what it downloads.
    digest = requirement.hashes[0].replace(":", "=", 1) if len(requirement.hashes) == 1 else ""
    fragment = "&".join(filter(None, (subdirectory, digest)))
    address = f"{target}#{fragment}" if fragment else target
    return f"{name}{extras} @ {address}" if name else f"{address}{extras}"


def uv_environment(
    options: IndexOptions, *, root: Path, base: Mapping[str, str], pip_settings: Mapping[str, str]
) -> dict[str, str]:
    """`base` with the index options in uv's variables.

    uv reads neither pip.conf nor pip's variables: `pip_settings` fill in what neither the options
    nor uv's own variables say.
    """
    environment = dict(base)
    environment.setdefault("UV_KEYRING_PROVIDER", "subprocess")
    own = any(base.get(name) for name in (*_INDEX_VARIABLES, "UV_INDEX"))
    inherited = {} if own else pip_settings
    if index := options.index_url or inherited.get("index-url"):
        for name in _INDEX_VARIABLES:
            environment.pop(name, None)
        environment["UV_INDEX_URL"] = index
    given = {"extra-index-url": options.extra_index_urls, "trusted-host": options.trusted_hosts}
    for setting, variable in _SAME_WORDS.items():
        _append(environment, variable, (*given[setting], *inherited.get(setting, "").split()), " ")
    extra = environment.get("UV_EXTRA_INDEX_URL", "").split()
    if (
        extra
        and not environment.get("UV_INDEX")
        and all(url.startswith(("file:", "/", ".")) for url in extra)
    ):
        # To look into all indexes is what pip does. But uv then passes over an index that answers
        # 401 without a word, and what is missing there would be taken from a public one: so with
        # extra indexes on the network, the first index that has a project counts (uv's default).
        environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    links = (
        *(_location(link, root) for link in options.find_links),
        *inherited.get("find-links", "").split(),
    )
    _append(environment, "UV_FIND_LINKS", links, ",")
    if inherited.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        environment.setdefault("UV_NO_INDEX", "1")
    for setting, variable in {
        "cert": "SSL_CERT_FILE",
        "proxy": "ALL_PROXY",
        "timeout": "UV_HTTP_TIMEOUT",
        "default-timeout": "UV_HTTP_TIMEOUT",
    }.items():
        if value := pip_settings.get(setting):
            environment.setdefault(variable, value)
    return environment


def _append(environment: dict[str, str], variable: str, values: Iterable[str], separator: str) -> None:
    present = environment.get(variable, "")
    words = dict.fromkeys([*filter(None, present.split(separator)), *values])
    if words:
        environment[variable] = separator.join(words)


def _location(link: str, root: Path) -> str:
    return link if "://" in link else str((root / link).resolve())


def parse_pip_settings(listing: str) -> dict[str, str]:
    """What `pip config list` says, the nearest word for each setting: environment, install, global."""
    ranks = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        key, equals, value = line.partition("=")
        section, _, name = key.rpartition(".")
        rank = ranks.get(section)
        if not equals or rank is None or (name in found and found[name][0] > rank):
            continue
        try:
            found[name] = (rank, str(ast.literal_eval(value)))
        except (ValueError, SyntaxError):
            continue
    return {name: value for name, (_, value) in found.items()}
