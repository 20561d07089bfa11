"""From stored wheels to the entries of a zip, and who wins where two bring the same path."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from layerforge.build.archive import ZipEntry, stored_entry
from layerforge.build.deduping import link_copies
from layerforge.build.pack import Pack
from layerforge.build.store import StoredWheel, read_entry
from layerforge.errors import BuildError
from layerforge.wheels.layout import IN_LAYER, INSTALLER, Place, format_program, format_record, shebang

# A legacy namespace package has the same few lines in each of its parts, give or take a comment.
_NAMESPACE_MAX = 4096
_NAMESPACE_MARKS = (b"extend_path", b"declare_namespace")


@dataclass(frozen=True, kw_only=True, slots=True)
class Assembly:
    """What a zip will hold. `sizes` are bytes unzipped by distribution, in the order given."""

    entries: tuple[ZipEntry, ...]
    sizes: tuple[int, ...]


class _File(NamedTuple):
    entry: ZipEntry
    sha256: str


# Paths taken so far, and by which of the wheels.
_Merged = dict[str, tuple[_File, int]]


def assemble(
    wheels: Sequence[StoredWheel],
    *,
    python: tuple[int, int] | None,
    layer: str,
    packs: Mapping[str, Sequence[Pack]] | None = None,
    place: Place = IN_LAYER,
    dedupe: bool = False,
) -> Assembly:
    """Lay out `wheels` in one zip for an interpreter (None: for any); the first to bring a path keeps it.

    An `__init__.py` that is empty, or only extends its package's path, gives way to one that does more.
    Who else brought a path is told by their RECORDs (layerforge.check.collisions).

    `layer` is what messages call the zip. `packs` are by the sha256 of the wheel that they were made
    from: a path that the wheel has too is replaced (by the last pack that has it), others are added.
    Sizes and RECORD follow.

    With `dedupe`, links lead to one of identical native libraries; RECORD tells of them as of files.

    Callers sort the wheels by name, so who wins does not depend on anything else. Raises BuildError if a
    path of one is a folder of another.
    """
    merged: _Merged = {}
    sizes = []
    for position, wheel in enumerate(wheels):
        files = _files(wheel, python, packs.get(wheel.sha256, ()) if packs else (), place)
        sizes.append(sum(file.entry.size for file in files))
        for file in files:
            known = merged.setdefault(file.entry.path, (file, position))
            differs = known[1] != position and known[0].sha256 != file.sha256
            if differs and _gives_way(file.entry.path, (wheels[known[1]], wheel), place):
                merged[file.entry.path] = (file, position)
    _refuse_folders(merged, wheels, layer)
    if dedupe:
        for path, link in link_copies((file.entry, file.sha256) for file, _ in merged.values()).items():
            file, position = merged[path]
            sizes[position] -= file.entry.size - link.size
            merged[path] = (file._replace(entry=link), position)
    return Assembly(entries=tuple([file.entry for file, _ in merged.values()]), sizes=tuple(sizes))


def _files(
    wheel: StoredWheel, python: tuple[int, int] | None, packs: Sequence[Pack], place: Place
) -> list[_File]:
    """Every file of a distribution, RECORD last."""
    layout = wheel.layout()
    files = []
    for item in layout.placed:
        entry = wheel.entries[item.member]
        if item.head:
            script = shebang(python) + read_entry(wheel, entry)[item.head :]
            files.append(_written(item.path, script, executable=True))
            continue
        copied = ZipEntry(
            item.path,
            item.executable,
            entry.method,
            entry.crc,
            entry.size,
            entry.compressed_size,
            wheel.path,
            entry.offset,
        )
        files.append(_File(copied, entry.sha256))
    for command in layout.commands:
        program = format_program(command, python=python, place=place)
        files.append(_written(f"bin/{command.name}", program, executable=True))
    if packs:
        files = _with_packs(files, packs)
    files.append(_written(layout.installer_path, INSTALLER))
    # Bytecode is listed as pip lists it, so that importlib.metadata tells of every file; pip leaves its
    # digest empty because it is made at each place anew, but ours is the same everywhere.
    rows = [(file.entry.path, file.sha256, file.entry.size) for file in files]
    record = format_record(rows, record_path=layout.record_path, place=place)
    files.append(_written(layout.record_path, record))
    return files if place is IN_LAYER else _moved(files, wheel, place)


def _moved(files: Iterable[_File], wheel: StoredWheel, place: Place) -> list[_File]:
    """Files of a layer where they are in another zip."""
    moved = [file._replace(entry=file.entry._replace(path=place.path(file.entry.path))) for file in files]
    taken: set[str] = set()
    for file in moved:
        if file.entry.path in taken:
            raise BuildError(
                f"two files of {wheel.name} {wheel.version} would lie at {file.entry.path} beside a "
                "function's code",
                where=wheel.filename,
                hint=f"let functions take {wheel.name} from a layer (bundle in the config)",
            )
        taken.add(file.entry.path)
    return moved


def _with_packs(files: Sequence[_File], packs: Sequence[Pack]) -> list[_File]:
    placed = {file.entry.path: file for file in files}
    for pack in packs:
        for entry in pack.entries:
            known = placed.get(entry.name)
            copied = ZipEntry(
                entry.name,
                known.entry.executable if known else entry.executable,
                entry.method,
                entry.crc,
                entry.size,
                entry.compressed_size,
                pack.path,
                entry.offset,
            )
            placed[entry.name] = _File(copied, entry.sha256)
    return list(placed.values())


def _written(path: str, data: bytes, *, executable: bool = False) -> _File:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return _File(stored_entry(path, data, executable=executable), digest)


def _gives_way(path: str, wheels: tuple[StoredWheel, StoredWheel], place: Place) -> bool:
    """Whether the second has more in its `__init__.py`: nothing, a namespace's few lines, or a package."""
    if not path.endswith("/__init__.py"):
        return False
    first, second = (_weight(path, wheel, place) for wheel in wheels)
    return first < second


def _weight(path: str, wheel: StoredWheel, place: Place) -> int:
    placed = next(item for item in wheel.layout().placed if place.path(item.path) == path)
    entry = wheel.entries[placed.member]
    if not 0 < entry.size <= _NAMESPACE_MAX:
        return 2 if entry.size else 0
    contents = read_entry(wheel, entry)
    return 1 if any(mark in contents for mark in _NAMESPACE_MARKS) else 2


def _refuse_folders(merged: _Merged, wheels: Sequence[StoredWheel], layer: str) -> None:
    folders = {path.rpartition("/")[0] for path in merged} - {""}
    while folders:
        for path in sorted(folders & merged.keys()):
            inside = next(at for held, (_, at) in merged.items() if held.startswith(f"{path}/"))
            owner, other = (f"{wheels[at].name} {wheels[at].version}" for at in (merged[path][1], inside))
            raise BuildError(
                f"{path} is a file of {owner} and a folder of {other}",
                where=layer,
                hint="one of the two has to go, or another version of it",
            )
        folders = {folder.rpartition("/")[0] for folder in folders} - {""}
