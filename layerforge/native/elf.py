"""Reads what an ELF file asks of its loader, from bytes that nobody vouches for.

The layout of each structure is pyelftools'; walking them is our own. Its walkers trust counts and
offsets, and ours trust nothing: every read is bounded and lies within the file, every walk ends, and
whatever the loader would refuse, or what leads nowhere, is one `DamagedElfError`.

Only segments are read, as the loader does: section headers may be missing (stripped) or wrong.
Sources: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html,
https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html, and for
what is refused glibc's elf/dl-load.c.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from layerforge.native.facts import DamagedFile, ElfFile, ForeignFile, Kind, NativeFacts, Needs

if TYPE_CHECKING:
    from elftools.elf.structs import ELFStructs

MAGIC = b"\x7fELF"
# Enough to tell formats apart.
HEAD = 512
_PAGE = 4096
# The kernel's bound on a table of program headers (fs/binfmt_elf.c); real ones take 1 KB.
_HEADERS_MAX = 65_536
# Real files have some dozens of each; the largest that were seen had some hundreds.
_DYNAMIC_MAX = 8_192
_VERSIONS_MAX = 16_384
_NAME_MAX = 65_536
_NAME_STEP = 128
_NAMES_MAX = 4_194_304
# What is searched for entry points at most, and at a time.
_STRINGS_MAX = 67_108_864
_PIECE = 1 << 20
_MODULES_MAX = 64
# The longest identifier that is looked for, with its prefix: pieces overlap by as much.
_OVERLAP = 300
_ENTRY_POINT = re.compile(rb"\0PyInit_([A-Za-z_][A-Za-z0-9_]{0,255})(?=\0)")

_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "arm64", "EM_386": "i386", "EM_ARM": "arm"}
_EXECUTABLE = 1
_TEXT_RELOCATIONS = 4
_PIE = 0x08000000
_VERSION_BASE = 1
_VERSION_WEAK = 2


class DamagedElfError(ValueError):
    """An ELF file that no loader takes; the message is a clause that says why."""


class _Segment(NamedTuple):
    offset: int
    address: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Headers:
    """What the program headers tell; ranges as offset and size in the file."""

    loaded: tuple[_Segment, ...]
    dynamic: tuple[int, int] | None
    interpreted: bool
    executable_stack: bool


def read_native(stream: BinaryIO, size: int) -> NativeFacts:
    """Tell what the `size` bytes of `stream` are. Raises nothing but what the stream raises."""
    stream.seek(0)
    head = stream.read(HEAD)
    if not head.startswith(MAGIC):
        return _tell_foreign(head)
    try:
        return read_elf(stream, size)
    except DamagedElfError as error:
        return DamagedFile(reason=str(error))


def read_elf(stream: BinaryIO, size: int) -> ElfFile:
    """Read the ELF file of `size` bytes. Raises DamagedElfError if no loader would take it."""
    image = _Image(stream, size)
    structs, header = _read_header(image)
    machine = _name_machine(header)
    if header["e_type"] not in ("ET_DYN", "ET_EXEC"):
        if header["e_type"] in ("ET_REL", "ET_CORE"):
            return ElfFile(kind=Kind.OTHER, machine=machine)
        raise DamagedElfError(f"its type is {header['e_type']}, which means nothing")
    headers = _read_program_headers(image, structs, header)
    is_fixed = header["e_type"] == "ET_EXEC"
    if headers.dynamic is None:
        if is_fixed or headers.interpreted or header["e_entry"]:
            return _static_program(machine, headers)
        raise DamagedElfError("it has no dynamic section")
    return _read_dynamic(image, structs, headers, machine, is_fixed=is_fixed)


def _static_program(machine: str, headers: _Headers) -> ElfFile:
    return ElfFile(kind=Kind.PROGRAM, machine=machine, executable_stack=headers.executable_stack)


class _Image:
    """The bytes of a file, and where its segments are loaded."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.size = size
        self._stream = stream
        self._loaded: tuple[_Segment, ...] = ()

    def load(self, segments: tuple[_Segment, ...]) -> None:
        """Let `offset_of` know the segments."""
        self._loaded = segments

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises DamagedElfError if the file has not got them."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise DamagedElfError(
                f"it is cut short: it tells of {offset + length:,} bytes and has {self.size:,}"
            )
        self._stream.seek(offset)
        data = self._stream.read(length)
        if len(data) != length:
            raise DamagedElfError(
                f"it is cut short: it tells of {offset + length:,} bytes and has {offset + len(data):,}"
            )
        return data

    def offset_of(self, address: int) -> tuple[int, int]:
        """Where an address lies in the file, and how many bytes of its segment follow."""
        for segment in self._loaded:
            if segment.address <= address < segment.address + segment.size:
                inside = address - segment.address
                return segment.offset + inside, segment.size - inside
        raise DamagedElfError(f"it points to the address {address:#x}, which none of its segments holds")


