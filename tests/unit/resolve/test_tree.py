from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from layerforge.resolve.tree import copy_tree, tree_digest


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src/app/build").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "src/app/__init__.py").write_text("")
    (root / "src/app/build/__init__.py").write_text("a package that is called so\n")
    return root


@pytest.mark.parametrize(
    "residue",
    [
        ".git/HEAD",
        "build/lib/app/old.py",
        "dist/app-1.0.tar.gz",
        "src/app.egg-info/PKG-INFO",
        "src/app/__pycache__/x.cpython-311.pyc",
        ".venv/bin/python",
        ".mypy_cache/x.json",
        "node_modules/x/index.js",
    ],
)
def test_what_tools_leave_behind_does_not_count(project: Path, residue: str) -> None:
    before = tree_digest(project)
    (project / residue).parent.mkdir(parents=True)
    (project / residue).write_text("residue")
    assert tree_digest(project) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "src/app/__init__.py").write_text("changed"),
        lambda root: (root / "src/app/__init__.py").chmod(0o755),
        lambda root: (root / "src/app/__init__.py").rename(root / "src/app/other.py"),
        lambda root: (root / "src/app/build/__init__.py").unlink(),
        lambda root: (root / "link.py").symlink_to("pyproject.toml"),
        lambda root: (root / "linked").symlink_to("src"),
    ],
)
def test_what_a_build_could_read_counts(project: Path, change: object) -> None:
    before = tree_digest(project)
    assert callable(change)
    change(project)
    assert tree_digest(project) != before


def test_where_it_lies_does_not_count_and_a_copy_is_the_same(project: Path, tmp_path: Path) -> None:
    (project / "build").mkdir()
    (project / "build/old.py").write_text("")
    (project / ".git").mkdir()
    copy_tree(project, tmp_path / "copy")
    assert tree_digest(tmp_path / "copy") == tree_digest(project)
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [".git", "pyproject.toml", "src"]
    assert (tmp_path / "copy/.git").readlink() == project / ".git"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes no such names")
def test_names_that_are_no_text_count_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    before = tree_digest(tmp_path)
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("")
    named = tree_digest(tmp_path)
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).rename(tmp_path / os.fsdecode(b"caf\xe8.txt"))
    assert len({before, named, tree_digest(tmp_path)}) == 3
