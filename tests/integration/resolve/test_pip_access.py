from __future__ import annotations

import pytest

from layerforge.resolve.pip_worker.access import repository_url


@pytest.mark.parametrize(
    "url",
    [
        "git+https://me:t0ken@git.example/team/own.git",
        "git+https://me:t0ken@git.example/team/own.git@v1.2",
        "git+https://me:t0ken@git.example/team/own.git@feature/x#subdirectory=libs/own",
        "https://me:t0ken@git.example/team/own.git#egg=own",
    ],
)
def test_repository_of_a_git_url_keeps_credentials_and_drops_the_revision(url: str) -> None:
    assert repository_url(url) == "https://me:t0ken@git.example/team/own.git"
