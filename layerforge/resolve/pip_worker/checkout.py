"""Commits of git repositories, brought by pip's own way to git, credentials off the command line."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from pip._internal.exceptions import BadCommand, InstallationError
from pip._internal.utils.misc import hide_url
from pip._internal.vcs.versioncontrol import vcs

from layerforge.errors import PackageIndexError, ToolError
from layerforge.model.lock import VcsSource
from layerforge.model.url import redact, strip_credentials
from layerforge.resolve.pip_worker.access import Access
from layerforge.resolve.pip_worker.failures import output_of

_git_lock = threading.Lock()


def check_out(access: Access, source: VcsSource, destination: Path) -> str:
    """Bring `requested_revision` (None: the default branch) to `destination`; its commit."""
    backend = vcs.get_backend("git")
    if backend is None:
        raise ToolError("git is not installed, and a requirement comes from a git repository")
    url = _without_credentials(access.with_credentials(source.url))
    revision = f"@{source.requested_revision}" if source.requested_revision else ""
    try:
        backend.unpack(str(destination), url=hide_url(f"git+{url}{revision}"), verbosity=0)
        return backend.get_revision(str(destination))
    except BadCommand as error:
        raise ToolError("git is not installed, and a requirement comes from a git repository") from error
    except InstallationError as error:
        what = f" at {source.requested_revision}" if source.requested_revision else ""
        raise PackageIndexError(
            f"{redact(url)}{what} cannot be fetched with git",
            details=output_of(error) or [redact(line) for line in str(error).splitlines()[:5]],
            hint="check the URL and the revision, and that git itself may read it without asking "
            "(ssh key, credential helper, netrc)",
        ) from error


def _without_credentials(url: str) -> str:
    """`url` for git's command line; git learns of the credentials through its environment."""
    stripped = strip_credentials(url)
    if stripped == url:
        return url
    secret, _, path = url.partition("://")[2].partition("/")
    scheme = url.partition("://")[0]
    plain = f"{scheme}://{secret.rpartition('@')[2]}/"
    with _git_lock:
        count = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
        known = {os.environ.get(f"GIT_CONFIG_VALUE_{number}") for number in range(count)}
        if plain not in known:
            os.environ[f"GIT_CONFIG_KEY_{count}"] = f"url.{scheme}://{secret}/.insteadOf"
            os.environ[f"GIT_CONFIG_VALUE_{count}"] = plain
            os.environ["GIT_CONFIG_COUNT"] = str(count + 1)
    return plain + path
