"""The pre-commit framework installs the hook from a repository of layerforge and lets or stops commits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wheel_files import MakeWheel

REPOSITORY = Path(__file__).resolve().parents[2]
MEGABYTE = 2**20

pytestmark = [pytest.mark.network, pytest.mark.slow]


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        text=True,
        capture_output=True,
        check=False,
        timeout=600,
    )


def git(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    settings = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    return run("git", *settings, *arguments, cwd=cwd, env=env)


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def snapshot(destination: Path) -> str:
    """This checkout as it is, committed or not, as a repository of its own; its commit."""
    listed = succeeded(git("ls-files", "-z", "-co", "--exclude-standard", cwd=REPOSITORY))
    for name in filter(None, listed.split("\0")):
        source, target = REPOSITORY / name, destination / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    succeeded(git("init", "--quiet", cwd=destination))
    succeeded(git("add", "--all", "--force", cwd=destination))
    succeeded(git("commit", "--quiet", "--message", "snapshot", cwd=destination))
    return succeeded(git("rev-parse", "HEAD", cwd=destination))


def write_project(root: Path, hooks: Path, revision: str, wheels: Path) -> None:
    source = root / "functions" / "orders"
    source.mkdir(parents=True)
    (source / "app.py").write_text("def handler(event, context):\n    return event\n")
    (source / "requirements.in").write_text(f"--no-index\n--find-links {wheels}\nlight\n")
    (root / "layerforge.toml").write_text(
        'name = "shop"\nruntime = "python3.13"\n\n[functions.orders]\nsource = "functions/orders"\n'
    )
    (root / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks}\n  rev: {revision}\n  hooks:\n  - id: layerforge-check\n"
    )
    succeeded(git("init", "--quiet", cwd=root))


def test_commits_over_the_limit_are_refused(make_wheel: MakeWheel, tmp_path: Path) -> None:
    environment = {"PRE_COMMIT_HOME": str(tmp_path / "pre-commit"), "NO_COLOR": "1"}
    hooks, root = tmp_path / "layerforge", tmp_path / "shop"
    hooks.mkdir()
    light = make_wheel("light", "1.0")
    make_wheel("middle", "2.0", requires=["heavy"])
    make_wheel("heavy", "3.0", files={"heavy.bin": bytes(260 * MEGABYTE)})
    write_project(root, hooks, snapshot(hooks), light.parent)
    layerforge = (sys.executable, "-m", "layerforge")

    succeeded(run(sys.executable, "-m", "pre_commit", "install", cwd=root, env=environment))
    succeeded(run(*layerforge, "lock", cwd=root))
    succeeded(git("add", "--all", cwd=root))
    within = git("commit", "--message", "orders", cwd=root, env=environment)
    assert within.returncode == 0, within.stdout + within.stderr
    assert "layerforge check" in within.stderr
    assert "Passed" in within.stderr

    requirements = root / "functions/orders/requirements.in"
    requirements.write_text(requirements.read_text().replace("light", "light\nmiddle"))
    succeeded(git("add", "--all", cwd=root))
    stale = git("commit", "--message", "heavier", cwd=root, env=environment)
    assert stale.returncode == 1
    assert "- exit code: 3" in stale.stderr

    succeeded(run(*layerforge, "lock", cwd=root))
    succeeded(git("add", "--all", cwd=root))
    refused = git("commit", "--message", "heavier", cwd=root, env=environment)
    assert refused.returncode == 1
    assert "- exit code: 5" in refused.stderr
    assert "error: orders needs 260.0 MB unzipped, 10.0 MB (" in refused.stderr
    assert "over Lambda's 250 MB" in refused.stderr
    assert "heavy 3.0" in refused.stderr
    assert "required by middle 2.0 (functions/orders/requirements.in:4)" in refused.stderr
    assert succeeded(git("log", "--format=%s", cwd=root)) == "orders"

    (root / "notes.md").write_text("Nothing that the hook looks at.\n")
    succeeded(git("reset", "--quiet", cwd=root))
    succeeded(git("add", "notes.md", cwd=root))
    unrelated = git("commit", "--message", "notes", cwd=root, env=environment)
    assert unrelated.returncode == 0
    assert "(no files to check)" in unrelated.stderr

    # Where requirements change, the other hook writes the lock, and the commit is to be made again with it.
    config = root / ".pre-commit-config.yaml"
    config.write_text(config.read_text().replace("layerforge-check", "layerforge-lock"))
    requirements.write_text(requirements.read_text().replace("light\nmiddle", "light"))
    succeeded(git("add", "--all", cwd=root))
    locked = git("commit", "--message", "lighter", cwd=root, env=environment)
    assert locked.returncode == 1, locked.stdout + locked.stderr
    assert "- hook id: layerforge-lock" in locked.stderr
    assert "files were modified by this hook" in locked.stderr
    (lock,) = root.glob("pylock.*.toml")
    assert "heavy" not in lock.read_text()
    succeeded(git("add", "--all", cwd=root))
    again = git("commit", "--message", "lighter", cwd=root, env=environment)
    assert again.returncode == 0, again.stdout + again.stderr
