from __future__ import annotations

import errno
import os

import pytest

from layerforge.os_errors import as_expected


@pytest.mark.parametrize(
    ("number", "filename", "sentence", "hint"),
    [
        (
            errno.ENOSPC,
            None,
            "cannot go on: No space left on device",
            "free some space, then run the same command again",
        ),
        (
            errno.ENOTDIR,
            "/cache/locks",
            "cannot use /cache/locks: Not a directory",
            "check that it is what it should be, and its permissions, then run the same command again",
        ),
        (
            errno.EACCES,
            "https://me:secret@index.example/x",
            "cannot use https://****@index.example/x: Permission denied",
            "check that it is what it should be, and its permissions, then run the same command again",
        ),
    ],
)
def test_what_the_machine_refuses(number: int, filename: str | None, sentence: str, hint: str) -> None:
    error = as_expected(OSError(number, os.strerror(number), filename))
    assert error is not None
    assert (error.headline, error.hint) == (sentence, hint)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EBADF, errno.EINVAL])
def test_what_is_more_likely_a_bug(number: int) -> None:
    assert as_expected(OSError(number, os.strerror(number))) is None
