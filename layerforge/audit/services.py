"""PyPI and OSV, asked through pip-audit: the only module that imports it. Needs `layerforge[audit]`."""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerforge.audit.advisories import Advisory, Answer, Pin
from layerforge.errors import ToolError
from layerforge.model.audit import AuditSettings
from layerforge.model.url import redact
from layerforge.processes import run_process

if TYPE_CHECKING:
    from pip_audit._service import VulnerabilityResult, VulnerabilityService

_TIMEOUT = 20
_RETRIES = 3
_LONGEST_DESCRIPTION = 160
_BUSY = (429, 500, 502, 503, 504)


class PipAuditService:
    """A service of pip-audit, which keeps PyPI's answers below `cache` for as long as they say.

    `network` holds a `proxy` and a `cert`; pip's own if it is not given. Raises ToolError if pip-audit is
    not installed.
    """

    def __init__(
        self, settings: AuditSettings, *, cache: Path, network: Mapping[str, str] | None = None
    ) -> None:
        require_pip_audit()
        from pip_audit._service import OsvService, PyPIService

        if settings.service == "osv":
            self.name, self.url = "OSV", settings.url or OsvService.DEFAULT_OSV_URL
            self._service: VulnerabilityService = OsvService(cache, _TIMEOUT, self.url)
        else:
            self.name, self.url = "PyPI", "https://pypi.org"
            self._service = PyPIService(cache, _TIMEOUT)
        _prepare(self._service.session, pip_network() if network is None else network)

    def ask(self, pin: Pin) -> Answer:
        """Ask about one distribution. Raises ToolError if no answer comes, or none that can be read."""
        from packaging.version import InvalidVersion, Version
        from pip_audit._service import ResolvedDependency, ServiceError
        from requests import RequestException

        name, version = pin
        try:
            dependency, found = self._service.query(ResolvedDependency(name, Version(version)))
        except InvalidVersion as error:
            raise self._failure(f"its answer about {name} {version} cannot be read", error) from error
        except (RequestException, ServiceError) as error:
            raise self._failure(f"it gave no answer about {name} {version}", error) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._failure(f"its answer about {name} {version} cannot be read", error) from error
        return Answer(advisories=_merge(map(_advisory, found)), is_known=not dependency.is_skipped())

    def _failure(self, what: str, error: Exception) -> ToolError:
        told = str(error) or str(error.__cause__ or type(error).__name__)
        return ToolError(
            f"{self.name} ({redact(self.url)}) cannot be asked for vulnerabilities: {what}",
            details=(redact(told),),
            hint="HTTPS_PROXY names a proxy, PIP_CERT the certificates of your network; "
            "[audit] service and url in layerforge.toml name another service",
        )


def require_pip_audit() -> None:
    """Raise ToolError if pip-audit is not installed."""
    try:
        import pip_audit
    except ImportError as error:
        raise ToolError(
            "an audit needs pip-audit, which is not installed",
            details=(str(error),),
            hint="pip install 'layerforge[audit]'",
        ) from error
    del pip_audit


def _prepare(session: Any, network: Mapping[str, str]) -> None:
    """Let a session go through a proxy, trust certificates, and try again."""
    from urllib3.util import Retry

    retries = Retry(
        _RETRIES,
        backoff_factor=0.3,
        status_forcelist=_BUSY,
        allowed_methods=None,  # OSV's questions are POSTs that change nothing
        raise_on_status=False,
    )
    for adapter in session.adapters.values():
        adapter.max_retries = retries
    if "proxy" in network:
        session.proxies = dict.fromkeys(("http", "https"), network["proxy"])
    # requests knows REQUESTS_CA_BUNDLE by itself, and puts it before what the session says.
    if "cert" in network and not os.environ.get("REQUESTS_CA_BUNDLE"):
        session.verify = network["cert"]


def pip_network() -> dict[str, str]:
    """`proxy` and `cert` of pip's files and variables. None of them, if pip cannot say."""
    command = [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"]
    try:
        done = run_process(command, timeout=_TIMEOUT)
    except ToolError:
        return {}
    settings: dict[str, str] = {}
    # Variables (`:env:.cert='…'`) come last, and go before files.
    for line in done.stdout.splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in ("proxy", "cert") and key.startswith((":env:", "global.")):
            with contextlib.suppress(SyntaxError, ValueError):
                settings[name] = str(ast.literal_eval(value))
    return {name: value for name, value in settings.items() if value}


def _merge(found: Iterable[Advisory]) -> tuple[Advisory, ...]:
    """One for each vulnerability: several databases tell of the same under names of their own."""
    merged: list[Advisory] = []
    for one in found:
        same = [known for known in merged if known.ids & one.ids]
        merged = [known for known in merged if known not in same]
        first = same[0] if same else one
        every = [*same, one]
        merged.append(
            Advisory(
                id=first.id,
                aliases=tuple(sorted(frozenset().union(*(each.ids for each in every)) - {first.id})),
                description=next((each.description for each in every if each.description), ""),
                fixed_in=next((each.fixed_in for each in every if each.fixed_in), ()),
            )
        )
    return tuple(sorted(merged, key=lambda one: one.id))


def _advisory(result: VulnerabilityResult) -> Advisory:
    words = "".join(letter if letter.isprintable() else " " for letter in result.description).split()
    text = " ".join(words)
    short = text if len(text) <= _LONGEST_DESCRIPTION else f"{text[: _LONGEST_DESCRIPTION - 1].rstrip()}…"
    return Advisory(
        id=str(result.id),
        aliases=tuple(sorted(map(str, result.aliases))),
        description="" if short == "N/A" else short,
        fixed_in=tuple(str(version) for version in result.fix_versions),
    )
