"""Identical native libraries of a layer: one stays, and relative links lead the others to it.

Wheels cannot hold links, so `libx.so`, `libx.so.1` and `libx.so.1.2.3` are three copies in them. Lambda
unpacks links as links. glibc takes `$ORIGIN` to be the folder of the path by which a file is opened, which
is the link's, so that each copy finds what it found before; a file that was loaded already under another name
is taken as it is, as it would be by its soname.

Extension modules are left alone: Python would load one file for two modules, which then share their state.
"""

from __future__ import annotations

import io
import posixpath
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from layerforge.build.archive import ZipEntry, link_entry
from layerforge.native.elf import read_native
from layerforge.native.facts import ElfFile, Kind
from layerforge.wheels.directory import STORED

_NAME = re.compile(r"\.so(?:\.[\w.]+)?$")
# A link takes less than a header; what is smaller than this is not worth a look.
_SMALLEST = 4_096
_SPOOL = 8_388_608
_PIECE = 262_144


def link_copies(files: Iterable[tuple[ZipEntry, str]]) -> dict[str, ZipEntry]:
    """Links to put in the place of files, by path; `files` have the digests of their contents.

    Of identical files the first by path stays.
    """
    same: dict[tuple[str, bool], list[ZipEntry]] = {}
    for entry, digest in files:
        if entry.size >= _SMALLEST and _NAME.search(entry.path) and isinstance(entry.source, Path):
            same.setdefault((digest, entry.executable), []).append(entry)
    links = {}
    for entries in same.values():
        kept, *others = sorted(entries, key=lambda entry: entry.path)
        if others and _is_library(kept):
            for other in others:
                target = posixpath.relpath(kept.path, posixpath.dirname(other.path))
                links[other.path] = link_entry(other.path, target)
    return links


def _is_library(entry: ZipEntry) -> bool:
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as stream:
        for piece in _contents(entry):
            stream.write(piece)
        found = read_native(cast(BinaryIO, stream), stream.seek(0, io.SEEK_END))
    return isinstance(found, ElfFile) and found.kind is Kind.SHARED and not found.modules


def _contents(entry: ZipEntry) -> Iterator[bytes]:
    """The unpacked bytes of a file that was verified when it entered the store."""
    assert isinstance(entry.source, Path)
    inflater = None if entry.method == STORED else zlib.decompressobj(-zlib.MAX_WBITS)
    left = entry.compressed_size
    with entry.source.open("rb") as stream:
        stream.seek(entry.offset)
        while left and (piece := stream.read(min(left, _PIECE))):
            left -= len(piece)
            yield inflater.decompress(piece) if inflater else piece
    if inflater:
        yield inflater.flush()
