from __future__ import annotations

import os
import tarfile
from pathlib import Path

from layerforge.resolve.compile.packing import pack_folder


def make_folder(root: Path) -> Path:
    folder = root / "demo"
    (folder / "src").mkdir(parents=True)
    (folder / "src/fast.c").write_text("int x;")
    (folder / "configure").write_text("#!/bin/sh\n")
    (folder / "configure").chmod(0o744)
    (folder / "link").symlink_to("src/fast.c")
    os.mkfifo(folder / "pipe")
    return folder


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    packed = []
    for number in (1, 2):
        folder = make_folder(tmp_path / str(number))
        os.utime(folder / "src/fast.c", (number, number))
        archive = tmp_path / f"{number}.tar"
        pack_folder(folder, archive)
        packed.append(archive.read_bytes())
    assert packed[0] == packed[1]


def test_what_goes_in(tmp_path: Path) -> None:
    pack_folder(make_folder(tmp_path), tmp_path / "demo.tar")
    with tarfile.open(tmp_path / "demo.tar") as tar:
        found = {member.name: (member.mode, member.uid, member.linkname) for member in tar}
    assert found == {
        "demo": (0o755, 0, ""),
        "demo/configure": (0o755, 0, ""),
        "demo/link": (0o755, 0, "src/fast.c"),
        "demo/src": (0o755, 0, ""),
        "demo/src/fast.c": (0o644, 0, ""),
    }


def test_git_goes_in_as_what_its_link_points_at(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (tmp_path / "origin/.git").mkdir(parents=True)
    (tmp_path / "origin/.git/HEAD").write_text("ref: refs/heads/main\n")
    (folder / ".git").symlink_to(tmp_path / "origin/.git")
    pack_folder(folder, tmp_path / "demo.tar")
    with tarfile.open(tmp_path / "demo.tar") as tar:
        assert [name for name in tar.getnames() if ".git" in name] == ["demo/.git", "demo/.git/HEAD"]
