from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO

import pytest

from layerforge.build.archive import Written
from layerforge.build.output_folder import LAYERS, OutputFolder, ZipFile
from layerforge.errors import BuildError

DIGEST = bytes(range(32))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def fill(stream: IO[bytes]) -> Written:
    stream.write(b"zip")
    return Written(sha256=DIGEST, zipped_size=3, unzipped_size=9)


def test_zips_are_named_by_their_digest(tmp_path: Path) -> None:
    folder = OutputFolder(path=tmp_path / "out")
    assert folder.write_zip(LAYERS, "Shop/ä b", fill) == ZipFile(
        path="layers/Shop-b-000102030405.zip",
        sha256=DIGEST.hex(),
        code_sha256="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        zipped_size=3,
        unzipped_size=9,
    )
    assert names(tmp_path / "out/layers") == ["Shop-b-000102030405.zip"]
    assert folder.holds("layers/Shop-b-000102030405.zip", 3)
    assert not folder.holds("layers/Shop-b-000102030405.zip", 4)
    assert not folder.holds("layers/other.zip", 3)


@pytest.mark.parametrize(
    ("code", "sentence", "hint"),
    [
        (
            errno.ENOSPC,
            "no space is left on the disk of the output folder",
            "make room, or choose another folder with --output",
        ),
        (
            errno.EROFS,
            "the output folder cannot be written to (Read-only file system)",
            "change its permissions, or choose another folder with --output",
        ),
        (
            errno.EACCES,
            "the output folder cannot be written to (Permission denied)",
            "change its permissions, or choose another folder with --output",
        ),
    ],
)
def test_what_the_disk_says_is_told_and_nothing_is_left(
    tmp_path: Path, code: int, sentence: str, hint: str
) -> None:
    def fail(stream: IO[bytes]) -> Written:
        stream.write(b"half")
        raise OSError(code, os.strerror(code))

    with pytest.raises(BuildError) as caught:
        OutputFolder(path=tmp_path).write_zip(LAYERS, "shop-a", fail)
    assert str(caught.value) == f"{tmp_path / 'layers'}: {sentence}"
    assert caught.value.hint == hint
    assert names(tmp_path / "layers") == []


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(stream: IO[bytes]) -> Written:
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        OutputFolder(path=tmp_path).write_zip(LAYERS, "shop-a", interrupt)
    assert names(tmp_path / "layers") == []