def _read_header(image: _Image) -> tuple[ELFStructs, Mapping[str, Any]]:
    ident = image.read(0, 16)
    if ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise DamagedElfError("its header says neither 32 nor 64 bits, or no order of bytes")
    elfclass, little = (32, 64)[ident[4] - 1], ident[5] == 1
    structs = _structs(elfclass, None, little=little)
    header = structs.Elf_Ehdr.parse(image.read(0, structs.Elf_Ehdr.sizeof()))
    if header["e_version"] != "EV_CURRENT":
        raise DamagedElfError(f"its header has version {header['e_version']}")
    return _structs(elfclass, header["e_machine"], little=little), header


@functools.lru_cache(maxsize=32)
def _structs(elfclass: int, machine: str | int | None, *, little: bool) -> ELFStructs:
    from elftools.elf.structs import ELFStructs

    structs = ELFStructs(little_endian=little, elfclass=elfclass)
    structs.create_basic_structs()
    if machine is not None:
        structs.create_advanced_structs(None, machine if isinstance(machine, str) else None, None)
    return structs


def _name_machine(header: Mapping[str, Any]) -> str:
    machine = header["e_machine"]
    wide = header["e_ident"]["EI_CLASS"] == "ELFCLASS64"
    little = header["e_ident"]["EI_DATA"] == "ELFDATA2LSB"
    if isinstance(machine, str):
        name = _MACHINES.get(machine, machine.removeprefix("EM_").lower())
    else:
        name = f"machine {machine}"
    if name in ("i386", "arm") and not wide and little:
        return name
    return f"{'' if wide else '32-bit '}{'' if little else 'big-endian '}{name}"


def _read_program_headers(image: _Image, structs: ELFStructs, header: Mapping[str, Any]) -> _Headers:
    size = structs.Elf_Phdr.sizeof()
    count = header["e_phnum"]
    if count and header["e_phentsize"] != size:
        raise DamagedElfError(f"its program headers have {header['e_phentsize']} bytes each, not {size}")
    if count * size > _HEADERS_MAX:
        raise DamagedElfError(f"it claims to have {count:,} program headers")
    table = image.read(header["e_phoff"], count * size)
    parsed = [structs.Elf_Phdr.parse(table[at : at + size]) for at in range(0, len(table), size)]
    stack = [one["p_flags"] for one in parsed if one["p_type"] == "PT_GNU_STACK"]
    dynamic = [one for one in parsed if one["p_type"] == "PT_DYNAMIC"]
    loads = [one for one in parsed if one["p_type"] == "PT_LOAD"]
    if not loads:
        raise DamagedElfError("nothing of it is ever loaded")
    loaded = tuple(_check_loaded(one, image, dynamic=bool(dynamic)) for one in loads)
    image.load(loaded)
    return _Headers(
        loaded=loaded,
        dynamic=(dynamic[0]["p_offset"], dynamic[0]["p_filesz"]) if dynamic else None,
        interpreted=any(one["p_type"] == "PT_INTERP" for one in parsed),
        # Without that header glibc takes an executable stack for granted (DEFAULT_STACK_PERMS).
        executable_stack=bool(stack[-1] & _EXECUTABLE) if stack else True,
    )


