"""`layerforge check --against`, with real git repositories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layerforge import cli
from tests.locked_projects import distribution, git, write_locked

MB = 2**20
NUMPY = distribution("numpy", "2.1", 20 * MB)
AFTER = (
    distribution("numpy", "2.2", 22 * MB),
    distribution("pandas", "2.2", 29 * MB, requires=["numpy"]),
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A project in a folder of a repository; its branch asks for pandas, and main went on elsewhere."""
    root = tmp_path / "repository" / "shop"
    write_locked(root, {"orders": ["numpy"], "mail": []}, [NUMPY])
    git(root.parent, "init", "-q", "-b", "main")
    commit(root, "before")
    git(root, "checkout", "-q", "-b", "work")
    grow(root)
    commit(root, "after")
    git(root, "checkout", "-q", "main")
    (root.parent / "README").write_text("elsewhere")
    commit(root.parent, "elsewhere")
    git(root, "checkout", "-q", "work")
    return root / "layerforge.toml"


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


def grow(root: Path, config: str = "") -> None:
    write_locked(root, {"orders": ["numpy", "pandas"], "mail": []}, AFTER, config=config)


def check(config: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["check", "--config", str(config), *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_growth_is_told_in_every_form(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grow(config.parent, '[limits]\ngrowth = "25 MB"')
    assert check(config, capsys, "-q")[0] == 0
    code, out, _ = check(config, capsys, "--against", "main", "--json")
    document: dict[str, Any] = json.loads(out)
    base = git(config.parent, "merge-base", "main", "HEAD")
    assert base != git(config.parent, "rev-parse", "main")
    assert (code, document["ok"]) == (5, False)
    assert document["against"] == {"revision": "main", "commit": base}
    assert [one["sentence"] for one in document["findings"] if one["severity"] == "error"] == [
        (
            "orders grew by 31.0 MB since main, 6.0 MB more than the 25.0 MB that [limits] growth allows, "
            "because pandas 2.2 came in (+29.0 MB, required by orders/requirements.txt:2) "
            "and numpy 2.1 -> 2.2 grew by 2.0 MB"
        )
    ]
    code, _, err = check(config, capsys, "--against", "main", "-q")
    assert (code, err.startswith("error: orders grew by 31.0 MB since main, ")) == (5, True)
    code, out, _ = check(config, capsys, "--against", "main", "--format", "github")
    place = "file=shop/orders/requirements.txt,line=2,title=layerforge growth"
    assert (code, f"::error {place}::orders grew by" in out) == (5, True)
    assert '"ruleId": "growth"' in check(config, capsys, "--against", "main", "--format", "sarif")[1]
    assert 'type="growth"' in check(config, capsys, "--against", "main", "--format", "junit")[1]


def test_growth_within_the_budget_is_told_and_passes(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grow(config.parent, '[limits]\ngrowth = "32 MB"')
    code, out, err = check(config, capsys, "--against", "main")
    assert (code, "2 functions are within the limits" in out) == (0, True)
    assert "note: orders grew by 31.0 MB since main, because pandas 2.2 came in" in err
    # What one function may grow by is its own affair.
    text = config.read_text() + '[functions.mail.limits]\ngrowth = "1 KB"\n'
    config.write_text(text.replace("32 MB", "1 KB") + '[functions.orders.limits]\ngrowth = "40 MB"\n')
    assert check(config, capsys, "--against", "main")[0] == 0


def test_nothing_has_grown_since_now(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = check(config, capsys, "--against", "HEAD")
    assert (code, "grew" in err) == (0, False)


def test_a_commit_is_read_once(config: Path, capsys: pytest.CaptureFixture[str], cache: Path) -> None:
    code, out, err = check(config, capsys, "--against", "main", "-v")
    assert err.startswith("reading main: ")
    (state,) = (cache / "facts" / "revision").rglob("*.json")
    written = state.stat().st_mtime_ns
    assert check(config, capsys, "--against", "main", "-v") == (code, out, err.partition("\n")[2])
    # Whoever compares with it takes what was remembered: what is now, may change.
    (config.parent / "orders" / "app.py").write_bytes(bytes(2 * MB))
    code, _, err = check(config, capsys, "--against", "main", "-v")
    assert (code, "numpy 2.1 -> 2.2 grew by 2.0 MB and its own code grew by 2.0 MB" in err) == (0, True)
    assert (
        cli.run(["diff", "--config", str(config), git(config.parent, "rev-parse", "main~1"), "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["functions"][0]["name"] == "orders"
    assert [one.stat().st_mtime_ns for one in (cache / "facts" / "revision").rglob("*.json")] == [written]


def test_a_base_without_a_lock_is_a_note(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(config.parent, "checkout", "-q", "--orphan", "bare")
    git(config.parent, "rm", "-q", "--cached", "pylock.py313-x86-64.toml")
    git(config.parent, "commit", "-q", "-m", "no lock")
    code, _, err = check(config, capsys, "--against", "HEAD")
    assert code == 0
    assert "has no lock: there is nothing that functions could have grown from" in err


def test_revisions_that_git_does_not_know(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(config, capsys, "--against", "origin/main") == (
        2,
        "",
        (
            "error: this repository knows no revision 'origin/main'\n"
            "hint: name a branch, tag or commit, such as main or HEAD~1\n"
        ),
    )
    assert "knows no revision '--all'" in check(config, capsys, "--against=--all")[2]
    code, out, _ = check(config, capsys, "--against", "origin/main", "--format", "github")
    assert (code, out.startswith("::error title=layerforge usage::this repository knows no")) == (2, True)


def test_a_shallow_clone_is_told_what_to_fetch(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = config.parent.parent
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=work", f"file://{origin}", "clone")
    clone = tmp_path / "clone"
    cloned = clone / "shop" / "layerforge.toml"
    assert check(cloned, capsys, "--against", "origin/main") == (
        2,
        "",
        (
            "error: this shallow clone knows no revision 'origin/main'\n"
            "hint: fetch it: `git fetch --depth=1 origin main:refs/remotes/origin/main`; "
            "or clone all: fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab\n"
        ),
    )
    # What the hint says helps; nobody knows there where the branch left main, so it is main itself.
    git(clone, "fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
    code, out, _ = check(cloned, capsys, "--against", "origin/main", "--json")
    assert (code, json.loads(out)["against"]["commit"]) == (0, git(origin, "rev-parse", "main"))
    assert "grown" in {one["code"] for one in json.loads(out)["findings"]}


def test_outside_of_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_locked(tmp_path / "alone", {"orders": ["numpy"]}, [NUMPY])
    code, _, err = check(config, capsys, "--against", "main")
    assert code == 2
    assert "alone is in no git repository, so there is no 'main' to compare with" in err


def test_a_layer_over_its_budget(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grow(config.parent, '[limits]\nlayer = "30 MB"')
    code, _, err = check(config, capsys)
    assert code == 5
    assert "holds 51.0 MB unzipped, 21.0 MB (22,020,096 bytes) over the 30.0 MB that [limits] layer" in err
