from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerforge.containers.archives import extract_tar, write_tar
from layerforge.containers.engine import FileIn
from layerforge.errors import ToolError


def test_what_is_sent_is_roots_and_dated_alike(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 3_000_000)
    pieces = write_tar(
        [FileIn("/tmp/a/b", b"hello", 0o600), FileIn("/tmp/a/c", tmp_path / "large"), FileIn("/top", b"")]
    )
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        rows = [
            (one.name, one.isdir(), oct(one.mode), one.size, one.uid, one.mtime) for one in tar.getmembers()
        ]
    assert rows == [
        ("tmp/a", True, "0o755", 0, 0, 315532800),
        ("tmp/a/b", False, "0o600", 5, 0, 315532800),
        ("tmp/a/c", False, "0o644", 3_000_000, 0, 315532800),
        ("top", False, "0o644", 0, 0, 315532800),
    ]


def taken(*members: tarfile.TarInfo | tuple[str, bytes]) -> Iterator[bytes]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for one in members:
            if isinstance(one, tuple):
                info = tarfile.TarInfo(one[0])
                info.size, info.uid, info.mode = len(one[1]), 12345, 0o4755
                tar.addfile(info, io.BytesIO(one[1]))
            else:
                tar.addfile(one)
    # In pieces of an odd size, as a socket gives them.
    data = stream.getvalue()
    return iter([data[at : at + 700] for at in range(0, len(data), 700)])


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_what_comes_out_are_files_of_the_user(tmp_path: Path) -> None:
    extract_tar(
        taken(
            ("out/deep/a", b"a" * 5000),
            link("out/link", "/etc/passwd"),
            link("out/hard", "out/deep/a", tarfile.LNKTYPE),
            link("out/fifo", "", tarfile.FIFOTYPE),
            ("out", b"no folder"),
        ),
        tmp_path,
    )
    files = [path for path in tmp_path.rglob("*") if not path.is_dir()]
    assert [str(path.relative_to(tmp_path)) for path in files] == ["deep/a"]
    assert (files[0].read_bytes(), files[0].stat().st_uid) == (b"a" * 5000, os.getuid())
    assert files[0].stat().st_mode & 0o7000 == 0


@pytest.mark.parametrize("name", ["out/../../evil", "/etc/evil", "out/a/../b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ToolError) as caught:
        extract_tar(taken((name, b"x")), tmp_path / "into")
    assert caught.value.headline == f"a container gave a file named {name!r}, which leads elsewhere"
    assert not (tmp_path / "evil").exists()


def test_what_breaks_off_is_told(tmp_path: Path) -> None:
    pieces = list(taken(("out/a", b"a" * 5000)))[:3]
    with pytest.raises(ToolError) as caught:
        extract_tar(iter(pieces), tmp_path)
    assert caught.value.headline.startswith("what came out of a container broke off (")


def test_file_that_shrinks_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 3_000_000)
    pieces = write_tar([FileIn("/a", path)])
    next(pieces)
    path.write_bytes(b"")
    with pytest.raises(ToolError) as caught:
        list(pieces)
    assert caught.value.headline == f"{path} became shorter while it was read"