def _check_loaded(segment: Mapping[str, Any], image: _Image, *, dynamic: bool) -> _Segment:
    offset, address, size = segment["p_offset"], segment["p_vaddr"], segment["p_filesz"]
    if offset + size > image.size:
        raise DamagedElfError(
            f"it is cut short: its segments reach to byte {offset + size:,}, and it has {image.size:,}"
        )
    if size > segment["p_memsz"]:
        raise DamagedElfError("one of its segments takes more bytes in the file than in memory")
    if dynamic and (segment["p_align"] % _PAGE or (address - offset) % _PAGE):
        raise DamagedElfError("one of its segments is not aligned to pages: a tool that edits files broke it")
    return _Segment(offset, address, size)


@dataclass(slots=True)
class _Dynamic:
    """The dynamic section: values by tag, and those that may stand several times."""

    values: dict[str, int]
    needed: list[int]


def _read_dynamic(
    image: _Image, structs: ELFStructs, headers: _Headers, machine: str, *, is_fixed: bool
) -> ElfFile:
    assert headers.dynamic is not None
    dynamic = _read_entries(image, structs, *headers.dynamic)
    values = dynamic.values
    strings = _Strings(image, values)
    # A library may be a program as well (libc.so.6 tells its version); its name says that it is one.
    is_program = is_fixed or (headers.interpreted and "DT_SONAME" not in values)
    pie = bool(values.get("DT_FLAGS_1", 0) & _PIE)
    kind = Kind.PROGRAM if is_program or pie else Kind.SHARED
    return ElfFile(
        kind=kind,
        machine=machine,
        soname=strings.get(values["DT_SONAME"]) if "DT_SONAME" in values else None,
        needed=tuple(strings.get(at) for at in dynamic.needed),
        rpath=strings.get(values["DT_RPATH"]) if "DT_RPATH" in values else None,
        runpath=strings.get(values["DT_RUNPATH"]) if "DT_RUNPATH" in values else None,
        requires=_read_needs(image, structs, values, strings),
        defines=_read_definitions(image, structs, values, strings),
        modules=strings.entry_points() if kind is Kind.SHARED else (),
        executable_stack=headers.executable_stack,
        text_relocations="DT_TEXTREL" in values or bool(values.get("DT_FLAGS", 0) & _TEXT_RELOCATIONS),
    )


def _read_entries(image: _Image, structs: ELFStructs, offset: int, size: int) -> _Dynamic:
    step = structs.Elf_Dyn.sizeof()
    if size > _DYNAMIC_MAX * step:
        raise DamagedElfError(f"its dynamic section claims to have {size // step:,} entries")
    table = image.read(offset, size)
    found = _Dynamic(values={}, needed=[])
    for at in range(0, len(table) - step + 1, step):
        entry = structs.Elf_Dyn.parse(table[at : at + step])
        tag = entry["d_tag"]
        if tag == "DT_NULL":
            break
        if tag == "DT_NEEDED":
            found.needed.append(entry["d_val"])
        elif isinstance(tag, str):
            found.values[tag] = entry["d_val"]
    return found


class _Strings:
    """The names of the dynamic section."""

    def __init__(self, image: _Image, values: Mapping[str, int]) -> None:
        self._image = image
        self._left = _NAMES_MAX
        self._offset = self._size = 0
        if "DT_STRTAB" in values:
            self._offset, follow = image.offset_of(values["DT_STRTAB"])
            self._size = values.get("DT_STRSZ", 0)
            if self._size > follow:
                raise DamagedElfError(
                    f"its names claim to take {self._size:,} bytes, and {follow:,} are there"
                )

    def get(self, at: int) -> str:
        """The name at a place of the table."""
        if at >= self._size:
            raise DamagedElfError("one of its names lies outside of the table of names")
        name = b""
        while (end := name.find(b"\0")) < 0:
            length = min(self._size - at - len(name), _NAME_STEP + len(name))
            if not length or len(name) > _NAME_MAX:
                raise DamagedElfError("one of its names does not end")
            name += self._image.read(self._offset + at + len(name), length)
        self._left -= end
        if self._left < 0:
            raise DamagedElfError(f"its names take more than {_NAMES_MAX:,} bytes")
        return name[:end].decode("utf-8", "backslashreplace")

    def entry_points(self) -> tuple[str, ...]:
        """Modules whose entry points are among the names: those of Python's extension modules."""
        found: set[str] = set()
        end = self._offset + min(self._size, _STRINGS_MAX)
        for start in range(self._offset, end, _PIECE):
            piece = self._image.read(start, min(end - start, _PIECE + _OVERLAP))
            found.update(one.decode() for one in _ENTRY_POINT.findall(piece))
            if len(found) >= _MODULES_MAX:
                break
        return tuple(sorted(found)[:_MODULES_MAX])


