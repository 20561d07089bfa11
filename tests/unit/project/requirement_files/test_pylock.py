"""pylock.toml as requirements."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.model.requirement import Origin, Requirement
from layerforge.project.requirement_files.contents import Contents, Setting
from layerforge.project.requirement_files.places import Places
from layerforge.project.requirement_files.pylock import read_pylock

LOCK = """\
lock-version = "1.0"
created-by = "a test"
extras = ["fast"]
dependency-groups = ["dev", "default"]
default-groups = ["default"]

[[packages]]
name = "demo"
version = "1.0"
marker = "python_version >= '3.11' and ('dev' in dependency_groups or 'fast' in extras)"
[[packages.wheels]]
url = "https://x.example/demo-1.0-py3-none-any.whl"
hashes = { sha256 = "bb" }
[packages.sdist]
url = "https://x.example/demo-1.0.tar.gz"
hashes = { sha256 = "aa", md5 = "cc" }

[[packages]]
name = "near"
version = "2"
[[packages.wheels]]
path = "wheels/near-2-py3-none-any.whl"
hashes = { sha256 = "dd" }

[[packages]]
name = "own"
directory = { path = "../libs/own", editable = true }

[[packages]]
name = "tool"
vcs = { type = "git", url = "https://git.example/tool", commit-id = "abc", subdirectory = "py" }

[[packages]]
name = "arch"
archive = { url = "https://x.example/a.zip", hashes = { sha256 = "ee" } }
"""


def read(root: Path, text: str, *, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> Contents:
    (root / "f").mkdir(exist_ok=True)
    (root / "libs" / "own").mkdir(parents=True, exist_ok=True)
    (root / "libs" / "own" / "pyproject.toml").write_text("")
    (root / "f" / "pylock.toml").write_text(text)
    return read_pylock(root / "f" / "pylock.toml", Places(root=root), extras=extras, groups=groups)


def at(line: int) -> Origin:
    return Origin(path="f/pylock.toml", line=line)


FALSE, TRUE = 'python_version < "0"', 'python_version >= "0"'


def test_packages_become_pins(tmp_path: Path) -> None:
    assert read(tmp_path, LOCK) == Contents(
        requirements=(
            Requirement(
                name="demo",
                specifier="==1.0",
                marker=f'python_version >= "3.11" and ({FALSE} or {FALSE})',
                hashes=("sha256:aa", "sha256:bb"),
                origin=at(8),
            ),
            Requirement(name="near", specifier="==2", hashes=("sha256:dd",), origin=at(19)),
            Requirement(name="own", path="libs/own", editable=True, origin=at(26)),
            Requirement(
                name="tool", url="git+https://git.example/tool@abc", subdirectory="py", origin=at(30)
            ),
            Requirement(name="arch", url="https://x.example/a.zip", hashes=("sha256:ee",), origin=at(34)),
        ),
        settings=(Setting(option="find-links", value="f/wheels", origin=at(19)),),
        files=("f/pylock.toml",),
    )


@pytest.mark.parametrize(
    ("extras", "groups", "expected"),
    [
        (("fast",), (), f'python_version >= "3.11" and ({FALSE} or {TRUE})'),
        ((), ("dev",), f'python_version >= "3.11" and ({TRUE} or {FALSE})'),
    ],
)
def test_chosen_extras_and_groups(
    tmp_path: Path, extras: tuple[str, ...], groups: tuple[str, ...], expected: str
) -> None:
    assert read(tmp_path, LOCK, extras=extras, groups=groups).requirements[0].marker == expected


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        ("", "f/pylock.toml: this is not a lock file (PEP 751): Missing required value in 'lock-version'"),
        (
            LOCK.replace('"1.0"\ncreated', '"2.0"\ncreated'),
            "f/pylock.toml: its lock-version is not supported: pylock version 2.0 is not supported",
        ),
        (LOCK.replace('"git"', '"hg"'), "f/pylock.toml:30: tool comes from hg, and only git is supported"),
        (
            LOCK.replace("libs/own", "libs"),
            "f/pylock.toml:26: libs is not a Python project: it has neither pyproject.toml nor setup.py",
        ),
    ],
)
def test_refused(tmp_path: Path, text: str, headline: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert caught.value.headline == headline


def test_an_extra_that_is_not_locked(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^f/pylock.toml: the extra slow is asked for and not locked here$"
    ):
        read(tmp_path, LOCK, extras=("slow",))
