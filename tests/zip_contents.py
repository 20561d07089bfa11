"""What zips of a build hold, as the checks see it, with few words."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from layerforge.check.contents import BuiltFunction, Installed, ListedFile, NativeFile, ZipContents
from layerforge.model.target import Target
from layerforge.native.facts import DamagedFile, ElfFile, ForeignFile, Kind

TARGET = Target(runtime="python3.13", architecture="x86_64")


def elf(*needed: str, **rest: Any) -> ElfFile:
    """A shared object for x86_64 unless said otherwise."""
    return ElfFile(
        kind=rest.pop("kind", Kind.SHARED), machine=rest.pop("machine", "x86_64"), needed=needed, **rest
    )


def native(found: ElfFile | DamagedFile | ForeignFile, *, sha256: str = "00", size: int = 1000) -> NativeFile:
    return NativeFile(size=size, sha256=sha256 if isinstance(found, ElfFile) else None, found=found)


def listed(text: str) -> ListedFile:
    return ListedFile(len(text), zlib.crc32(text.encode()))


def layer(
    name: str = "shop-a",
    files: Sequence[str] | Mapping[str, str] = (),
    *,
    is_code: bool = False,
    natives: Mapping[str, NativeFile] | None = None,
    installed: Sequence[Installed] = (),
    links: Mapping[str, str] | None = None,
    **rest: Any,
) -> ZipContents:
    """A zip with `files` (their texts if they matter); those of distributions and native ones are added."""
    texts = dict(files) if isinstance(files, Mapping) else dict.fromkeys(files, "")
    held = {path: listed(text) for path, text in texts.items()}
    for one in installed:
        held |= {path: listed("") for path in one.files if path not in held}
    held |= {path: ListedFile(one.size, 0) for path, one in (natives or {}).items()}
    held |= {path: ListedFile(len(link), 0, link) for path, link in (links or {}).items()}
    return ZipContents(
        name=name, is_code=is_code, files=held, natives=natives or {}, installed=tuple(installed), **rest
    )


def code(files: Sequence[str] | Mapping[str, str] = (), *, name: str = "orders", **rest: Any) -> ZipContents:
    return layer(name, files, is_code=True, **rest)


def installed(name: str, version: str, *paths: str, digest: str = "d") -> Installed:
    return Installed(name=name, version=version, files=dict.fromkeys(paths, digest))


def function(
    *layers: ZipContents,
    code: ZipContents | None = None,
    target: Target = TARGET,
    external_layers: Sequence[str] = (),
    name: str = "orders",
) -> BuiltFunction:
    return BuiltFunction(
        name=name, target=target, layers=layers, code=code, external_layers=tuple(external_layers)
    )