def _walk(
    image: _Image, struct: Any, offset: int, following: str, budget: list[int]
) -> Iterator[tuple[int, Any]]:
    """Structures that each say how far on the next one lies, with their offsets; `budget` bounds them all."""
    size = struct.sizeof()
    while True:
        budget[0] -= 1
        if budget[0] < 0:
            raise DamagedElfError("its table of symbol versions does not end")
        one = struct.parse(image.read(offset, size))
        yield offset, one
        if not one[following]:
            return
        offset += one[following]


def _read_needs(
    image: _Image, structs: ELFStructs, values: Mapping[str, int], strings: _Strings
) -> tuple[Needs, ...]:
    if "DT_VERNEED" not in values:
        return ()
    budget = [_VERSIONS_MAX]
    found = []
    start, _ = image.offset_of(values["DT_VERNEED"])
    for offset, need in _walk(image, structs.Elf_Verneed, start, "vn_next", budget):
        versions = [
            strings.get(one["vna_name"])
            for _, one in _walk(image, structs.Elf_Vernaux, offset + need["vn_aux"], "vna_next", budget)
            if not one["vna_flags"] & _VERSION_WEAK
        ]
        found.append(Needs(library=strings.get(need["vn_file"]), versions=tuple(sorted(versions))))
    return tuple(sorted(found, key=lambda one: one.library))


def _read_definitions(
    image: _Image, structs: ELFStructs, values: Mapping[str, int], strings: _Strings
) -> tuple[str, ...]:
    if "DT_VERDEF" not in values:
        return ()
    budget = [_VERSIONS_MAX]
    found = []
    start, _ = image.offset_of(values["DT_VERDEF"])
    for offset, one in _walk(image, structs.Elf_Verdef, start, "vd_next", budget):
        if not one["vd_flags"] & _VERSION_BASE:
            name = structs.Elf_Verdaux.parse(image.read(offset + one["vd_aux"], structs.Elf_Verdaux.sizeof()))
            found.append(strings.get(name["vda_name"]))
    return tuple(sorted(found))


_LFS = b"version https://git-lfs.github.com/spec/"
# Magic numbers: https://en.wikipedia.org/wiki/Mach-O#Header, ar(5), the PE format, LLVM's bitcode.
_FOREIGN = (
    (b"!<arch>\n", ForeignFile(what="a static archive")),
    (b"!<thin>\n", ForeignFile(what="a static archive")),
    (_LFS, ForeignFile(what="a Git LFS pointer: the file itself was never fetched")),
    (b"\xcf\xfa\xed\xfe", ForeignFile(what="a Mach-O file", system="macOS")),
    (b"\xce\xfa\xed\xfe", ForeignFile(what="a Mach-O file", system="macOS")),
    (b"\xca\xfe\xba\xbe", ForeignFile(what="a Mach-O file", system="macOS")),
    (b"MZ", ForeignFile(what="a PE file", system="Windows")),
    (b"BC\xc0\xde", ForeignFile(what="LLVM bitcode")),
)
_LINKER_SCRIPT = re.compile(rb"(?:^|[\s/])(?:GROUP|INPUT|OUTPUT_FORMAT)\s*\(")


def _tell_foreign(head: bytes) -> ForeignFile:
    for magic, foreign in _FOREIGN:
        if head.startswith(magic):
            return foreign
    if not head:
        return ForeignFile(what="empty")
    if _LINKER_SCRIPT.search(head) and b"\0" not in head:
        return ForeignFile(what="a linker script, which is for compilers")
    try:
        head.decode("ascii")
    except UnicodeDecodeError:
        return ForeignFile(what="no ELF file")
    return ForeignFile(what="no ELF file" if b"\0" in head else "text")
