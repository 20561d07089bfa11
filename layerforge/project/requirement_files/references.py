"""The text of one requirement -> Requirement: PEP 508, direct URLs, git URLs, local paths."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from layerforge.errors import ConfigError
from layerforge.model.requirement import Origin, Requirement
from layerforge.model.url import redact
from layerforge.project.local_packages import (
    ARCHIVE_SUFFIXES,
    check_project_folder,
    read_archive_name,
    read_project_name,
)
from layerforge.project.requirement_files.places import Places, absolute, path_of_file_url

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NAMED_DIRECT = re.compile(
    rf"(?P<name>{_NAME})\s*(?:\[(?P<extras>[^\]]*)\])?\s*@\s*(?P<target>[^\s;].*)$", re.DOTALL
)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)(?:://|:(?=[./]))")
_SCP_LIKE = re.compile(
    r"(?:git\+)?(?:ssh://)?(?P<user>[\w.-]+)@(?P<host>(?!file:)[\w.-]+):(?P<path>(?!\d+/)[^/].*)$"
)
_MARKER_AFTER_URL = re.compile(r"\s+;\s*|;\s+")
_MARKER_AFTER_PATH = re.compile(r"\s*;\s*")
_TRAILING_EXTRAS = re.compile(r"^(?P<rest>.+?)\s*\[(?P<extras>[^\[\]]*)\]$")
_GIT = frozenset({"git+https", "git+http", "git+ssh", "git+file", "git+git"})
_OTHER_VCS = ("hg", "svn", "bzr")
_HASHES = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """The text of a requirement and all that its meaning depends on."""

    text: str
    places: Places
    holder: Path
    origin: Origin
    editable: bool = False
    hashes: tuple[str, ...] = ()

    def error(self, sentence: str, *, hint: str | None = None) -> ConfigError:
        """An error at the place of the requirement."""
        return ConfigError(sentence, where=str(self.origin), hint=hint)

    @property
    def shown(self) -> str:
        """The text as it may be shown."""
        return redact(self.text)


def read_reference(reference: Reference) -> Requirement:
    """Read one requirement; looks at local projects and archives to learn their names.

    Raises ConfigError with the place of the requirement.
    """
    text = reference.text
    if _SCP_LIKE.match(text):
        raise _scp_error(reference, text)
    if match := _NAMED_DIRECT.match(text):
        return _named_direct(reference, match)
    if _URL.match(text):
        target, marker = _split_marker(text, _MARKER_AFTER_URL)
        return _with_marker(_direct(reference, target), marker, reference)
    if _looks_like_path(text) or reference.editable:
        target, marker = _split_marker(text, _MARKER_AFTER_PATH)
        return _with_marker(_local(reference, target), marker, reference)
    return _standard(reference)


def _standard(reference: Reference) -> Requirement:
    if reference.text.endswith((".txt", ".in")) and reference.places.locate(reference.text, reference.holder):
        raise reference.error(
            f"{reference.text} is a file here, not the name of a distribution",
            hint=f"to include it, write -r {reference.text}",
        )
    parsed = _parse_standard(reference.text)
    if isinstance(parsed, str):
        raise reference.error(
            f"`{reference.shown}` is not a requirement: {parsed}", hint=_standard_hint(reference.text)
        )
    return replace(parsed, hashes=reference.hashes, origin=reference.origin)


@lru_cache(maxsize=65536)
def _parse_standard(text: str) -> Requirement | str:
    """The requirement at no place, or the reason why it is none."""
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed
    from packaging.utils import canonicalize_name

    try:
        parsed = Parsed(text)
    except InvalidRequirement as error:
        return redact(str(error).splitlines()[0])
    return Requirement(
        name=canonicalize_name(parsed.name),
        extras=_normalised(parsed.extras),
        specifier=str(parsed.specifier),
        marker=str(parsed.marker) if parsed.marker else None,
        origin=Origin(path=""),
    )


def _standard_hint(text: str) -> str | None:
    if re.match(rf"{_NAME}\s*(\[[^\]]*\])?\s*=[^=]", text):
        return "a version is asked for with two equals signs: name==1.2"
    if re.match(rf"{_NAME}\s+\d", text):
        return "a version needs an operator: name==1.2, name>=1.2"
    return None


def _normalised(extras: set[str] | list[str]) -> tuple[str, ...]:
    from packaging.utils import canonicalize_name

    return tuple(sorted({canonicalize_name(extra.strip()) for extra in extras if extra.strip()}))


def _named_direct(reference: Reference, match: re.Match[str]) -> Requirement:
    from packaging.utils import canonicalize_name

    target, marker = _split_marker(match["target"], _MARKER_AFTER_URL)
    if _SCP_LIKE.match(target):
        raise _scp_error(reference, target)
    found = _direct(reference, target) if _URL.match(target) else _local(reference, target)
    name = canonicalize_name(match["name"])
    if found.name not in {None, name}:
        raise reference.error(
            f"{redact(target)} is {found.name}, not {name}", hint=f"write {found.name} @ {redact(target)}"
        )
    extras = _normalised((match["extras"] or "").split(",")) or found.extras
    return _with_marker(replace(found, name=name, extras=extras), marker, reference)


def _split_marker(text: str, separator: re.Pattern[str]) -> tuple[str, str | None]:
    parts = separator.split(text.strip(), maxsplit=1)
    return parts[0], parts[1].strip() if len(parts) == 2 else None


def _with_marker(requirement: Requirement, marker: str | None, reference: Reference) -> Requirement:
    if not marker:
        return requirement
    from packaging.markers import InvalidMarker, Marker

    try:
        return replace(requirement, marker=str(Marker(marker)))
    except InvalidMarker as error:
        reason = str(error).splitlines()[0]
        raise reference.error(f"`{marker}` is not an environment marker: {reason}") from error


def _direct(reference: Reference, url: str) -> Requirement:
    scheme = url.partition(":")[0].lower()
    if scheme in _GIT or scheme in {"http", "https"}:
        return _remote(reference, url, scheme)
    if scheme == "file":
        return _local(reference, url)
    vcs = scheme.partition("+")[0]
    if vcs in _OTHER_VCS:
        raise reference.error(
            f"{redact(url)} asks for {vcs}, and only git is supported",
            hint="build a wheel of it and ask for that by its path or URL",
        )
    hint = (
        f"write git+{redact(url)}"
        if scheme in {"git", "ssh"}
        else "https:, git+https:, git+ssh: and file: are"
    )
    raise reference.error(f"{redact(url)} has the scheme `{scheme}`, which is not supported", hint=hint)


def _scp_error(reference: Reference, text: str) -> ConfigError:
    match = _SCP_LIKE.match(text)
    assert match is not None
    return reference.error(
        f"`{redact(text)}` is how git itself spells an address, not a URL",
        hint=f"write git+ssh://{match['user']}@{match['host']}/{match['path']}",
    )


def _remote(reference: Reference, url: str, scheme: str) -> Requirement:
    is_git = scheme in _GIT
    if reference.editable and not is_git:
        raise reference.error(
            f"{redact(url)} is an archive, and only a folder or a repository can be editable",
            hint="take -e away",
        )
    bare, fragment = _split_fragment(url)
    # `….whl[extra]`: extras behind the path, as pip takes them.
    trailing = _TRAILING_EXTRAS.match(bare) if not is_git else None
    bare = trailing["rest"] if trailing else bare
    name, extras = _egg(fragment.get("egg", ""), reference)
    filename = unquote(urlsplit(bare).path.rpartition("/")[2])
    if not is_git and filename.endswith(".whl"):
        name = _wheel_name(filename, reference)
    return Requirement(
        name=name,
        extras=_normalised(trailing["extras"].split(",")) if trailing else extras,
        url=bare,
        editable=reference.editable,
        subdirectory=fragment.get("subdirectory") or None,
        hashes=(*reference.hashes, *_fragment_hashes(fragment)),
        origin=reference.origin,
    )


def _split_fragment(url: str) -> tuple[str, dict[str, str]]:
    bare, _, fragment = url.partition("#")
    # The `+` of `pkg+local` is no space here, unlike in a form.
    pairs = parse_qsl(fragment.replace("+", "%2B"), keep_blank_values=True)
    return bare, dict(pairs)


def _fragment_hashes(fragment: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{algorithm}:{fragment[algorithm].lower()}" for algorithm in _HASHES if fragment.get(algorithm)
    )


def _egg(text: str, reference: Reference) -> tuple[str | None, tuple[str, ...]]:
    from packaging.utils import canonicalize_name

    if not text:
        return None, ()
    match = re.fullmatch(rf"({_NAME})(?:\[([^\]]*)\])?", text.strip())
    if match is None:
        raise reference.error(
            f"#egg={text} is not the name of a distribution",
            hint="write #egg=name or #egg=name[extra]; a version belongs behind the @ of the URL",
        )
    return canonicalize_name(match[1]), _normalised((match[2] or "").split(","))


def _wheel_name(filename: str, reference: Reference) -> str:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return parse_wheel_filename(filename)[0]
    except InvalidWheelFilename as error:
        raise reference.error(f"{filename} is not the name of a wheel: {error}") from error


def _looks_like_path(text: str) -> bool:
    target = _MARKER_AFTER_PATH.split(text, maxsplit=1)[0]
    bare = _TRAILING_EXTRAS.sub(r"\g<rest>", target)
    return "/" in target or target.startswith(".") or bare.endswith(ARCHIVE_SUFFIXES)


def _local(reference: Reference, text: str) -> Requirement:
    bare, fragment = _split_fragment(text)
    trailing = _TRAILING_EXTRAS.match(bare)
    bare = trailing["rest"] if trailing else bare
    name, extras = _egg(fragment.get("egg", ""), reference)
    if bare.lower().startswith("file:"):
        bare = _file_url_path(reference, bare)
    found = reference.places.locate(bare, reference.holder)
    if found is None:
        what = "the archive" if bare.endswith(ARCHIVE_SUFFIXES) else "the folder"
        raise reference.places.missing(what, bare, reference.holder, reference.origin)
    if subdirectory := fragment.get("subdirectory"):
        found = absolute(found, subdirectory)
    return Requirement(
        name=_local_name(reference, found) or name,
        extras=_normalised(trailing["extras"].split(",")) if trailing else extras,
        path=reference.places.relative(found),
        editable=reference.editable,
        hashes=(*reference.hashes, *_fragment_hashes(fragment)),
        origin=reference.origin,
    )


def _file_url_path(reference: Reference, url: str) -> str:
    path = path_of_file_url(url)
    if path is None:
        raise reference.error(f"{redact(url)} names another host", hint="write file:/// and an absolute path")
    return path


def _local_name(reference: Reference, found: Path) -> str | None:
    shown = reference.places.relative(found)
    where = str(reference.origin)
    if found.is_dir():
        check_project_folder(found, shown=shown, where=where)
        return read_project_name(found)
    if reference.editable:
        raise reference.error(f"{shown} is a file, and only a folder can be editable", hint="take -e away")
    if found.name.endswith(".whl"):
        return _wheel_name(found.name, reference)
    if not found.name.endswith(ARCHIVE_SUFFIXES):
        hint = f"to include it, write -r {reference.text}" if found.suffix in {".txt", ".in"} else None
        raise reference.error(f"{shown} is neither a project folder, nor a wheel, nor an sdist", hint=hint)
    return read_archive_name(found)
