from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from layerforge.cache import Cache, sha256_of
from layerforge.check.contents import Installed, ListedFile, ZipContents
from layerforge.check.reading import UnreadableZipError, ZipFile, read_contents
from layerforge.errors import BuildError
from layerforge.native.facts import DamagedFile, ElfFile, ForeignFile
from tests.elf_files import make_elf
from tests.wheel_files import record_row

PKGUTIL = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


def write(path: Path, files: Mapping[str, bytes | str], links: Mapping[str, str] | None = None) -> ZipFile:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            info.create_system = 3
            archive.writestr(info, target)
    return ZipFile(name="shop-a", is_code=False, path=path, sha256=sha256_of(path))


def read(tmp_path: Path, zip_file: ZipFile) -> ZipContents:
    return read_contents(zip_file, Cache(tmp_path / "cache"))


def test_reads_what_the_checks_ask_for(tmp_path: Path) -> None:
    elf = make_elf(soname="libx.so.1", modules=["_x"])
    record = "\n".join(
        [
            record_row("demo/__init__.py", PKGUTIL.encode()),
            record_row("../bin/demo", b"#!"),
            record_row("gone.py", b""),
            "demo-1.0.dist-info/RECORD,,",
            "",
        ]
    )
    contents = read(
        tmp_path,
        write(
            tmp_path / "a.zip",
            {
                "bin/demo": "#!",
                "python/demo/__init__.py": PKGUTIL,
                "python/demo/_x.abi3.so": elf,
                "python/demo/tool": elf,
                "python/demo/text.so": "text",
                "python/demo/data.bin": b"\0" * 100,
                "python/demo/lib.so.1.2": b"\x7fELF",
                "python/demo.pth": "import demo\n",
                "python/Demo_X-1.0.dist-info/RECORD": record,
                "python/demo/vendored/six-1.0.dist-info/RECORD": record,
            },
            links={"python/demo/libx.so.1": "_x.abi3.so"},
        ),
    )
    digest = hashlib.sha256(elf).hexdigest()
    told = {path: (one.size, one.sha256, type(one.found)) for path, one in contents.natives.items()}
    assert told == {
        "python/demo/_x.abi3.so": (len(elf), digest, ElfFile),
        "python/demo/tool": (len(elf), digest, ElfFile),
        "python/demo/text.so": (4, None, ForeignFile),
        "python/demo/lib.so.1.2": (4, hashlib.sha256(b"\x7fELF").hexdigest(), DamagedFile),
    }
    assert contents.files["python/demo/libx.so.1"].link == "_x.abi3.so"
    assert contents.files["bin/demo"] == ListedFile(2, zlib.crc32(b"#!"))
    (installed,) = contents.installed
    assert (installed.label, sorted(installed.files)) == (
        "demo-x 1.0",
        ["bin/demo", "python/demo/__init__.py"],
    )
    assert contents.namespaces == {"python/demo/__init__.py"}
    assert contents.pths == {"python/demo.pth": "import demo\n"}


def test_paths_that_several_list_differently_have_the_digest_of_what_is_there(tmp_path: Path) -> None:
    records = {
        f"python/{name}-1.dist-info/RECORD": record_row("six.py", content)
        for name, content in (("a", b"one"), ("b", b"two"))
    }
    contents = read(tmp_path, write(tmp_path / "a.zip", {"python/six.py": "two", **records}))
    there = record_row("", b"two").split(",")[1].removeprefix("sha256=")
    assert contents.contested == {"python/six.py": there}
    assert contents.owners["python/six.py"] == Installed(
        name="b", version="1", files={"python/six.py": there}
    )


def test_what_was_found_is_remembered_by_digest(tmp_path: Path) -> None:
    zip_file = write(tmp_path / "a.zip", {"python/_x.abi3.so": make_elf(), "python/a.pth": "import a"})
    first = read(tmp_path, zip_file)
    assert read(tmp_path, zip_file) == first
    facts = list((tmp_path / "cache" / "facts" / "zip").rglob("*.json"))
    assert len(facts) == 1
    for broken in ("{}", "[]", '{"natives": {"a": {"$": "Nothing"}}}', "not json"):
        facts[0].write_text(broken)
        assert read(tmp_path, zip_file) == first


