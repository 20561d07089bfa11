"""ELF files made by hand: valid by default, wrong only where a test asks for it.

One segment holds it all: header, program headers, names, versions, dynamic section. There is no code and
no section header, as in a file that was stripped of everything that the loader does not read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

X86_64 = 62
AARCH64 = 183
I386 = 3
SHARED = 3
FIXED = 2
OBJECT = 1

_NULL, _NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _TEXTREL, _FLAGS, _RUNPATH = 0, 1, 5, 10, 14, 15, 22, 30, 29
_FLAGS_1, _VERDEF, _VERDEFNUM, _VERNEED, _VERNEEDNUM = (
    0x6FFFFFFB,
    0x6FFFFFFC,
    0x6FFFFFFD,
    0x6FFFFFFE,
    0x6FFFFFFF,
)
_PIE = 0x08000000
_LOAD, _DYNAMIC, _INTERP, _STACK = 1, 2, 3, 0x6474E551


@dataclass
class _Names:
    data: bytearray = field(default_factory=lambda: bytearray(b"\0"))

    def add(self, name: str) -> int:
        at = len(self.data)
        self.data += name.encode() + b"\0"
        return at


def make_elf(
    *,
    machine: int = X86_64,
    bits: int = 64,
    big_endian: bool = False,
    kind: int = SHARED,
    soname: str | None = None,
    needed: Sequence[str] = (),
    rpath: str | None = None,
    runpath: str | None = None,
    requires: Mapping[str, Sequence[str]] | None = None,
    weak: Mapping[str, Sequence[str]] | None = None,
    defines: Sequence[str] = (),
    modules: Sequence[str] = (),
    interpreter: str | None = None,
    stack: int | None = 6,
    textrel: bool = False,
    pie: bool = False,
    dynamic: bool = True,
    padding: int = 0,
) -> bytes:
    """A file that asks for all of that. `stack` are the flags of PT_GNU_STACK (None: it has none)."""
    pack = _packer(bits, big_endian=big_endian)
    names = _Names()
    entries = [(_NEEDED, names.add(name)) for name in needed]
    given = ((_SONAME, soname), (_RPATH, rpath), (_RUNPATH, runpath))
    entries += [(tag, names.add(name)) for tag, name in given if name is not None]
    entries += [(tag, flags) for tag, flags, on in ((_FLAGS, 4, textrel), (_FLAGS_1, _PIE, pie)) if on]
    for module in modules:
        names.add(f"PyInit_{module}")
    image = _Image(pack, bits)
    needs = _verneed(pack, names, requires or {}, weak or {})
    definitions = _verdef(pack, names, soname or "", defines)
    entries += [(_STRTAB, image.place(bytes(names.data))), (_STRSZ, len(names.data))]
    if needs:
        entries += [(_VERNEED, image.place(needs)), (_VERNEEDNUM, len(requires or {}))]
    if definitions:
        entries += [(_VERDEF, image.place(definitions)), (_VERDEFNUM, len(defines) + 1)]
    if interpreter is not None:
        path = interpreter.encode() + b"\0"
        image.segment(_INTERP, 4, image.place(path), len(path), 1)
    layout = "qQ" if bits == 64 else "iI"
    table = b"".join(pack(layout, tag, value) for tag, value in [*entries, (_NULL, 0)])
    at = image.place(table)
    if dynamic:
        image.segment(_DYNAMIC, 6, at, len(table), 8, first=True)
    if stack is not None:
        image.segment(_STACK, stack, 0, 0, 16)
    return image.finish(kind, machine, big_endian=big_endian, padding=padding)


class _Image:
    """The bytes of the file as they gather, behind room for the headers."""

    def __init__(self, pack: _Packer, bits: int) -> None:
        self._pack = pack
        self._bits = bits
        self._header, self._each = (64, 56) if bits == 64 else (52, 32)
        # The segment that is loaded comes first, and its size is known last.
        self._segments: list[tuple[int, int, int, int, int]] = []
        self._data = bytearray(_aligned(self._header + 4 * self._each))

    def place(self, data: bytes) -> int:
        """Append `data`; its offset, which is its address as well."""
        self._data += bytes(-len(self._data) % 8)
        at = len(self._data)
        self._data += data
        return at

    def segment(
        self, kind: int, flags: int, offset: int, size: int, align: int, *, first: bool = False
    ) -> None:
        self._segments.insert(0 if first else len(self._segments), (kind, flags, offset, size, align))

    def finish(self, kind: int, machine: int, *, big_endian: bool, padding: int) -> bytes:
        pack, bits = self._pack, self._bits
        self._data += bytes(padding)
        segments = [(_LOAD, 5, 0, len(self._data), 0x1000), *self._segments]
        ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 2 if big_endian else 1, 1, 0]) + bytes(8)
        unsigned = "QQQ" if bits == 64 else "III"
        sizes = (self._header, self._each, len(segments), 0, 0, 0)
        entry = 0x100 if kind == FIXED else 0
        head = ident + pack(f"HHI{unsigned}I6H", kind, machine, 1, entry, self._header, 0, 0, *sizes)
        table = b"".join(_phdr(pack, bits, *segment) for segment in segments)
        self._data[: len(head) + len(table)] = head + table
        return bytes(self._data)


class _Packer:
    def __init__(self, order: str) -> None:
        self._order = order

    def __call__(self, layout: str, *values: int) -> bytes:
        return struct.pack(f"{self._order}{layout}", *values)


def _packer(bits: int, *, big_endian: bool) -> _Packer:
    assert bits in (32, 64)
    return _Packer(">" if big_endian else "<")


def _aligned(at: int) -> int:
    return at + (-at % 8)


def _phdr(pack: _Packer, bits: int, kind: int, flags: int, offset: int, size: int, align: int) -> bytes:
    if bits == 64:
        return pack("IIQQQQQQ", kind, flags, offset, offset, offset, size, size, align)
    return pack("IIIIIIII", kind, offset, offset, offset, size, size, flags, align)


def _verneed(
    pack: _Packer, names: _Names, requires: Mapping[str, Sequence[str]], weak: Mapping[str, Sequence[str]]
) -> bytes:
    data = b""
    libraries = [*dict.fromkeys((*requires, *weak))]
    for position, library in enumerate(libraries):
        wanted = [(version, 0) for version in requires.get(library, ())]
        wanted += [(version, 2) for version in weak.get(library, ())]
        size = 16 * (1 + len(wanted))
        following = size if position < len(libraries) - 1 else 0
        data += pack("HHIII", 1, len(wanted), names.add(library), 16, following)
        for index, (version, flags) in enumerate(wanted):
            step = 16 if index < len(wanted) - 1 else 0
            data += pack("IHHII", 0, flags, index + 2, names.add(version), step)
    return data


def _verdef(pack: _Packer, names: _Names, soname: str, defines: Sequence[str]) -> bytes:
    if not defines:
        return b""
    data = b""
    for position, version in enumerate((soname, *defines)):
        following = 28 if position < len(defines) else 0
        data += pack("HHHHIII", 1, int(position == 0), position + 1, 1, 0, 20, following)
        data += pack("II", names.add(version), 0)
    return data
