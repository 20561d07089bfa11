from __future__ import annotations

import io
import struct
from typing import Any

import pytest

from layerforge.native.elf import DamagedElfError, read_elf, read_native
from layerforge.native.facts import DamagedFile, ElfFile, ForeignFile, Kind, NativeFacts, Needs
from tests.elf_files import AARCH64, FIXED, I386, OBJECT, make_elf

LOADER = "/lib64/ld-linux-x86-64.so.2"


def read(data: bytes) -> NativeFacts:
    return read_native(io.BytesIO(data), len(data))


def patched(data: bytes, at: int, layout: str, value: int) -> bytes:
    size = struct.calcsize(layout)
    return data[:at] + struct.pack(layout, value) + data[at + size :]


def test_reads_what_the_loader_reads() -> None:
    data = make_elf(
        soname="libshop.so.1",
        needed=["libc.so.6", "libpq.so.5"],
        rpath="$ORIGIN/../shop.libs",
        runpath="$ORIGIN:/opt/lib",
        requires={"libpq.so.5": ["PQ_2"], "libc.so.6": ["GLIBC_2.34", "GLIBC_2.17"]},
        weak={"libc.so.6": ["GLIBC_2.99"]},
        defines=["SHOP_2", "SHOP_1"],
        modules=["orders", "_speedups"],
        stack=7,
        textrel=True,
    )
    assert read(data) == ElfFile(
        kind=Kind.SHARED,
        machine="x86_64",
        soname="libshop.so.1",
        needed=("libc.so.6", "libpq.so.5"),
        rpath="$ORIGIN/../shop.libs",
        runpath="$ORIGIN:/opt/lib",
        requires=(
            Needs(library="libc.so.6", versions=("GLIBC_2.17", "GLIBC_2.34")),
            Needs(library="libpq.so.5", versions=("PQ_2",)),
        ),
        defines=("SHOP_1", "SHOP_2"),
        modules=("_speedups", "orders"),
        executable_stack=True,
        text_relocations=True,
    )


@pytest.mark.parametrize(
    ("made", "kind", "machine"),
    [
        ({}, Kind.SHARED, "x86_64"),
        ({"machine": AARCH64}, Kind.SHARED, "arm64"),
        ({"machine": AARCH64, "big_endian": True}, Kind.SHARED, "big-endian arm64"),
        ({"machine": I386, "bits": 32}, Kind.SHARED, "i386"),
        ({"bits": 32}, Kind.SHARED, "32-bit x86_64"),
        ({"machine": 21}, Kind.SHARED, "ppc64"),
        ({"machine": 60000}, Kind.SHARED, "machine 60000"),
        ({"kind": FIXED, "dynamic": False}, Kind.PROGRAM, "x86_64"),
        ({"interpreter": LOADER, "pie": True}, Kind.PROGRAM, "x86_64"),
        ({"interpreter": LOADER}, Kind.PROGRAM, "x86_64"),
        # As glibc's libc.so.6, which is started to tell its version.
        ({"interpreter": LOADER, "soname": "libc.so.6"}, Kind.SHARED, "x86_64"),
        ({"kind": OBJECT}, Kind.OTHER, "x86_64"),
    ],
)
def test_tells_kind_and_machine(made: dict[str, Any], kind: Kind, machine: str) -> None:
    found = read(make_elf(**made))
    assert isinstance(found, ElfFile)
    assert (found.kind, found.machine) == (kind, machine)


@pytest.mark.parametrize(("stack", "executable"), [(6, False), (7, True), (None, True)])
def test_stacks(stack: int | None, *, executable: bool) -> None:
    found = read(make_elf(stack=stack))
    assert isinstance(found, ElfFile)
    assert found.executable_stack is executable


def test_a_long_name_is_read_whole() -> None:
    runpath = ":".join(f"$ORIGIN/../bazel-out/library-{number}" for number in range(500))
    found = read(make_elf(runpath=runpath))
    assert isinstance(found, ElfFile)
    assert found.runpath == runpath