def test_a_zip_that_is_not_the_manifests_is_refused(tmp_path: Path) -> None:
    zip_file = write(tmp_path / "a.zip", {"a.py": ""})
    write(tmp_path / "a.zip", {"b.py": ""})
    with pytest.raises(BuildError, match=r"a\.zip: the zip is not the one that the manifest tells of"):
        read(tmp_path, zip_file)
    (tmp_path / "a.zip").unlink()
    with pytest.raises(BuildError, match=r"a\.zip: the manifest names this zip, and it is not there"):
        read(tmp_path, zip_file)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "it is no zip archive, or its end is missing"),
        (b"PK\x05\x06" + b"\0" * 18, None),
        (b"not a zip at all", "it is no zip archive, or its end is missing"),
    ],
)
def test_what_is_no_zip_is_told(tmp_path: Path, data: bytes, sentence: str | None) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    zip_file = ZipFile(name="a", is_code=True, path=path, sha256=sha256_of(path))
    if sentence is None:
        assert read(tmp_path, zip_file).files == {}
        return
    with pytest.raises(UnreadableZipError) as caught:
        read(tmp_path, zip_file)
    assert (caught.value.sentence, caught.value.where) == (sentence, str(path))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("../evil.py", "the entry '../evil.py' would land outside of the layer"),
        ("/evil.py", "the entry '/evil.py' has an absolute path"),
        ("a\\b.py", r"the name 'a\\b.py' has a backslash where '/' belongs"),
        ("a\tb.py", r"the name 'a\tb.py' has control characters"),
    ],
)
def test_names_that_mean_harm_are_told(tmp_path: Path, name: str, sentence: str) -> None:
    zip_file = write(tmp_path / "a.zip", {name: ""})
    with pytest.raises(UnreadableZipError) as caught:
        read(tmp_path, zip_file)
    assert caught.value.sentence == sentence


def test_names_in_every_encoding(tmp_path: Path) -> None:
    """UTF-8 says so by a flag; without it, old packers meant their own machine's code page."""
    names = [
        "caf\u00e9.py",
        "\u65e5\u672c.py",
        "\U0001f40d.py",
        "\u0645\u0631\u062d\u0628\u0627.so",
        "e\u0301.py",
    ]
    zip_file = write(tmp_path / "a.zip", dict.fromkeys(names, "x"))
    assert sorted(read(tmp_path, zip_file).files) == sorted(names)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    # The flag taken away, and bytes that are no UTF-8 in place of a name.
    latin = "caf\u00e9x.py".encode("latin-1")
    position = 0
    for name in ("caf\u00e9.py",) * 2:
        raw = name.encode()
        at = data.index(raw, position)
        data[at : at + len(raw)] = latin[: len(raw)]
        position = at
    for signature, flag in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.index(signature)
        struct.pack_into("<H", data, at + flag, 0)
    (tmp_path / "b.zip").write_bytes(data)
    other = ZipFile(name="a", is_code=True, path=tmp_path / "b.zip", sha256=sha256_of(tmp_path / "b.zip"))
    assert "caf\u0398x.py" in read(tmp_path, other).files


def test_a_member_whose_bytes_are_not_what_they_were(tmp_path: Path) -> None:
    zip_file = write(tmp_path / "a.zip", {"python/_x.abi3.so": make_elf(soname="libcrc.so")})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 16, 12345)
    (tmp_path / "a.zip").write_bytes(data)
    changed = ZipFile(name="a", is_code=True, path=zip_file.path, sha256=sha256_of(zip_file.path))
    with pytest.raises(UnreadableZipError, match="the checksum of"):
        read(tmp_path, changed)
