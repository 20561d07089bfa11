"""`layerforge diff`, with real git repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from layerforge.errors import UsageError
from layerforge.project.revision import files_of, find_commit
from tests.e2e.conftest import KeptShop
from tests.e2e.shop import Shop


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def committed(kept_shop: KeptShop) -> Shop:
    """The shop in a folder of a repository, locked and committed, then with another requirement."""
    return kept_shop("committed", _commit)


def _commit(shop: Shop) -> None:
    repository = shop.root.parent
    git(repository, "init", "-q", "-b", "main")
    shop.write(".gitignore", ".layerforge/\n")
    assert shop.run("lock", "-q").code == 0
    git(repository, "add", "shop")
    git(repository, "commit", "-q", "-m", "before")
    shop.write("functions/orders/requirements.in", "-r ../common.in\nmatrix\n")
    assert shop.run("lock", "-q").code == 0


def test_the_working_tree_is_compared_with_head(committed: Shop) -> None:
    index = (committed.root.parent / ".git/index").read_bytes()
    asked = len(committed.index.requests)
    ended = committed.run("diff", "--json")
    assert (ended.code, ended.stderr) == (0, "")
    document = ended.document
    commit = git(committed.root, "rev-parse", "HEAD")
    assert (document["before"], document["after"]) == (f"HEAD ({commit[:12]})", "the working tree")
    assert [(one["name"], one["after"]) for one in document["distributions"]] == [("speedups", [])]
    assert document["distributions"][0]["functions"] == ["Orders"]
    orders = next(one for one in document["functions"] if one["name"] == "Orders")
    assert [part["after"] for part in orders["parts"] if part["name"] == "speedups"] == [None]
    # Nothing was touched: neither the index nor the files, nor was anything left behind.
    assert (committed.root.parent / ".git/index").read_bytes() == index
    assert len(committed.index.requests) == asked
    assert not list(Path(os.environ["TMPDIR"]).glob("layerforge-*"))


def test_two_revisions_are_compared_as_text_and_as_markdown(committed: Shop) -> None:
    git(committed.root, "commit", "-q", "-a", "-m", "after")
    ended = committed.run("diff", "HEAD~1", "HEAD")
    assert ended.code == 0
    assert "-  speedups" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("1 distribution, ")
    assert "| - | speedups |" in committed.run("diff", "HEAD~1", "HEAD", "--markdown").stdout
    assert committed.run("diff", "HEAD", "HEAD").stdout.splitlines()[-1] == "nothing changed"


def test_code_that_is_built_only_here_is_not_compared(committed: Shop) -> None:
    committed.write(
        "layerforge.toml",
        'template = "template.yaml"\n[functions.Reports]\nsource = "build/reports"\n'
        'requirements = ["functions/reports/requirements.in"]\n',
    )
    git(committed.root, "add", "-A")
    git(committed.root, "commit", "-q", "-m", "code is generated")
    committed.write("build/reports/app.py", "x = 1\n" * 1000)
    assert committed.run("diff", "HEAD", "--json").document["functions"] == []


def test_manifests_locks_and_folders_are_compared_too(committed: Shop) -> None:
    before = committed.root.parent / "before"
    git(committed.root.parent, "worktree", "add", "-q", str(before), "HEAD")
    old = before / "shop"
    ended = committed.run("diff", str(old), ".", "--json")
    assert [one["name"] for one in ended.document["distributions"]] == ["speedups"]

    lock = "pylock.py313-x86-64.toml"
    document = committed.run("diff", str(old / lock), lock, "--json").document
    assert document["layers"] is None
    assert [one["name"] for one in document["functions"]] == ["Orders"]

    assert committed.run("build", "-q").code == 0
    kept = committed.root.parent / "kept"
    shutil.copytree(committed.output, kept)
    assert committed.run("diff", str(kept)).stdout.splitlines() == [
        f"{kept} -> .layerforge/manifest.json",
        "nothing changed",
    ]
    document = committed.run("diff", str(old), str(kept / "manifest.json"), "--json").document
    assert [one["name"] for one in document["distributions"]] == ["speedups"]


def test_a_revision_whose_functions_cannot_be_read_is_compared_by_its_locks(committed: Shop) -> None:
    template = (committed.root / "template.yaml").read_text()
    committed.write("template.yaml", "Resources: [\n")
    git(committed.root, "commit", "-q", "-a", "-m", "broken")
    committed.write("template.yaml", template)
    ended = committed.run("diff", "HEAD")
    assert ended.code == 0
    assert "its functions cannot be read here, so locks alone are compared" in ended.stderr
    assert ended.stdout.splitlines()[-1] == "nothing changed"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "'nowhere' is neither a git revision nor a file or folder with a manifest or locks"),
        (["--", "--output=x"], 2, "'--output=x' is neither a git revision"),
        (["HEAD", "functions"], 2, "'functions' is neither a git revision"),
        (["HEAD", "--json", "--markdown"], 2, "--markdown and --json exclude each other."),
        (["empty.json"], 4, "empty.json: this is not JSON"),
        (["foreign.toml"], 3, "foreign.toml: tool: the value is missing"),
    ],
)
def test_what_cannot_be_compared_is_told(committed: Shop, arguments: list[str], code: int, said: str) -> None:
    committed.write("empty.json", "")
    committed.write("foreign.toml", 'lock-version = "1.0"\n')
    ended = committed.run("diff", *arguments)
    assert (ended.code, said in ended.stdout + ended.stderr) == (code, True), ended


def test_a_revision_without_a_lock_is_told(committed: Shop) -> None:
    git(committed.root, "rm", "-q", "--cached", "pylock.py313-x86-64.toml", "pylock.py312-arm64.toml")
    git(committed.root, "commit", "-q", "-m", "no locks")
    ended = committed.run("diff")
    assert ended.code == 3
    assert "has no lock" in ended.stderr


def test_outside_of_a_repository_head_is_told(shop: Shop) -> None:
    assert shop.run("lock", "-q").code == 0
    ended = shop.run("diff")
    assert ended.code == 2
    assert "'HEAD' is neither a git revision" in ended.stderr


def test_a_folder_that_a_commit_does_not_have(committed: Shop) -> None:
    git(committed.root.parent, "checkout", "-q", "--orphan", "other")
    git(committed.root.parent, "read-tree", "--empty")
    git(committed.root.parent, "commit", "-q", "--allow-empty", "-m", "nothing")
    commit = find_commit(committed.root, "other")
    assert commit is not None
    with pytest.raises(UsageError, match="has no folder shop/"), files_of(committed.root, commit):
        pass


def test_files_are_those_of_the_commit_wherever_one_stands(
    committed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As inside of a git hook.
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    commit = find_commit(committed.root, "main")
    assert commit is not None
    with files_of(committed.root, commit) as folder:
        assert folder.name == "shop"
        assert (folder / "functions/orders/requirements.in").read_text().endswith("matrix[fast]\n")
    assert not folder.exists()
