"""One logical line of a requirements file -> the options and the requirement that it holds.

Which options may stand there is pip's word
(https://pip.pypa.io/en/stable/reference/requirements-file-format/#supported-options).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from layerforge.errors import ConfigError
from layerforge.model.url import redact

# As they are written -> the one name under which we know them.
_WITH_VALUE = {
    "-i": "index-url",
    "--index-url": "index-url",
    "--pypi-url": "index-url",
    "--extra-index-url": "extra-index-url",
    "-f": "find-links",
    "--find-links": "find-links",
    "-r": "requirement",
    "--requirement": "requirement",
    "-c": "constraint",
    "--constraint": "constraint",
    "--only-binary": "only-binary",
    "--no-binary": "no-binary",
    "--trusted-host": "trusted-host",
    "--hash": "hash",
    "--use-feature": "use-feature",
}
_FLAGS = {
    "--no-index": "no-index",
    "--pre": "pre",
    "--require-hashes": "require-hashes",
    "--prefer-binary": "prefer-binary",
    "-Z": "always-unzip",
    "--always-unzip": "always-unzip",
}
# How pip works inside, or what we do anyway (a wheel is always preferred).
_WITHOUT_EFFECT = frozenset({"use-feature", "prefer-binary", "always-unzip"})
_EDITABLE = re.compile(r"(?:^|\s)(?:-e|--editable)(?:\s+|=)(?P<rest>.+)$|^-e(?P<glued>[^\s-].*)$")
_REFUSED = {
    "-e": "-e needs a line of its own",
    "--editable": "--editable needs a line of its own",
    "--config-settings": "build one wheel of it with these settings and ask for that wheel by its path",
    "--config-setting": "build one wheel of it with these settings and ask for that wheel by its path",
    "-C": "build one wheel of it with these settings and ask for that wheel by its path",
    "--global-option": "pip itself removed it; use the settings of the build backend",
    "--install-option": "pip itself removed it; use the settings of the build backend",
    "--all-releases": "use --pre, or ask for the pre-release by its version (`name>=2.0rc1`)",
    "--only-final": "it is the default: take the line out",
    "--no-use-wheel": "use --no-binary",
    "--process-dependency-links": "ask for the distribution by its URL (`name @ https://...`)",
    "--build-constraint": "constrain build requirements in the pyproject.toml of the project that is built",
    "--requirements-from-script": "write the script's dependencies into a requirements file",
    "--uploaded-prior-to": "pin the versions that you want in a constraints file",
}
_OPTION_STARTS = re.compile(r"(?:^|\s)(?=--?[A-Za-z])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """An option with the one name under which we know it."""

    name: str
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Directive:
    """What a line says: options, or a requirement (`text`) with its hashes."""

    options: tuple[Option, ...] = ()
    text: str = ""
    editable: bool = False
    hashes: tuple[str, ...] = ()


def parse_directive(line: str, *, where: str) -> Directive:
    """Split a logical line (comment gone, variables expanded). Raises ConfigError naming the option."""
    text, rest = _split(line)
    if match := _EDITABLE.search(rest) if not text else None:
        before = rest[: match.start()].strip()
        asked, options = _split_editable((match["rest"] or match["glued"]).strip())
        return _requirement(asked, f"{before} {options}".strip(), editable=True, where=where)
    if text:
        return _requirement(text, rest, editable=False, where=where)
    options_found = _parse_options(rest, where=where)
    if any(option.name == "hash" for option in options_found):
        raise ConfigError("--hash stands without the requirement that it belongs to", where=where)
    return Directive(options=tuple(o for o in options_found if o.name not in _WITHOUT_EFFECT))


def _split(line: str) -> tuple[str, str]:
    """The requirement, and everything from the first option on."""
    match = _OPTION_STARTS.search(line)
    if match is None:
        return line, ""
    return line[: match.start()].strip(), line[match.start() :].strip()


def _split_editable(text: str) -> tuple[str, str]:
    # `-e "path with spaces"`: quotes belong to the shell-like syntax, not to the path.
    if text[0] in "\"'" and (end := text.find(text[0], 1)) > 0:
        asked, rest = text[1:end], text[end + 1 :].strip()
        return (asked, rest) if not rest.startswith(";") else (f"{asked} {rest}", "")
    match = re.search(r"\s--?[A-Za-z]", text)
    return (text, "") if match is None else (text[: match.start()].strip(), text[match.start() :].strip())


def _requirement(text: str, options: str, *, editable: bool, where: str) -> Directive:
    hashes: list[str] = []
    for option in _parse_options(options, where=where):
        if option.name != "hash":
            raise ConfigError(
                f"--{option.name} stands behind a requirement, where only --hash may stand",
                where=where,
                hint="give it a line of its own",
            )
        hashes.append(_checked_hash(option.value, where=where))
    return Directive(text=text, editable=editable, hashes=tuple(hashes))


def _checked_hash(value: str, *, where: str) -> str:
    algorithm, _, digest = value.partition(":")
    lengths = {"sha256": 64, "sha384": 96, "sha512": 128}
    if algorithm not in lengths:
        raise ConfigError(
            f"--hash={value} is not of sha256, sha384 or sha512",
            where=where,
            hint="write --hash=sha256: and the digest (`pip hash FILE` tells it)",
        )
    if len(digest) != lengths[algorithm] or not re.fullmatch("[0-9a-fA-F]+", digest):
        raise ConfigError(
            f"--hash={value} is not a {algorithm} digest: {lengths[algorithm]} hexadecimal digits expected",
            where=where,
        )
    return f"{algorithm}:{digest.lower()}"


def _parse_options(text: str, *, where: str) -> tuple[Option, ...]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"a quote is opened and not closed in `{redact(text)}`", where=where) from error
    options: list[Option] = []
    while words:
        options.append(_take_option(words, where=where))
    return tuple(options)


def _take_option(words: list[str], *, where: str) -> Option:
    word = words.pop(0)
    flag, equals, value = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
    if not word.startswith("-"):
        raise ConfigError(f"`{redact(word)}` stands where an option was expected", where=where)
    if flag in _REFUSED:
        raise ConfigError(
            f"{flag} cannot be honoured in a requirements file", where=where, hint=_REFUSED[flag]
        )
    if flag in _FLAGS:
        if value:
            raise ConfigError(f"{flag} takes no value", where=where)
        return Option(name=_FLAGS[flag])
    if flag not in _WITH_VALUE:
        raise _unknown(flag, where=where)
    if not equals and not value:
        if not words:
            raise ConfigError(f"{flag} needs a value", where=where)
        value = words.pop(0)
    return Option(name=_WITH_VALUE[flag], value=value.strip())


def _unknown(flag: str, *, where: str) -> ConfigError:
    import difflib

    known = [name for name in (*_WITH_VALUE, *_FLAGS, *_REFUSED) if name.startswith("--")]
    near = difflib.get_close_matches(flag, known, n=1)
    return ConfigError(
        f"{flag} is not an option that a requirements file may hold",
        where=where,
        hint=f"did you mean {near[0]}?" if near else "options for `pip install` alone do not belong here",
    )
