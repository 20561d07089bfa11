"""Asks every index for a project, once, and tells pip's settings without their secrets."""

from __future__ import annotations

import time
from pathlib import Path

from pip._internal.configuration import get_configuration_files

from layerforge.errors import PackageIndexError
from layerforge.model.url import redact, redact_address
from layerforge.resolve.pip_worker.access import Access, local_path, redacted
from layerforge.resolve.pip_worker.failures import status_error
from layerforge.resolve.reach import IndexReport, PipSettings, Reached

_NOT_THERE = 404
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


def examine(access: Access, project: str) -> IndexReport:
    """Settings as pip merges them, and whether its indexes answer."""
    return IndexReport(
        project=project,
        settings=_settings(access),
        reached=tuple(_reach(access, url, project) for url in dict.fromkeys(access.index_urls)),
    )


def _settings(access: Access) -> PipSettings:
    options = access.options
    named = [file for files in get_configuration_files().values() for file in files]
    return PipSettings(
        files=tuple(sorted({file for file in named if Path(file).is_file()})),
        index_urls=tuple(redacted(access.index_urls)),
        find_links=tuple(redacted(options.find_links)),
        trusted_hosts=tuple(options.trusted_hosts),
        proxy=redact_address(options.proxy) if options.proxy else None,
        cert=options.cert or None,
        client_cert=options.client_cert or None,
    )


def _reach(access: Access, url: str, project: str) -> Reached:
    if (folder := local_path(url)) is not None:
        problem = None if folder.is_dir() else f"{url} is no folder of this machine"
        hint = "correct the index URL" if problem else None
        return Reached(url=url, seconds=0.0, status=None, problem=problem, hint=hint)
    started = time.monotonic()
    status, error = None, None
    try:
        with access.request(
            "GET", f"{url.rstrip('/')}/{project}/", headers={"Accept": _ACCEPT}, stream=True
        ) as response:
            status = response.status_code
            if status >= 400 and status != _NOT_THERE:
                error = status_error(url, status)
    except PackageIndexError as raised:
        error = raised
    return Reached(
        url=redact(url),
        seconds=time.monotonic() - started,
        status=status,
        problem=error.sentence if error else None,
        details=error.details if error else (),
        hint=error.hint if error else None,
    )
