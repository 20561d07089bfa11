"""requirements.in and requirements.txt with what they include."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.project.requirement_files.contents import Contents
from layerforge.project.requirement_files.places import Places
from layerforge.project.requirement_files.requirements_txt import read_requirements_txt


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def read(
    root: Path, name: str, environ: dict[str, str] | None = None, *, keep_unset: bool = False
) -> Contents:
    return read_requirements_txt(root / name, Places(root=root, environ=environ or {}, keep_unset=keep_unset))


def shown(contents: Contents) -> tuple[list[str], list[str]]:
    return (
        [f"{r.name}{r.specifier} {r.origin}" for r in contents.requirements],
        [f"{r.name}{r.specifier} {r.origin}" for r in contents.constraints],
    )


def test_includes_are_looked_up_from_the_file_then_from_the_root(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "f/requirements.in": "-r near.txt\n-r common/base.txt\n-c ../limits.txt\nnumpy\n",
            "f/near.txt": "a\n",
            "common/base.txt": "b\n-r sub/c.txt\n",
            "common/sub/c.txt": "c\n",
            "limits.txt": "numpy<3\n-r more.txt\n",
            "more.txt": "six<2\n",
        },
    )
    contents = read(tmp_path, "f/requirements.in")
    assert shown(contents) == (
        ["a f/near.txt:1", "b common/base.txt:1", "c common/sub/c.txt:1", "numpy f/requirements.in:4"],
        ["numpy<3 limits.txt:1", "six<2 more.txt:1"],
    )
    assert contents.files == (
        "f/requirements.in",
        "f/near.txt",
        "common/base.txt",
        "common/sub/c.txt",
        "limits.txt",
        "more.txt",
    )


def test_a_file_included_twice_counts_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"r.txt": "-r a.txt\n-r b.txt\n", "a.txt": "-r c.txt\n", "b.txt": "-r c.txt\n", "c.txt": "six\n"},
    )
    assert shown(read(tmp_path, "r.txt")) == (["six c.txt:1"], [])


def test_a_file_may_be_required_and_a_constraint(tmp_path: Path) -> None:
    write(tmp_path, {"r.txt": "-r a.txt\n-c a.txt\n", "a.txt": "six<2\n"})
    assert shown(read(tmp_path, "r.txt")) == (["six<2 a.txt:1"], ["six<2 a.txt:1"])


def test_windows_file_with_byte_order_mark(tmp_path: Path) -> None:
    write(tmp_path, {"r.txt": "\ufeffsix\r\n# x\r\nnumpy \\\r\n >= 2\r\n".encode("utf-16")[2:]})
    assert shown(read(tmp_path, "r.txt")) == (["six r.txt:1", "numpy>=2 r.txt:3"], [])


def test_variables_are_expanded_and_never_shown(tmp_path: Path) -> None:
    write(tmp_path, {"r.txt": "--index-url https://u:${INDEX_TOKEN}@index.example/${TEAM}\n"})
    first = read(tmp_path, "r.txt", {"INDEX_TOKEN": "s3cret", "TEAM": "shop"})
    assert [s.value for s in first.settings] == ["https://u:s3cret@index.example/shop"]
    again = read(tmp_path, "r.txt", {"INDEX_TOKEN": "other", "TEAM": "shop"})
    assert [s.value for s in again.settings] == ["https://u:other@index.example/shop"]
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "r.txt", {"TEAM": "shop"})
    assert caught.value.headline == "r.txt:1: the environment variable INDEX_TOKEN is not set"
    kept = read(tmp_path, "r.txt", {"TEAM": "shop"}, keep_unset=True)
    assert [s.value for s in kept.settings] == ["https://u:${INDEX_TOKEN}@index.example/shop"]


def test_find_links_paths_are_relative_to_the_root(tmp_path: Path) -> None:
    (tmp_path / "f" / "wheels").mkdir(parents=True)
    (tmp_path / "vendor").mkdir()
    write(
        tmp_path,
        {"f/r.txt": f"-f wheels\n-f vendor\n-f {(tmp_path / 'vendor').as_uri()}\n-f https://x.example/l\n"},
    )
    contents = read(tmp_path, "f/r.txt")
    assert [s.value for s in contents.settings] == ["f/wheels", "vendor", "vendor", "https://x.example/l"]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    write(tmp_path, {"r.txt": "six\n"})
    assert shown(read(tmp_path, "r.txt")) == (["six r.txt:1"], [])
    write(tmp_path, {"r.txt": "six\nnumpy\n"})
    assert shown(read(tmp_path, "r.txt")) == (["six r.txt:1", "numpy r.txt:2"], [])


LOOKED = "a relative path is taken from the file that holds it, then from the project root"


@pytest.mark.parametrize(
    ("files", "headline", "hint"),
    [
        (
            {"f/r.txt": "\n-r no.txt\n"},
            "f/r.txt:2: the requirements file no.txt does not exist; looked for f/no.txt and no.txt",
            LOOKED,
        ),
        (
            {"f/r.txt": "-c no.txt\n"},
            "f/r.txt:1: the constraints file no.txt does not exist; looked for f/no.txt and no.txt",
            LOOKED,
        ),
        (
            {"f/r.txt": "-f no\n"},
            "f/r.txt:1: the folder of --find-links no does not exist; looked for f/no and no",
            LOOKED,
        ),
        (
            {"f/r.txt": "-c https://u:p@x.example/c.txt\n"},
            (
                "f/r.txt:1: -c https://****@x.example/c.txt lies on the network, "
                "and requirements are read from files alone"
            ),
            "download it, commit it beside this file, and name that with -c",
        ),
        (
            {"f/r.txt": "-r a.txt\n", "f/a.txt": "\n-r r.txt\n"},
            "f/a.txt:2: files include each other in a circle: f/r.txt > f/a.txt > f/r.txt",
            None,
        ),
        (
            {"f/r.txt": "-r r.txt\n"},
            "f/r.txt:1: files include each other in a circle: f/r.txt > f/r.txt",
            None,
        ),
        (
            {"f/r.txt": "-c c.txt\n", "f/c.txt": "six[x]\n"},
            "f/c.txt:1: a constraint cannot have extras, and this one has [x]",
            "take the extras away here and write them where it is required",
        ),
        (
            {"f/r.txt": "-c c.txt\n", "f/c.txt": "https://x.example/a.zip\n"},
            "f/c.txt:1: a constraint must have a name",
            "write `name @` in front of the URL or path",
        ),
        (
            {"f/r.txt": b"six\n# \xe5\n"},
            "f/r.txt:2: this file is not UTF-8 text (byte 0xe5)",
            "save it as UTF-8, or name its encoding in its first line: # -*- coding: latin-1 -*-",
        ),
        (
            {"f/r.txt": "# coding: klingon\n"},
            "f/r.txt:1: its coding comment names no encoding: unknown encoding: klingon",
            None,
        ),
        ({"f/r.txt/x": ""}, "f/r.txt: this is a folder, not a file", None),
        ({}, "f/r.txt: this file does not exist", None),
    ],
)
def test_refused(tmp_path: Path, files: dict[str, str | bytes], headline: str, hint: str | None) -> None:
    write(tmp_path, files)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "f/r.txt")
    assert (caught.value.headline, caught.value.hint) == (headline, hint)
