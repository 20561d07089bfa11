"""What a wheel consists of, as far as its directory and the small files of its dist-info tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layerforge.wheels.directory import (
    BadWheelError,
    Member,
    WheelReader,
    read_directory,
    read_head,
    read_member,
)
from layerforge.wheels.layout import Command, Layout, head_length, make_layout, parse_commands, unzipped_size

_METADATA_MAX = 16_777_216
_ENTRY_POINTS_MAX = 1_048_576


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelContents:
    """A wheel taken apart. `name` is normalised, `heads` are first lines to replace (bytes, by member)."""

    filename: str
    name: str
    version: str
    dist_info: str
    members: tuple[Member, ...]
    metadata: str
    commands: tuple[Command, ...]
    heads: Mapping[str, int]

    def layout(self) -> Layout:
        """Where its files go in a layer."""
        return make_layout(
            self.filename,
            dist_info=self.dist_info,
            members=self.members,
            commands=self.commands,
            heads=self.heads,
        )

    def unzipped_size(self) -> int:
        """Bytes in a layer."""
        return unzipped_size(self.layout(), self.members)


def read_contents(reader: WheelReader) -> WheelContents:
    """Read the directory of a wheel and the few small files that decide its layout.

    Raises BadWheelError if it is not one distribution, or not the one that its file name says.
    """
    members = read_directory(reader).members
    by_name = {member.name: member for member in members}
    dist_info = _find_dist_info(members, reader.filename)
    metadata = _read_text(reader, by_name, f"{dist_info}/METADATA", _METADATA_MAX)
    if metadata is None:
        raise BadWheelError(reader.filename, f"it has no {dist_info}/METADATA")
    name, version = _check_identity(dist_info, metadata, reader.filename)
    entry_points = _read_text(reader, by_name, f"{dist_info}/entry_points.txt", _ENTRY_POINTS_MAX)
    return WheelContents(
        filename=reader.filename,
        name=name,
        version=version,
        dist_info=dist_info,
        members=members,
        metadata=metadata,
        commands=parse_commands(entry_points or "", filename=reader.filename),
        heads=_read_heads(reader, members),
    )


def _find_dist_info(members: Sequence[Member], filename: str) -> str:
    tops = {member.name.partition("/")[0] for member in members if "/" in member.name}
    found = sorted(top for top in tops if top.endswith(".dist-info"))
    if not found:
        raise BadWheelError(filename, "it has no .dist-info folder")
    if len(found) > 1:
        raise BadWheelError(filename, f"it has several .dist-info folders: {', '.join(found)}")
    return found[0]


def _read_text(reader: WheelReader, by_name: Mapping[str, Member], name: str, limit: int) -> str | None:
    if (member := by_name.get(name)) is None:
        return None
    try:
        return read_member(reader, member, limit=limit).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadWheelError(reader.filename, f"{name!r} is not UTF-8") from None


def _check_identity(dist_info: str, metadata: str, filename: str) -> tuple[str, str]:
    """Normalised name and version, if file name, folder and METADATA agree on them."""
    from packaging.utils import canonicalize_name

    parts = filename.removesuffix(".whl").split("-")
    if not filename.endswith(".whl") or len(parts) not in (5, 6):
        raise BadWheelError(
            filename, "this is not the name of a wheel (name-version-python-abi-platform.whl)"
        )
    folder = dist_info.removesuffix(".dist-info").split("-", 1)
    header = _read_header(metadata)
    told = (header.get("name", ""), header.get("version", ""))
    for place, (name, version) in ((dist_info, (folder[0], folder[-1])), ("METADATA", told)):
        if canonicalize_name(name) != canonicalize_name(parts[0]) or not _same_version(version, parts[1]):
            raise BadWheelError(
                filename, f"its {place} is of {name or 'nothing'} {version}, not of {parts[0]} {parts[1]}"
            )
    return canonicalize_name(told[0]), told[1]


def _read_header(metadata: str) -> dict[str, str]:
    header: dict[str, str] = {}
    for line in metadata.splitlines():
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            header.setdefault(key.strip().lower(), value.strip())
    return header


def _same_version(left: str, right: str) -> bool:
    from packaging.version import InvalidVersion, Version

    if left == right:
        return True
    try:
        # Old tools wrote `_` where a folder's name may not have `-`.
        return Version(left.replace("_", "-")) == Version(right.replace("_", "-"))
    except InvalidVersion:
        return False


def _read_heads(reader: WheelReader, members: Sequence[Member]) -> dict[str, int]:
    heads = {}
    for member in members:
        top, _, rest = member.name.partition("/")
        if top.endswith(".data") and rest.startswith("scripts/") and member.size:
            length = head_length(read_head(reader, member))
            if length:
                heads[member.name] = length
    return heads