SHARED = make_elf(soname="libx.so", needed=["libc.so.6"], requires={"libc.so.6": ["GLIBC_2.17"]}, padding=64)
DYNAMIC_HEADER = 64 + 56


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x7fELF", "it is cut short: it tells of 16 bytes and has 4"),
        (SHARED[:60], "it is cut short: it tells of 64 bytes and has 60"),
        (
            SHARED[:-1],
            f"it is cut short: its segments reach to byte {len(SHARED)}, and it has {len(SHARED) - 1}",
        ),
        (patched(SHARED, 4, "B", 7), "its header says neither 32 nor 64 bits, or no order of bytes"),
        (patched(SHARED, 5, "B", 0), "its header says neither 32 nor 64 bits, or no order of bytes"),
        (patched(SHARED, 20, "<I", 9), "its header has version 9"),
        (patched(SHARED, 16, "<H", 77), "its type is 77, which means nothing"),
        (patched(SHARED, 54, "<H", 0), "its program headers have 0 bytes each, not 56"),
        (patched(SHARED, 56, "<H", 65535), "it claims to have 65,535 program headers"),
        (patched(SHARED, 56, "<H", 0), "nothing of it is ever loaded"),
        (patched(SHARED, 56, "<H", 1), "it has no dynamic section"),
        (
            patched(SHARED, 32, "<Q", 2**63),
            f"it is cut short: it tells of {2**63 + 3 * 56:,} bytes and has {len(SHARED)}",
        ),
        (
            patched(SHARED, 64 + 40, "<Q", 1),
            "one of its segments takes more bytes in the file than in memory",
        ),
        (
            patched(SHARED, 64 + 16, "<Q", 3),
            "one of its segments is not aligned to pages: a tool that edits files broke it",
        ),
        (
            patched(SHARED, DYNAMIC_HEADER + 32, "<Q", 2**40),
            f"its dynamic section claims to have {2**40 // 16:,} entries",
        ),
    ],
)
def test_what_no_loader_takes_is_told(data: bytes, reason: str) -> None:
    assert read(data) == DamagedFile(reason=reason)
    with pytest.raises(DamagedElfError, match="^" + reason.split(":", maxsplit=1)[0]):
        read_elf(io.BytesIO(data), len(data))


def dynamic_entry(data: bytes, tag: int) -> int:
    """Where the value of a dynamic entry lies."""
    start = struct.unpack_from("<Q", data, DYNAMIC_HEADER + 8)[0]
    for at in range(start, len(data), 16):
        if struct.unpack_from("<q", data, at)[0] == tag:
            return at + 8
    raise AssertionError(tag)


@pytest.mark.parametrize(
    ("tag", "value", "reason"),
    [
        (5, 2**50, "it points to the address 0x4000000000000, which none of its segments holds"),
        (10, 2**40, "its names claim to take 1,099,511,627,776 bytes, and 248 are there"),
        (14, 5000, "one of its names lies outside of the table of names"),
        (1, 2**63, "one of its names lies outside of the table of names"),
        (0x6FFFFFFE, 2**33, "it points to the address 0x200000000, which none of its segments holds"),
    ],
)
def test_dynamic_sections_that_lie(tag: int, value: int, reason: str) -> None:
    data = patched(SHARED, dynamic_entry(SHARED, tag), "<Q", value)
    assert read(data) == DamagedFile(reason=reason)


def test_a_name_without_end() -> None:
    data = make_elf(needed=["libc.so.6"])
    names = struct.unpack_from("<Q", data, dynamic_entry(data, 5))[0]
    assert data[names + 1 : names + 4] == b"lib"
    # The table ends within its first name.
    cut = patched(data, dynamic_entry(data, 10), "<Q", 3)
    assert read(cut) == DamagedFile(reason="one of its names does not end")


def test_versions_that_lead_away() -> None:
    needs = struct.unpack_from("<Q", SHARED, dynamic_entry(SHARED, 0x6FFFFFFE))[0]
    assert read(patched(SHARED, needs + 12, "<I", 2**31)) == DamagedFile(
        reason=f"it is cut short: it tells of {needs + 2**31 + 16:,} bytes and has {len(SHARED)}"
    )


def test_versions_without_end() -> None:
    name = "GLIBC_2.17"
    versions = [name] * 20_000
    assert read(make_elf(requires={"libc.so.6": versions})) == DamagedFile(
        reason="its table of symbol versions does not end"
    )


def test_names_that_take_all_memory() -> None:
    long = "x" * 60_000
    found = read(make_elf(needed=[long] * 100))
    assert found == DamagedFile(reason="its names take more than 4,194,304 bytes")


@pytest.mark.parametrize(
    ("data", "what", "system"),
    [
        (b"", "empty", None),
        (b"!<arch>\n/               0", "a static archive", None),
        (b"!<thin>\n", "a static archive", None),
        (b"/* GNU ld script */\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( /lib/libc.so.6 )", None, None),
        (b"INPUT(-lncurses)", None, None),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
            "a Git LFS pointer: the file itself was never fetched",
            None,
        ),
        (b"\xcf\xfa\xed\xfe\x07\0\0\1", "a Mach-O file", "macOS"),
        (b"\xca\xfe\xba\xbe\0\0\0\2", "a Mach-O file", "macOS"),
        (b"MZ\x90\0", "a PE file", "Windows"),
        (b"BC\xc0\xde", "LLVM bitcode", None),
        (b"import os\n", "text", None),
        (b"\0\1\2\3", "no ELF file", None),
        (b"\xff\xfe\x00", "no ELF file", None),
        (b"\x7fEL", "text", None),
    ],
)
def test_tells_other_formats(data: bytes, what: str | None, system: str | None) -> None:
    assert read(data) == ForeignFile(what=what or "a linker script, which is for compilers", system=system)
