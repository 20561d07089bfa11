"""Whatever bytes there are, reading them ends: with what they are, never with an error of ours."""

from __future__ import annotations

import contextlib
import io
import struct
import tempfile
import zipfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from layerforge.cache import Cache, sha256_of
from layerforge.check.reading import UnreadableZipError, ZipFile, read_contents
from layerforge.native.elf import read_native
from layerforge.native.facts import DamagedFile, ElfFile, ForeignFile, Kind
from tests.elf_files import AARCH64, FIXED, OBJECT, make_elf

# How many are tried here, in each run of these tests; tests/fuzz tries more.
EXAMPLES = 1500

SEEDS = (
    make_elf(
        soname="libx.so.1",
        needed=["libc.so.6", "liby.so"],
        rpath="$ORIGIN/../libs",
        requires={"libc.so.6": ["GLIBC_2.17", "GLIBC_2.34"], "liby.so": ["Y_1"]},
        defines=["X_1", "X_2"],
        modules=["_x"],
    ),
    make_elf(machine=AARCH64, runpath="$ORIGIN", interpreter="/lib/ld-linux-aarch64.so.1", pie=True),
    make_elf(bits=32, big_endian=True, needed=["libc.so.6"]),
    make_elf(kind=FIXED, dynamic=False),
    make_elf(kind=OBJECT),
)
# Counts, sizes and offsets at which arithmetic goes wrong.
EXTREMES = (0, 1, 2, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)
WIDTHS = {1: "B", 2: "H", 4: "I", 8: "Q"}

changes = st.lists(
    st.tuples(
        st.integers(0, 1023),
        st.sampled_from([1, 2, 4, 8]),
        st.sampled_from(EXTREMES) | st.integers(0, 2**64 - 1),
    ),
    min_size=1,
    max_size=6,
)


def changed(seed: bytes, edits: list[tuple[int, int, int]]) -> bytes:
    data = bytearray(seed)
    for at, width, value in edits:
        if at + width <= len(data):
            struct.pack_into(f"<{WIDTHS[width]}", data, at, value % 2 ** (8 * width))
    return bytes(data)


def read(data: bytes) -> ElfFile | DamagedFile | ForeignFile:
    found = read_native(io.BytesIO(data), len(data))
    assert isinstance(found, ElfFile | DamagedFile | ForeignFile)
    return found


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(SEEDS), changes)
def test_lying_headers(seed: bytes, edits: list[tuple[int, int, int]]) -> None:
    read(changed(seed, edits))


@settings(max_examples=EXAMPLES // 3)
@given(st.sampled_from(SEEDS), st.integers(0, 2000), st.binary(max_size=64))
def test_files_cut_short_and_grown(seed: bytes, length: int, more: bytes) -> None:
    read(seed[:length] + more)


@settings(max_examples=EXAMPLES // 3)
@given(st.binary(max_size=300))
def test_noise_behind_the_magic_number(noise: bytes) -> None:
    read(b"\x7fELF" + noise)
    read(b"\x7fELF\2\1\1" + noise)


@given(st.integers(0, 400))
def test_whoever_cuts_a_file_short_is_found_out(cut: int) -> None:
    whole = SEEDS[0]
    found = read(whole[: len(whole) - 1 - cut])
    assert isinstance(found, DamagedFile)


names = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30), max_size=4
)


@given(names, names)
def test_what_was_written_is_read(needed: list[str], versions: list[str]) -> None:
    data = make_elf(needed=needed, requires={"libc.so.6": versions} if versions else {})
    found = read(data)
    assert isinstance(found, ElfFile)
    assert (found.kind, found.needed) == (Kind.SHARED, tuple(needed))
    assert [list(one.versions) for one in found.requires] == ([sorted(versions)] if versions else [])


def zip_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


ZIP = zip_of(
    {
        "python/_x.abi3.so": SEEDS[0],
        "python/a.pth": b"import a\n",
        "python/ns/__init__.py": b"__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
        "python/demo-1.0.dist-info/RECORD": b"ns/__init__.py,sha256=abc,3\n../../../x,,\n",
        "python/data.so": b"text",
    }
)


@settings(max_examples=EXAMPLES // 3)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(ZIP) - 1),
            st.sampled_from([1, 2, 4]),
            st.sampled_from(EXTREMES) | st.integers(0, 2**32 - 1),
        ),
        max_size=8,
    ),
    st.integers(0, len(ZIP)),
)
def test_zips_that_lie(edits: list[tuple[int, int, int]], length: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        path.write_bytes(changed(ZIP, edits) if edits else ZIP[:length])
        zip_file = ZipFile(name="a", is_code=True, path=path, sha256=sha256_of(path))
        with contextlib.suppress(UnreadableZipError):
            assert len(read_contents(zip_file, Cache(Path(folder) / "cache")).files) <= 5
