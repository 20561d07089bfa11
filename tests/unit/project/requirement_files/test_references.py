"""The text of one requirement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from layerforge.errors import ConfigError
from layerforge.model.requirement import Origin, Requirement
from layerforge.project.requirement_files.places import Places
from layerforge.project.requirement_files.references import Reference, read_reference
from tests.wheel_files import MakeSource, MakeWheel

ORIGIN = Origin(path="f/r.txt", line=2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    for name, text in {
        "libs/toml/pyproject.toml": '[project]\nname = "Toml_Lib"\n',
        "libs/poetry/pyproject.toml": '[tool.poetry]\nname = "poem"\n',
        "libs/cfg/setup.py": "",
        "libs/cfg/setup.cfg": "[metadata]\nname = cfg.lib\n",
        "libs/py/setup.py": "from setuptools import setup\nsetup(name='py-lib')\n",
        "libs/unknown/setup.py": "setup(name=read())\n",
        "f/near/pyproject.toml": '[project]\nname = "near"\n',
        "near/pyproject.toml": '[project]\nname = "far"\n',
        "libs/nothing/README": "",
        "f/other.txt": "",
        "wheels/demo-1.0-py3-none-any.whl": "",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def read(root: Path, text: str, **rest: Any) -> Requirement:
    reference = Reference(
        text=text, places=Places(root=root), holder=root / "f" / "r.txt", origin=ORIGIN, **rest
    )
    return read_reference(reference)


def asked(name: str | None, **rest: Any) -> Requirement:
    return Requirement(name=name, origin=ORIGIN, **rest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Foo_Bar", asked("foo-bar")),
        ("foo [B_x, a]>=1, <2", asked("foo", extras=("a", "b-x"), specifier="<2,>=1")),
        ("foo;python_version<'3.9'", asked("foo", marker='python_version < "3.9"')),
        (
            "https://index.example/Foo_Bar-1.0-py3-none-any.whl#sha256=AB12",
            asked(
                "foo-bar", url="https://index.example/Foo_Bar-1.0-py3-none-any.whl", hashes=("sha256:ab12",)
            ),
        ),
        (
            "https://u:p@index.example/main.zip#egg=foo[x]&subdirectory=py ; os_name == 'posix'",
            asked(
                "foo",
                extras=("x",),
                url="https://u:p@index.example/main.zip",
                subdirectory="py",
                marker='os_name == "posix"',
            ),
        ),
        ("https://index.example/main.zip", asked(None, url="https://index.example/main.zip")),
        (
            "Foo[x] @ https://index.example/main.zip ; os_name == 'posix'",
            asked("foo", extras=("x",), url="https://index.example/main.zip", marker='os_name == "posix"'),
        ),
        ("foo@https://index.example/a;b.zip", asked("foo", url="https://index.example/a;b.zip")),
        (
            "git+https://git.example/o/r.git@v1+x#egg=r&subdirectory=a",
            asked("r", url="git+https://git.example/o/r.git@v1+x", subdirectory="a"),
        ),
        ("r @ git+ssh://git@git.example:22/o/r", asked("r", url="git+ssh://git@git.example:22/o/r")),
        ("git+https://git.example/o/r", asked(None, url="git+https://git.example/o/r")),
    ],
)
def test_standard_and_remote(root: Path, text: str, expected: Requirement) -> None:
    assert read(root, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("../libs/toml", asked("toml-lib", path="libs/toml")),
        (
            "libs/toml[Fast] ; os_name=='posix'",
            asked("toml-lib", extras=("fast",), path="libs/toml", marker='os_name == "posix"'),
        ),
        ("libs/poetry", asked("poem", path="libs/poetry")),
        ("libs/cfg", asked("cfg-lib", path="libs/cfg")),
        ("libs/py/", asked("py-lib", path="libs/py")),
        ("libs/unknown#egg=Told", asked("told", path="libs/unknown")),
        ("libs/unknown", asked(None, path="libs/unknown")),
        ("./near", asked("near", path="f/near")),
        ("./libs#subdirectory=toml", asked("toml-lib", path="libs/toml")),
        ("toml-lib @ ../libs/toml", asked("toml-lib", path="libs/toml")),
        ("toml_lib[x] @ file:../libs/toml", asked("toml-lib", extras=("x",), path="libs/toml")),
        ("wheels/demo-1.0-py3-none-any.whl", asked("demo", path="wheels/demo-1.0-py3-none-any.whl")),
    ],
)
def test_local(root: Path, text: str, expected: Requirement) -> None:
    assert read(root, text) == expected


def test_file_url_and_what_lies_above_the_root(
    root: Path, make_project: MakeSource, make_sdist: MakeSource
) -> None:
    project = make_project("demo", directory=root.parent / "beside")
    assert read(root, project.as_uri()) == asked("demo", path="../beside")
    sdist = make_sdist("My_Demo", "1.0")
    assert read(root, str(sdist)) == asked("my-demo", path=f"../sdists/{sdist.name}")


def test_editable(root: Path) -> None:
    expected = asked("toml-lib", path="libs/toml", editable=True)
    assert read(root, "../libs/toml", editable=True) == expected
    assert read(root, "libs/toml", editable=True) == expected
    git = asked(None, url="git+https://git.example/r", editable=True)
    assert read(root, "git+https://git.example/r", editable=True) == git


def test_hashes_of_the_line_come_before_that_of_the_url(root: Path) -> None:
    found = read(root, "https://x.example/a.zip#sha512=c", hashes=("sha256:a", "sha256:b"))
    assert found == asked(None, url="https://x.example/a.zip", hashes=("sha256:a", "sha256:b", "sha512:c"))


LOOKED = "a relative path is taken from the file that holds it, then from the project root"


@pytest.mark.parametrize(
    ("text", "sentence", "hint"),
    [
        (
            "numpy=2",
            (
                "`numpy=2` is not a requirement: Expected semicolon (after name with no version "
                "specifier) or end"
            ),
            "a version is asked for with two equals signs: name==1.2",
        ),
        (
            "other.txt",
            "other.txt is a file here, not the name of a distribution",
            "to include it, write -r other.txt",
        ),
        (
            "./other.txt",
            "f/other.txt is neither a project folder, nor a wheel, nor an sdist",
            "to include it, write -r ./other.txt",
        ),
        ("libs/no", "the folder libs/no does not exist; looked for f/libs/no and libs/no", LOOKED),
        ("no.whl", "the archive no.whl does not exist; looked for f/no.whl and no.whl", LOOKED),
        (
            "libs/nothing",
            "libs/nothing is not a Python project: it has neither pyproject.toml nor setup.py",
            "add a pyproject.toml to libs/nothing, or to include a requirements file write -r",
        ),
        ("foo @ libs/toml", "libs/toml is toml-lib, not foo", "write toml-lib @ libs/toml"),
        (
            "hg+https://u:p@hg.example/r",
            "hg+https://****@hg.example/r asks for hg, and only git is supported",
            "build a wheel of it and ask for that by its path or URL",
        ),
        (
            "git@git.example:o/r.git",
            "`git@git.example:o/r.git` is how git itself spells an address, not a URL",
            "write git+ssh://git@git.example/o/r.git",
        ),
        (
            "r @ git+ssh://git@git.example:o/r.git",
            "`git+ssh://git@git.example:o/r.git` is how git itself spells an address, not a URL",
            "write git+ssh://git@git.example/o/r.git",
        ),
        (
            "git://git.example/r",
            "git://git.example/r has the scheme `git`, which is not supported",
            "write git+git://git.example/r",
        ),
        ("file://host/a", "file://host/a names another host", "write file:/// and an absolute path"),
        (
            "git+https://x.example/r#egg=a==1",
            "#egg=a==1 is not the name of a distribution",
            "write #egg=name or #egg=name[extra]; a version belongs behind the @ of the URL",
        ),
        ("libs/toml ; x == 1", None, None),
    ],
)
def test_refused(root: Path, text: str, sentence: str | None, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        read(root, text)
    if sentence:
        assert caught.value.headline == f"f/r.txt:2: {sentence}"
    assert caught.value.hint == hint


def test_an_archive_cannot_be_editable(root: Path, make_wheel: MakeWheel) -> None:
    with pytest.raises(ConfigError, match=r"^f/r.txt:2: .* and only a folder can be editable$"):
        read(root, str(make_wheel("demo", "1.0")), editable=True)
    with pytest.raises(ConfigError, match=r"^f/r.txt:2: https://\*\*\*\*@x.example/a.zip is an archive"):
        read(root, "https://u:p@x.example/a.zip", editable=True)


def test_origin_is_of_the_line_though_parses_are_remembered(root: Path) -> None:
    first = read(root, "same>=1")
    second = read_reference(
        Reference(
            text="same>=1",
            places=Places(root=root),
            holder=root / "f" / "r.txt",
            origin=Origin(path="other", line=9),
        )
    )
    assert second == replace(first, origin=Origin(path="other", line=9))
