"""The files of a project as a git revision has them, in a folder of their own."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from layerforge.errors import ToolError, UsageError
from layerforge.processes import failure_details, run_process

# Inside a git hook these point at what is being committed; here the folder alone decides.
_OF_A_HOOK = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"})
_TIMEOUT = 300.0


def find_commit(root: Path, revision: str) -> str | None:
    """The full id of the commit that `revision` names in the repository of `root`; None if it names none.

    Raises ToolError if there is no git.
    """
    if revision.startswith("-"):
        return None
    command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    done = run_process(command, cwd=root, env=_environment(), timeout=_TIMEOUT)
    return done.stdout.split()[-1] if done.code == 0 and done.stdout.split() else None


def find_base(root: Path, commit: str) -> str:
    """The commit at which HEAD left the history of `commit`; `commit` where git knows of none.

    In a shallow clone the histories may never meet. Raises ToolError if git takes too long.
    """
    command = ["git", "merge-base", "HEAD", commit]
    done = run_process(command, cwd=root, env=_environment(), timeout=_TIMEOUT)
    return done.stdout.split()[0] if done.code == 0 and done.stdout.split() else commit


def unknown_revision(root: Path, revision: str) -> UsageError:
    """Say why git does not know `revision`, and how it would."""
    asked = ["git", "rev-parse", "--is-shallow-repository"]
    done = run_process(asked, cwd=root, env=_environment(), timeout=_TIMEOUT)
    if done.code:
        return UsageError(
            f"{root} is in no git repository, so there is no {revision!r} to compare with",
            hint="leave --against out, or run it in a checkout",
        )
    shallow = done.stdout.strip() == "true"
    remote, slash, branch = revision.partition("/")
    remotes = run_process(["git", "remote"], cwd=root, env=_environment(), timeout=_TIMEOUT).stdout.split()
    if slash and remote in remotes:
        depth = "--depth=1 " if shallow else ""
        hint = f"fetch it: `git fetch {depth}{remote} {branch}:refs/remotes/{revision}`"
    else:
        hint = "name a branch, tag or commit, such as main or HEAD~1"
    if shallow:
        hint += "; or clone all: fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab"
    clone = "this shallow clone" if shallow else "this repository"
    return UsageError(f"{clone} knows no revision {revision!r}", hint=hint)


@contextlib.contextmanager
def files_of(root: Path, commit: str) -> Iterator[Path]:
    """A temporary folder, named as `root` is, that holds what `commit` has of it; nothing else is touched.

    Files of git-lfs stay the small files that git keeps of them. Raises UsageError if the commit does
    not have the folder, ToolError if git fails.
    """
    prefix = _git(["rev-parse", "--show-prefix"], root).strip()
    with tempfile.TemporaryDirectory(prefix="layerforge-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / (root.name or "root")
        folder.mkdir()
        # An index of our own, so that neither the user's index nor the files beside it are touched.
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        tree = f"{commit}:{prefix}"
        if run_process(["git", "cat-file", "-e", tree], cwd=root, env=_environment()).code:
            raise UsageError(f"{commit[:12]} has no folder {prefix}")
        _git(["read-tree", tree], root, index)
        _git(["checkout-index", "--all", f"--prefix={folder}{os.sep}"], _top(root), index)
        yield folder


def _top(root: Path) -> Path:
    return Path(_git(["rev-parse", "--show-toplevel"], root).strip())


def _git(arguments: list[str], cwd: Path, variables: Mapping[str, str] | None = None) -> str:
    command = ["git", *arguments]
    done = run_process(command, cwd=cwd, env=_environment() | dict(variables or {}), timeout=_TIMEOUT)
    if done.code:
        raise ToolError("git failed", details=failure_details(command, done))
    return done.stdout


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
